//! Faces as PNG pictures for `preview` and `export`.

use super::{DOTS_PER_INCH, Faces, fault};
use crate::base::{Bitmap, Fault};

impl Faces {
    /// Front and back as one-bit PNG pictures, ink black.
    ///
    /// # Errors
    /// None for faces a press has made.
    pub fn png(&self) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        Ok((encode(&self.front)?, encode(&self.back)?))
    }
}

fn encode(picture: &Bitmap) -> Result<Vec<u8>, Fault> {
    let failed = |error: png::EncodingError| Fault::new(&fault::PREVIEW_FAILED, error.to_string());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let per_metre = super::units::whole((DOTS_PER_INCH / 0.0254).round()).unsigned_abs();
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header().map_err(failed)?;
    // In PNG grey 1 is white; on a card a set bit is ink.
    let inverted: Vec<u8> = picture.rows().iter().map(|byte| !byte).collect();
    writer.write_image_data(&inverted).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
