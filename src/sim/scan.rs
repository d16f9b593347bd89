//! What a desk's hand scanner reads from the plastic: the machine-readable zone and the QR code, from the dots alone.
//!
//! Nothing here knows a dossier, a layout or the press. The zone is looked for where Doc 9303-5 puts it, its characters
//! are compared with OCR-B drawn by another rasterizer (fontdue) than the one that printed them (ab_glyph), and the QR
//! code is decoded by another library (rqrr) than the one that made it (qrcode). What cannot be read with
//! certainty is not read at all.

use crate::base::Bitmap;

mod code;
mod zone;

#[cfg(test)]
mod tests;

/// What was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// The machine-readable zone, if every one of its ninety characters is certain.
    pub mrz: Option<[String; 3]>,
    /// The text of the QR code, if there is one.
    pub qr: Option<String>,
}

/// Reads both faces of a card.
#[must_use]
pub fn read(front: &Bitmap, back: &Bitmap) -> Reading {
    Reading {
        mrz: zone::read(back),
        qr: code::read(back).or_else(|| code::read(front)),
    }
}
