//! A TrueType font with only the glyphs that are used (ISO/IEC 14496-22, Open Font Format).
//!
//! Glyph numbers stay as they are, unused glyphs become empty, and the tables a PDF reader does not need for a font
//! addressed by glyph number (ISO 32000-1, section 9.9) are left out.

use std::collections::BTreeSet;

/// ISO 32000-1, section 9.9: what an embedded CIDFontType2 must and may have, in the order the directory demands.
const TABLES: [&[u8; 4]; 9] = [
    b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep",
];
/// `head.checkSumAdjustment` and `head.indexToLocFormat`.
const ADJUSTMENT: usize = 8;
const LOCA_FORMAT: usize = 50;
/// What the sum over a whole font must be.
const WHOLE_SUM: u32 = 0xB1B0_AFBA;

/// The font with these glyphs and those they are composed of, or nothing if it is not a TrueType font.
pub(super) fn subset(font: &[u8], wanted: &BTreeSet<u16>) -> Option<Vec<u8>> {
    let source = Glyphs::of(font)?;
    let kept = source.closure(wanted)?;
    let (mut glyf, mut loca) = (Vec::new(), Vec::new());
    for glyph in 0..source.count {
        loca.extend(u32::try_from(glyf.len()).ok()?.to_be_bytes());
        if kept.contains(&glyph) {
            glyf.extend(source.outline(glyph)?);
            pad(&mut glyf);
        }
    }
    loca.extend(u32::try_from(glyf.len()).ok()?.to_be_bytes());

    let mut head = table(font, b"head")?.to_vec();
    head.get_mut(ADJUSTMENT..ADJUSTMENT + 4)?.fill(0);
    head.get_mut(LOCA_FORMAT..LOCA_FORMAT + 2)?
        .copy_from_slice(&[0, 1]);

    let mut tables: Vec<(&[u8; 4], &[u8])> = Vec::new();
    for tag in TABLES {
        match tag {
            b"glyf" => tables.push((tag, &glyf)),
            b"head" => tables.push((tag, &head)),
            b"loca" => tables.push((tag, &loca)),
            // Hinting programs are optional.
            b"cvt " | b"fpgm" | b"prep" => tables.extend(table(font, tag).map(|table| (tag, table))),
            _ => tables.push((tag, table(font, tag)?)),
        }
    }
    assemble(&tables)
}

/// The outlines of a font.
struct Glyphs<'a> {
    count: u16,
    long: bool,
    loca: &'a [u8],
    glyf: &'a [u8],
}

impl<'a> Glyphs<'a> {
    fn of(font: &'a [u8]) -> Option<Self> {
        Some(Self {
            count: be16(table(font, b"maxp")?, 4)?,
            long: be16(table(font, b"head")?, LOCA_FORMAT)? == 1,
            loca: table(font, b"loca")?,
            glyf: table(font, b"glyf")?,
        })
    }

    fn outline(&self, glyph: u16) -> Option<&'a [u8]> {
        self.glyf
            .get(self.offset(usize::from(glyph))?..self.offset(usize::from(glyph) + 1)?)
    }

    fn offset(&self, index: usize) -> Option<usize> {
        if self.long {
            usize::try_from(be32(self.loca, index * 4)?).ok()
        } else {
            Some(usize::from(be16(self.loca, index * 2)?) * 2)
        }
    }

    /// The wanted glyphs, `.notdef`, and all that composite glyphs among them are made of.
    fn closure(&self, wanted: &BTreeSet<u16>) -> Option<BTreeSet<u16>> {
        let mut kept = BTreeSet::new();
        let mut open: Vec<u16> = wanted.iter().copied().chain([0]).collect();
        while let Some(glyph) = open.pop() {
            if kept.insert(glyph) {
                open.extend(components(self.outline(glyph)?)?);
            }
        }
        Some(kept)
    }
}

