//! Measures of a picture from its header alone, held against the limits.

use crate::base::{Fault, limits};
use crate::dossier::fault;
use crate::dossier::record::ImageFormat;

/// What a header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The format, by the bytes themselves.
    pub format: ImageFormat,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Header {
    /// Area in pixels.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Tiles of a JPEG 2000 codestream; a portrait has one.
const TILES_MAX: u64 = 256;
/// Quality layers of a JPEG 2000 codestream; encoders make up to about twenty.
const LAYERS_MAX: u16 = 64;
/// Boxes or marker segments looked at before the measures must have come.
const SEGMENTS_MAX: usize = 256;

/// Reads the header of a JPEG, JPEG 2000 (JP2 or raw codestream) or PNG image.
///
/// # Errors
/// No such image, or more bytes, a longer side or a larger area than the limits allow.
pub fn probe(bytes: &[u8]) -> Result<Header, Fault> {
    if bytes.len() > limits::PORTRAIT_BYTES_MAX {
        return Err(Fault::new(&fault::IMAGE_LIMITS, format!("{} bytes", bytes.len())));
    }
    let (format, measures) = if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        (ImageFormat::Jpeg, jpeg(bytes))
    } else if bytes.starts_with(b"\x00\x00\x00\x0CjP  \r\n\x87\n") {
        (ImageFormat::Jpeg2000, jp2(bytes))
    } else if bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
        (ImageFormat::Jpeg2000, codestream(bytes))
    } else if bytes.starts_with(b"\x89PNG\r\n\x1A\n") {
        (ImageFormat::Png, png(bytes))
    } else {
        return Err(Fault::new(&fault::IMAGE_UNREADABLE, "format"));
    };
    let (width, height) = measures.ok_or_else(|| Fault::new(&fault::IMAGE_UNREADABLE, "header"))?;
    let header = Header {
        format,
        width,
        height,
    };
    if width == 0 || height == 0 {
        return Err(Fault::new(&fault::IMAGE_UNREADABLE, "empty"));
    }
    if width.max(height) > limits::PORTRAIT_SIDE_MAX || header.pixels() > limits::PORTRAIT_PIXELS_MAX {
        return Err(Fault::new(&fault::IMAGE_LIMITS, format!("{width}×{height}")));
    }
    Ok(header)
}

/// ISO/IEC 10918-1, annex B: marker segments up to the frame header. Baseline, extended and progressive Huffman frames
/// of 8 bits and one or three components are known.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    for _ in 0..SEGMENTS_MAX {
        while bytes.get(at) == Some(&0xFF) && bytes.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let (0xFF, marker) = (*bytes.get(at)?, *bytes.get(at + 1)?) else {
            return None;
        };
        let length = usize::from(u16_at(bytes, at + 2)?);
        match marker {
            0xC0..=0xC2 => {
                let (precision, components) = (*bytes.get(at + 4)?, *bytes.get(at + 9)?);
                let (height, width) = (u16_at(bytes, at + 5)?, u16_at(bytes, at + 7)?);
                let known = precision == 8 && matches!(components, 1 | 3);
                return known.then_some((u32::from(width), u32::from(height)));
            }
            // Other frames (lossless, arithmetic, hierarchical), or no frame before the picture.
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xD0..=0xDA => return None,
            _ if length < 2 => return None,
            _ => at += 2 + length,
        }
    }
    None
}

/// ISO/IEC 15444-1, annex I: boxes up to the contiguous codestream, whose own measures count, because that is what is
/// decoded.
fn jp2(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 0usize;
    let mut announced = None;
    for _ in 0..SEGMENTS_MAX {
        let (short, kind) = (u32_at(bytes, at)?, bytes.get(at + 4..at + 8)?);
        let (head, length) = match short {
            0 => (8, bytes.len() - at),
            1 => (
                16,
                usize::try_from(u64::from(u32_at(bytes, at + 8)?) << 32 | u64::from(u32_at(bytes, at + 12)?))
                    .ok()?,
            ),
            _ => (8, usize::try_from(short).ok()?),
        };
        if length < head {
            return None;
        }
        match kind {
            b"jp2h" if bytes.get(at + head + 4..at + head + 8) == Some(b"ihdr") => {
                announced = Some((u32_at(bytes, at + head + 12)?, u32_at(bytes, at + head + 8)?));
            }
            b"jp2c" => {
                let measures = codestream(bytes.get(at + head..)?)?;
                return (announced == Some(measures)).then_some(measures);
            }
            _ => {}
        }
        at = at.checked_add(length)?;
    }
    None
}

/// ISO/IEC 15444-1, annex A: SIZ must be the first segment; COD tells the number of layers.
fn codestream(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
        return None;
    }
    let [right, bottom, left, top, tile_width, tile_height] =
        [8, 12, 16, 20, 24, 28].map(|at| u32_at(bytes, at));
    let (width, height) = (right?.checked_sub(left?)?, bottom?.checked_sub(top?)?);
    let components = u16_at(bytes, 40)?;
    let (tile_width, tile_height) = (u64::from(tile_width?), u64::from(tile_height?));
    if !(1..=4).contains(&components) || tile_width == 0 || tile_height == 0 {
        return None;
    }
    // Components must be of 8 bits, unsigned, and not subsampled.
    for index in 0..usize::from(components) {
        if bytes.get(42 + 3 * index..45 + 3 * index)? != [7, 1, 1] {
            return None;
        }
    }
    let tiles = u64::from(right?).div_ceil(tile_width) * u64::from(bottom?).div_ceil(tile_height);
    (tiles <= TILES_MAX && layers(bytes)? <= LAYERS_MAX).then_some((width, height))
}

fn layers(bytes: &[u8]) -> Option<u16> {
    let mut at = 2;
    for _ in 0..SEGMENTS_MAX {
        match u16_at(bytes, at)? {
            0xFF52 => return u16_at(bytes, at + 6),
            // The first tile comes without coding style: nothing to decode by.
            0xFF90 => return None,
            _ => at += 2 + usize::from(u16_at(bytes, at + 2)?),
        }
    }
    None
}

/// ISO/IEC 15948: IHDR is the first chunk; 8 bits of grey.
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.get(8..16)? != b"\x00\x00\x00\x0DIHDR" || bytes.get(24..26)? != [8, 0] {
        return None;
    }
    Some((u32_at(bytes, 16)?, u32_at(bytes, 20)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}
