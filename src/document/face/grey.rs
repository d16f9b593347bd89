//! Pictures of a dossier as the press takes them: decoded by the very decoder that admitted them.

use super::fault::PICTURE_UNREADABLE;
use super::halftone::Grey;
use crate::base::Fault;
use crate::dossier::Image;
use crate::dossier::image::decode_grey;

/// Decodes a picture of a dossier to grey.
pub(super) fn decode(image: &Image) -> Result<Grey, Fault> {
    let unreadable = |why: &str| Fault::new(&PICTURE_UNREADABLE, format!("{:?}: {why}", image.format));
    let picture = decode_grey(image).map_err(|fault| unreadable(&fault.detail))?;
    Grey::new(picture.width as usize, picture.height as usize, picture.pixels)
        .ok_or_else(|| unreadable("size"))
}