/// The glyphs a composite outline refers to; none if it is a simple one.
fn components(outline: &[u8]) -> Option<Vec<u16>> {
    const ARGS_ARE_WORDS: u16 = 0x0001;
    const SCALE: u16 = 0x0008;
    const MORE: u16 = 0x0020;
    const TWO_SCALES: u16 = 0x0040;
    const TWO_BY_TWO: u16 = 0x0080;

    let mut found = Vec::new();
    // A negative number of contours marks a composite.
    if outline.is_empty() || be16(outline, 0)? & 0x8000 == 0 {
        return Some(found);
    }
    let mut at = 10;
    loop {
        let flags = be16(outline, at)?;
        found.push(be16(outline, at + 2)?);
        if flags & MORE == 0 {
            return Some(found);
        }
        at += 4;
        at += if flags & ARGS_ARE_WORDS != 0 { 4 } else { 2 };
        at += match flags & (SCALE | TWO_SCALES | TWO_BY_TWO) {
            SCALE => 2,
            TWO_SCALES => 4,
            TWO_BY_TWO => 8,
            _ => 0,
        };
    }
}

/// Puts tables together under a directory with correct sums.
fn assemble(tables: &[(&[u8; 4], &[u8])]) -> Option<Vec<u8>> {
    let count = u16::try_from(tables.len()).ok()?;
    let log = count.checked_ilog2()?;
    let range = 16u16 << log;
    let mut directory = vec![0, 1, 0, 0];
    for number in [count, range, u16::try_from(log).ok()?, count * 16 - range] {
        directory.extend(number.to_be_bytes());
    }
    let start = directory.len() + tables.len() * 16;
    let (mut body, mut head_at) = (Vec::new(), None);
    for (tag, table) in tables {
        let at = start + body.len();
        if *tag == b"head" {
            head_at = Some(at);
        }
        directory.extend(*tag);
        for number in [
            sum(table),
            u32::try_from(at).ok()?,
            u32::try_from(table.len()).ok()?,
        ] {
            directory.extend(number.to_be_bytes());
        }
        body.extend(*table);
        pad(&mut body);
    }
    directory.extend(body);
    let adjustment = WHOLE_SUM.wrapping_sub(sum(&directory));
    let at = head_at? + ADJUSTMENT;
    directory
        .get_mut(at..at + 4)?
        .copy_from_slice(&adjustment.to_be_bytes());
    Some(directory)
}

fn table<'a>(font: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    let count = usize::from(be16(font, 4)?);
    let entry = font
        .get(12..12 + count * 16)?
        .chunks_exact(16)
        .find(|entry| entry.starts_with(tag))?;
    let at = usize::try_from(be32(entry, 8)?).ok()?;
    let length = usize::try_from(be32(entry, 12)?).ok()?;
    font.get(at..at.checked_add(length)?)
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(4).fold(0u32, |sum, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at.checked_add(2)?)?
        .try_into()
        .ok()
        .map(u16::from_be_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::font::{SANS, SANS_BOLD};
    use ab_glyph::{Font, FontRef, GlyphId};

    fn shape(font: &FontRef<'_>, glyph: u16) -> String {
        format!("{:?}", font.outline(GlyphId(glyph)).map(|outline| outline.curves))
    }

    #[test]
    fn kept_glyphs_look_the_same_and_others_are_gone() {
        for data in [SANS, SANS_BOLD] {
            let whole = FontRef::try_from_slice(data).unwrap();
            let glyph = |letter| whole.glyph_id(letter).0;
            let wanted: BTreeSet<u16> = "Nguyễn Thị Ưng ơ ỗ 0Đ".chars().map(glyph).collect();
            let bytes = subset(data, &wanted).unwrap();
            assert!(bytes.len() < data.len() / 3, "{} bytes", bytes.len());
            let small = FontRef::try_from_slice(&bytes).unwrap();
            for &kept in &wanted {
                assert_eq!(shape(&small, kept), shape(&whole, kept));
                assert_eq!(
                    small.h_advance_unscaled(GlyphId(kept)).to_bits(),
                    whole.h_advance_unscaled(GlyphId(kept)).to_bits()
                );
            }
            assert!(small.outline(GlyphId(glyph('Q'))).is_none());
            assert!(whole.outline(GlyphId(glyph('Q'))).is_some());
            assert_eq!(sum(&bytes), WHOLE_SUM);
        }
    }

    #[test]
    fn what_is_no_font_or_half_a_font_is_refused_without_panic() {
        let wanted = BTreeSet::from([36, 700]);
        for length in (0..SANS.len()).step_by(997).chain(0..400) {
            let _ = subset(&SANS[..length], &wanted);
        }
        assert_eq!(subset(&SANS[..300], &wanted), None);
        assert_eq!(subset(b"", &wanted), None);
        assert_eq!(subset(SANS, &BTreeSet::from([9_999])), None);
    }
}
