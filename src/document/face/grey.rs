//! Encoded pictures to grey. Bounds are checked on the picture's own header before anything is decoded.

use hayro_jpeg2000::{DecodeSettings, DecoderContext};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::fault::PICTURE_UNREADABLE;
use super::halftone::Grey;
use crate::base::{Fault, limits};
use crate::dossier::{Image, ImageFormat};

/// Decodes a picture of a dossier to grey.
pub(super) fn decode(image: &Image) -> Result<Grey, Fault> {
    match image.format {
        ImageFormat::Jpeg => jpeg(&image.bytes),
        ImageFormat::Jpeg2000 => jpeg2000(&image.bytes),
        ImageFormat::Png => png(&image.bytes),
    }
    .ok_or_else(|| Fault::new(&PICTURE_UNREADABLE, format!("{:?}", image.format)))
}

fn permitted(width: usize, height: usize) -> bool {
    let (width, height) = (width as u64, height as u64);
    let side = u64::from(limits::PORTRAIT_SIDE_MAX);
    width <= side && height <= side && width * height <= limits::PORTRAIT_PIXELS_MAX
}

fn jpeg(bytes: &[u8]) -> Option<Grey> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let info = decoder.info()?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    if !permitted(width, height) {
        return None;
    }
    Grey::new(width, height, decoder.decode().ok()?)
}

fn jpeg2000(bytes: &[u8]) -> Option<Grey> {
    let image = hayro_jpeg2000::Image::new(bytes, &DecodeSettings::default()).ok()?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    if !permitted(width, height) {
        return None;
    }
    let colours = usize::from(image.color_space().num_channels());
    let channels = colours + usize::from(image.has_alpha());
    let pixels = image.decode(&mut DecoderContext::default()).ok()?.data_u8();
    let pixels = match colours {
        1 => pixels.chunks_exact(channels).map(|pixel| pixel[0]).collect(),
        3 => pixels.chunks_exact(channels).map(luma).collect(),
        _ => return None,
    };
    Grey::new(width, height, pixels)
}

fn png(bytes: &[u8]) -> Option<Grey> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().ok()?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let grey = reader.output_color_type() == (png::ColorType::Grayscale, png::BitDepth::Eight);
    if !grey || !permitted(width, height) {
        return None;
    }
    let mut pixels = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut pixels).ok()?;
    Grey::new(width, height, pixels)
}

/// Luma of a red, green, blue pixel (ITU-R BT.601), in 1/256.
fn luma(pixel: &[u8]) -> u8 {
    let sum: u32 = pixel
        .iter()
        .zip([77_u32, 150, 29])
        .map(|(part, weight)| u32::from(*part) * weight)
        .sum();
    u8::try_from(sum / 256).unwrap_or(u8::MAX)
}
