//! One typeface of a document: turns letters into glyphs, measures them, and remembers which it must embed.

use std::collections::BTreeMap;

use ab_glyph::{Font, FontRef};
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str};
use unicode_normalization::UnicodeNormalization;

use super::embedded::{Embedded, Source};
use crate::audit::fault;
use crate::base::Fault;

/// A typeface and what has been used of it.
pub(super) struct Typeface {
    source: &'static Source,
    font: FontRef<'static>,
    known: BTreeMap<char, Glyph>,
}

#[derive(Clone, Copy)]
struct Glyph {
    id: u16,
    /// Thousandths of the type size.
    advance: f32,
}

/// A piece of text in glyph numbers.
pub(super) struct Shaped {
    /// Two bytes per glyph, as Identity-H wants them.
    pub(super) codes: Vec<u8>,
    /// Thousandths of the type size.
    pub(super) width: f32,
}

/// Object numbers of one embedded typeface.
pub(super) struct Refs {
    pub(super) font: Ref,
    pub(super) descendant: Ref,
    pub(super) descriptor: Ref,
    pub(super) file: Ref,
    pub(super) to_unicode: Ref,
}

const IDENTITY: SystemInfo<'static> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

impl Typeface {
    pub(super) fn new(source: &'static Source) -> Result<Self, Fault> {
        let font = FontRef::try_from_slice(source.data)
            .map_err(|_| Fault::new(&fault::PAPER_FAILED, source.name))?;
        Ok(Self {
            source,
            font,
            known: BTreeMap::new(),
        })
    }

    /// The text in composed letters as glyphs. An empty box on a paper hides who is meant, so a letter without a shape
    /// is an error: that letter.
    pub(super) fn shape(&mut self, text: &str) -> Result<Shaped, char> {
        let mut shaped = Shaped {
            codes: Vec::with_capacity(text.len() * 2),
            width: 0.0,
        };
        for letter in text.nfc() {
            let glyph = self.glyph(letter).ok_or(letter)?;
            shaped.codes.extend(glyph.id.to_be_bytes());
            shaped.width += glyph.advance;
        }
        Ok(shaped)
    }

    fn glyph(&mut self, letter: char) -> Option<Glyph> {
        if let Some(glyph) = self.known.get(&letter) {
            return Some(*glyph);
        }
        let id = self.font.glyph_id(letter);
        if id.0 == 0 {
            return None;
        }
        let units = self.font.units_per_em().unwrap_or(1_000.0);
        let glyph = Glyph {
            id: id.0,
            advance: self.font.h_advance_unscaled(id) * 1_000.0 / units,
        };
        self.known.insert(letter, glyph);
        Some(glyph)
    }

    /// Writes the typeface into the document: a Type 0 font over a CIDFontType2 (ISO 32000-1, section 9.7).
    pub(super) fn embed(&self, pdf: &mut Pdf, refs: &Refs) -> Result<(), Fault> {
        let glyphs: BTreeMap<u16, (char, f32)> = self
            .known
            .iter()
            .map(|(letter, glyph)| (glyph.id, (*letter, glyph.advance)))
            .collect();
        let wanted = glyphs.keys().copied().collect();
        self.source
            .with_glyphs(&wanted, |file| write(pdf, refs, self.source.name, file, &glyphs))
            .ok_or_else(|| Fault::new(&fault::PAPER_FAILED, self.source.name))
    }
}

fn write(pdf: &mut Pdf, refs: &Refs, name: &str, file: &Embedded, glyphs: &BTreeMap<u16, (char, f32)>) {
    let name = format!("{}+{name}", file.tag);
    let name = Name(name.as_bytes());

    pdf.type0_font(refs.font)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(refs.descendant)
        .to_unicode(refs.to_unicode);

    let mut descendant = pdf.cid_font(refs.descendant);
    descendant
        .subtype(CidFontType::Type2)
        .base_font(name)
        .system_info(IDENTITY)
        .font_descriptor(refs.descriptor)
        .default_width(0.0)
        .cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = descendant.widths();
    for (glyph, (_, advance)) in glyphs {
        widths.consecutive(*glyph, [*advance]);
    }
    widths.finish();
    descendant.finish();

    // Noto Sans: values of the OS/2 and head tables, thousandths of the type size.
    pdf.font_descriptor(refs.descriptor)
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(-621.0, -389.0, 2_800.0, 1_067.0))
        .italic_angle(0.0)
        .ascent(1_069.0)
        .descent(-293.0)
        .cap_height(714.0)
        .stem_v(80.0)
        .font_file2(refs.file);

    pdf.stream(refs.file, &file.packed)
        .filter(Filter::FlateDecode)
        .pair(Name(b"Length1"), i32::try_from(file.length).unwrap_or(i32::MAX));

    let mut map = UnicodeCmap::new(Name(b"CardwrightUnicode"), IDENTITY);
    for (glyph, (letter, _)) in glyphs {
        map.pair(*glyph, *letter);
    }
    let packed = super::document::deflate(&map.finish());
    pdf.cmap(refs.to_unicode, &packed).filter(Filter::FlateDecode);
}
