//! A typeface as a paper carries it. Packing one takes longer than all else on a paper, so the letters that papers of
//! this house are set in are packed once.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ab_glyph::{Font, FontRef};

use super::document::deflate;
use super::subset::subset;
use crate::audit::Hash;
use crate::base::font::{SANS, SANS_BOLD};

/// The letters of Vietnamese, figures and punctuation, by ranges of Unicode. Whatever else a paper holds is set from a
/// font of its own.
const HOUSE_LETTERS: [(char, char); 9] = [
    (' ', '~'),
    ('À', 'Ý'),
    ('à', 'ý'),
    ('Ă', 'ă'),
    ('Đ', 'đ'),
    ('Ĩ', 'ĩ'),
    ('Ũ', 'ũ'),
    ('Ơ', 'ư'),
    ('Ạ', 'ỹ'),
];

/// Some glyphs of a typeface, packed as a font file.
pub(super) struct Embedded {
    /// The font file, deflated.
    pub(super) packed: Vec<u8>,
    /// Bytes of the font file.
    pub(super) length: usize,
    /// ISO 32000-1, section 9.6.4: six capital letters that tell subsets apart.
    pub(super) tag: String,
    glyphs: BTreeSet<u16>,
}

/// A typeface that papers are set in.
pub(super) struct Source {
    /// Its PostScript name.
    pub(super) name: &'static str,
    /// The whole font file.
    pub(super) data: &'static [u8],
    house: LazyLock<Option<Embedded>>,
}

pub(super) static REGULAR: Source = Source {
    name: "NotoSans-Regular",
    data: SANS,
    house: LazyLock::new(|| Embedded::of_house(SANS)),
};
pub(super) static BOLD: Source = Source {
    name: "NotoSans-Bold",
    data: SANS_BOLD,
    house: LazyLock::new(|| Embedded::of_house(SANS_BOLD)),
};

impl Source {
    /// Calls `write` with a font that has these glyphs: the house's, or for rarer letters one of their own. Nothing if
    /// the font file is broken.
    pub(super) fn with_glyphs<T>(
        &self,
        wanted: &BTreeSet<u16>,
        write: impl FnOnce(&Embedded) -> T,
    ) -> Option<T> {
        match &*self.house {
            Some(house) if wanted.is_subset(&house.glyphs) => Some(write(house)),
            _ => Some(write(&Embedded::of(self.data, wanted.clone())?)),
        }
    }
}

impl Embedded {
    fn of(font: &[u8], glyphs: BTreeSet<u16>) -> Option<Self> {
        let file = subset(font, &glyphs)?;
        Some(Self {
            packed: deflate(&file),
            length: file.len(),
            tag: tag(&file),
            glyphs,
        })
    }

    fn of_house(data: &[u8]) -> Option<Self> {
        let font = FontRef::try_from_slice(data).ok()?;
        let letters = HOUSE_LETTERS.iter().flat_map(|(first, last)| *first..=*last);
        let glyphs = letters.map(|letter| font.glyph_id(letter).0).collect();
        Self::of(data, glyphs)
    }
}

fn tag(file: &[u8]) -> String {
    Hash::of(&[file]).0[..6]
        .iter()
        .map(|byte| char::from(b'A' + byte % 26))
        .collect()
}
