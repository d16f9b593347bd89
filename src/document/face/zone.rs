//! The machine-readable zone in OCR-B size 1 (Doc 9303-3, section 4; ISO 1073-2).

use std::collections::HashMap;

use ab_glyph::{Font, FontRef};

use super::fault;
use super::layout::{MRZ_CELL_DOTS, MRZ_COLUMNS, MrzPlace, OCR_B_HEIGHT_MM};
use super::typeface::{Glyph, outlined};
use super::units::{DOTS_PER_INCH, dots, whole};
use crate::base::{Bitmap, Fault, font};

/// Every character a zone may hold (Doc 9303-3, section 4.3).
const PERMITTED: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<";

/// The OCR-B glyphs, each in the middle of its cell.
pub(super) struct Zone {
    glyphs: HashMap<char, Glyph>,
}

impl Zone {
    /// Draws the glyphs once.
    pub(super) fn new() -> Result<Self, Fault> {
        let unreadable = |what: &str| Fault::new(&fault::TYPEFACE_UNREADABLE, format!("OCR-B: {what}"));
        let font = FontRef::try_from_slice(font::OCR_B).map_err(|error| unreadable(&error.to_string()))?;
        let capital = font
            .outline(font.glyph_id('H'))
            .ok_or_else(|| unreadable("no capitals"))?;
        let scale =
            OCR_B_HEIGHT_MM * DOTS_PER_INCH / 25.4 / (capital.bounds.max.y - capital.bounds.min.y).abs();
        let mut glyphs = HashMap::new();
        for letter in PERMITTED.chars() {
            let id = font.glyph_id(letter);
            let outline = font
                .outline(id)
                .ok_or_else(|| unreadable(&format!("no {letter}")))?;
            let cell = f32::from(u16::try_from(MRZ_CELL_DOTS).unwrap_or(u16::MAX)) / scale;
            let shift = (cell - font.h_advance_unscaled(id)) / 2.0;
            let glyph = outlined(&outline, id, scale, |p| ab_glyph::point(p.x + shift, p.y));
            glyphs.insert(
                letter,
                glyph.map_or_else(Glyph::default, |outlined| Glyph::of(&outlined)),
            );
        }
        Ok(Self { glyphs })
    }

    /// Draws three lines.
    ///
    /// # Errors
    /// `MRZ_MALFORMED` unless they are three lines of thirty permitted characters.
    pub(super) fn draw(
        &self,
        picture: &mut Bitmap,
        place: &MrzPlace,
        lines: &[String; 3],
    ) -> Result<(), Fault> {
        let left = whole((place.x * DOTS_PER_INCH / 25.4).round());
        for (number, line) in (0_u8..).zip(lines) {
            let malformed =
                |what: &str| Fault::new(&fault::MRZ_MALFORMED, format!("line {}: {what}", number + 1));
            if line.chars().count() != MRZ_COLUMNS as usize {
                return Err(malformed("length"));
            }
            let baseline = dots(place.y + f32::from(number) * place.pitch + OCR_B_HEIGHT_MM);
            for (column, letter) in (0..MRZ_COLUMNS).zip(line.chars()) {
                let glyph = self.glyphs.get(&letter).ok_or_else(|| malformed("character"))?;
                let x = left.saturating_add_unsigned(column * MRZ_CELL_DOTS);
                glyph.draw(picture, x, i32::try_from(baseline).unwrap_or(i32::MAX));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Zone")
    }
}
