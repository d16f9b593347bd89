//! Portraits and fingerprint pictures: measured by their headers before anything is decoded, then decoded for proof.
//!
//! A picture of a few kilobytes may claim a billion pixels; nothing is allocated for it before its header has been
//! held against [`crate::base::limits`]. Decoders run under `catch_unwind`: a picture must not stop intake, whatever a
//! decoder thinks of it.

mod header;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_jpeg2000::{DecodeSettings, DecoderContext};
use png::{BitDepth, ColorType};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::fault;
use super::record::{Image, ImageFormat};
use crate::base::{Fault, limits};

pub use header::{Header, probe};

/// Scans of a progressive JPEG; real encoders make about ten.
const JPEG_SCANS_MAX: usize = 64;

/// An 8-bit grey picture, rows from the top, 0 is black.
#[derive(Clone, Eq, PartialEq)]
pub struct Grey {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width × height` shades.
    pub pixels: Vec<u8>,
}

impl Image {
    /// An image whose measures are those of its own header.
    ///
    /// # Errors
    /// No known format, or a header outside the limits.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Fault> {
        let header = probe(&bytes)?;
        Ok(Self {
            format: header.format,
            width: header.width,
            height: header.height,
            bytes,
        })
    }
}

/// Decodes a picture to grey.
///
/// # Errors
/// Outside the limits, not what it was declared to be, or damaged.
pub fn decode_grey(image: &Image) -> Result<Grey, Fault> {
    let header = probe(&image.bytes)?;
    if (header.format, header.width, header.height) != (image.format, image.width, image.height) {
        return Err(Fault::new(&fault::IMAGE_UNREADABLE, "declared otherwise"));
    }
    let decoded = catch_unwind(AssertUnwindSafe(|| match header.format {
        ImageFormat::Jpeg => decode_jpeg(&image.bytes),
        ImageFormat::Jpeg2000 => decode_jpeg2000(&image.bytes),
        ImageFormat::Png => decode_png(&image.bytes),
    }));
    let pixels = decoded
        .unwrap_or(Err("decoder"))
        .map_err(|what| Fault::new(&fault::IMAGE_UNREADABLE, what))?;
    if pixels.len() as u64 != header.pixels() {
        return Err(Fault::new(&fault::IMAGE_UNREADABLE, "size"));
    }
    Ok(Grey {
        width: header.width,
        height: header.height,
        pixels,
    })
}

fn decode_jpeg(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(limits::PORTRAIT_SIDE_MAX as usize)
        .set_max_height(limits::PORTRAIT_SIDE_MAX as usize)
        .jpeg_set_max_scans(JPEG_SCANS_MAX)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
        .decode()
        .map_err(|_| "JPEG")
}

fn decode_jpeg2000(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    let image = hayro_jpeg2000::Image::new(bytes, &settings).map_err(|_| "JPEG 2000")?;
    let channels = usize::from(image.color_space().num_channels()) + usize::from(image.has_alpha());
    let mut context = DecoderContext::default();
    let interleaved = image.decode(&mut context).map_err(|_| "JPEG 2000")?.data_u8();
    match channels {
        1 => Ok(interleaved),
        2 => Ok(interleaved.iter().copied().step_by(2).collect()),
        3 | 4 => Ok(interleaved.chunks_exact(channels).map(luma).collect()),
        _ => Err("JPEG 2000"),
    }
}

fn decode_png(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let limits = png::Limits {
        bytes: usize::try_from(limits::PORTRAIT_PIXELS_MAX).unwrap_or(usize::MAX),
    };
    let mut reader = png::Decoder::new_with_limits(Cursor::new(bytes), limits)
        .read_info()
        .map_err(|_| "PNG")?;
    if reader.output_color_type() != (ColorType::Grayscale, BitDepth::Eight) {
        return Err("PNG, not 8-bit grey");
    }
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("PNG")?];
    reader.next_frame(&mut pixels).map_err(|_| "PNG")?;
    Ok(pixels)
}

/// ITU-R BT.601 luma of a pixel that begins with red, green, blue.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue, ..] = pixel else { return 0 };
    let sum = 299 * u32::from(*red) + 587 * u32::from(*green) + 114 * u32::from(*blue);
    u8::try_from((sum + 500) / 1000).unwrap_or(u8::MAX)
}

impl std::fmt::Debug for Grey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grey({}×{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests;
