//! Text that is printed and signed: normal form, allowed letters, look-alikes, and glyphs the card font really has.
//!
//! Nothing is repaired here: a name that was approved in one form is not signed in another. Text that is not in order
//! goes back to the office with the place of the character and what it should be.

use std::collections::BTreeSet;

use ab_glyph::{Font, FontRef};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::fault;
use crate::base::Fault;

/// Letters of the Vietnamese alphabet beyond ASCII in precomposed (NFC) form, capitals; the small ones are the same
/// 67 again, 134 in all.
pub const VIETNAMESE_CAPITALS: &str = "ÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬĐÈÉẺẼẸÊỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢÙÚỦŨỤƯỪỨỬỮỰỲÝỶỸỴ";
/// The small letters.
pub const VIETNAMESE_SMALL: &str = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ";

/// Which characters a text may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Alphabet {
    /// Names of persons: Vietnamese and ASCII letters and single spaces; names of the ethnic minorities may need the
    /// hyphen and the ASCII apostrophe.
    Name {
        /// `-` is allowed.
        hyphen: bool,
        /// `'` is allowed.
        apostrophe: bool,
    },
    /// Addresses, places and descriptions: also digits and common punctuation.
    Text,
}

/// What is wrong with a text. Positions count characters from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// Longer than this many characters.
    TooLong(usize),
    /// Not in Unicode Normalization Form C.
    NotNfc,
    /// Space at the beginning or end, or two in a row.
    Spacing,
    /// A character nobody sees: bidirectional controls, zero-width characters, soft hyphen, other controls.
    Invisible(usize, char),
    /// A character that looks like another one: (position, what it is, what it looks like).
    LookAlike(usize, char, char),
    /// A character that the alphabet does not have.
    NotAllowed(usize, char),
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = |character: char| u32::from(character);
        match *self {
            Self::TooLong(max) => write!(f, "> {max}"),
            Self::NotNfc => f.write_str("NFC"),
            Self::Spacing => f.write_str("U+0020"),
            Self::Invisible(at, is) | Self::NotAllowed(at, is) => write!(f, "{at}: U+{:04X}", code(is)),
            Self::LookAlike(at, is, seems) => write!(f, "{at}: U+{:04X} ≠ U+{:04X}", code(is), code(seems)),
        }
    }
}

/// Everything wrong with a text, in order; an empty text is in order (whether it may be absent is the profile's
/// matter).
#[must_use]
pub fn flaws(text: &str, alphabet: Alphabet, characters_max: usize) -> Vec<Flaw> {
    // Counting stops at the bound, so that a text of megabytes costs no more than a name.
    if text.chars().take(characters_max + 1).count() > characters_max {
        return vec![Flaw::TooLong(characters_max)];
    }
    let mut found = Vec::new();
    if !is_nfc(text) {
        found.push(Flaw::NotNfc);
    }
    if text.starts_with(' ') || text.ends_with(' ') || text.contains("  ") {
        found.push(Flaw::Spacing);
    }
    // A text in another normal form is judged by its NFC, so that one mistake is reported once.
    for (index, character) in text.nfc().enumerate() {
        found.extend(flaw_of(index + 1, character, alphabet));
    }
    found
}

fn flaw_of(position: usize, character: char, alphabet: Alphabet) -> Option<Flaw> {
    if alphabet.allows(character) {
        None
    } else if is_invisible(character) {
        Some(Flaw::Invisible(position, character))
    } else if let Some(seems) = seems_to_be(character) {
        Some(Flaw::LookAlike(position, character, seems))
    } else {
        Some(Flaw::NotAllowed(position, character))
    }
}

impl Alphabet {
    fn allows(self, character: char) -> bool {
        if character == ' ' || is_letter(character) {
            return true;
        }
        match self {
            Self::Name { hyphen, apostrophe } => {
                (hyphen && character == '-') || (apostrophe && character == '\'')
            }
            Self::Text => character.is_ascii_digit() || ",.;:-–/()'\"&+°%".contains(character),
        }
    }
}

/// Is this a Vietnamese or an ASCII letter?
#[must_use]
pub fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic()
        || (!character.is_ascii()
            && (VIETNAMESE_CAPITALS.contains(character) || VIETNAMESE_SMALL.contains(character)))
}

fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// The letter a foreign one is easily taken for (after Unicode Technical Standard 39, confusables: the letters that
/// keyboards and OCR really put into Vietnamese text).
fn seems_to_be(character: char) -> Option<char> {
    const PAIRS: &[(&str, &str)] = &[
        // Latin letters with a stroke that are not Đ (U+0110) and đ (U+0111): Icelandic eth, African D, Latin eth.
        ("ÐƉðɖᵭ", "ĐĐđđđ"),
        // Cyrillic.
        ("АВЕЅІЈКМНОРСТУХҮԌԚԜ", "ABESIJKMHOPCTYXYGQW"),
        ("аеіјорсухѕһԁԛԝӏ", "aeijopcyxshdqwl"),
        // Greek.
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
        ("ανορυιγ", "avopuiy"),
        // Marks that are not the ASCII hyphen, apostrophe and space.
        ("‐‑‒—−﹣－", "-------"),
        ("‘’ʹʻʼʽ`´ʾʿ＇", "'''''''''''"),
        (
            "\u{00A0}\u{2002}\u{2003}\u{2007}\u{2009}\u{202F}\u{3000}",
            "       ",
        ),
        // Breve and caron, ogonek and horn, dotless i, long s.
        ("ǍǎĔĕǑǒıſ", "ĂăÊêÔôis"),
    ];
    if let Some(ascii @ '!'..='~') = u32::from(character).checked_sub(0xFEE0).and_then(char::from_u32)
        && ('\u{FF01}'..='\u{FF5E}').contains(&character)
    {
        return Some(ascii);
    }
    PAIRS.iter().find_map(|(foreign, own)| {
        let index = foreign.chars().position(|candidate| candidate == character)?;
        own.chars().nth(index)
    })
}

/// The characters a typeface can really draw: mapped to a glyph that is not `.notdef` and, except for spaces, has an
/// outline.
#[derive(Clone, Debug)]
pub struct Glyphs(BTreeSet<char>);

impl Glyphs {
    /// Reads a TrueType or OpenType face.
    ///
    /// # Errors
    /// The bytes are no font.
    pub fn of(font: &[u8]) -> Result<Self, Fault> {
        let font = FontRef::try_from_slice(font).map_err(|_| Fault::new(&fault::FONT_UNREADABLE, ""))?;
        let drawable = font
            .codepoint_ids()
            .filter(|&(id, character)| id.0 != 0 && (character == ' ' || font.outline(id).is_some()))
            .map(|(_, character)| character)
            .collect();
        Ok(Self(drawable))
    }

    /// What this face has as well.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// The first character (position from 1) that cannot be drawn.
    #[must_use]
    pub fn missing(&self, text: &str) -> Option<(usize, char)> {
        text.chars()
            .enumerate()
            .find(|(_, character)| !self.0.contains(character))
            .map(|(index, character)| (index + 1, character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::font;
    use proptest::prelude::*;

    const NAME: Alphabet = Alphabet::Name {
        hyphen: false,
        apostrophe: false,
    };

    #[test]
    fn one_hundred_and_thirty_four_letters_and_the_card_font_has_them_all() {
        let letters: String = [VIETNAMESE_CAPITALS, VIETNAMESE_SMALL].concat();
        assert_eq!(letters.chars().collect::<BTreeSet<_>>().len(), 134);
        assert_eq!(VIETNAMESE_CAPITALS.to_lowercase(), VIETNAMESE_SMALL);
        assert_eq!(flaws(&letters, NAME, 200), []);
        for face in [font::SANS, font::SANS_BOLD] {
            let glyphs = Glyphs::of(face).unwrap();
            assert_eq!(glyphs.missing(&letters), None);
            assert_eq!(glyphs.missing("An 漢"), Some((4, '漢')));
        }
        assert!(Glyphs::of(b"no font").is_err());
    }

    #[test]
    fn decomposed_text_is_one_flaw() {
        let decomposed: String = "Đinh Ngọc Ưu".nfd().collect();
        assert_eq!(flaws(&decomposed, NAME, 50), [Flaw::NotNfc]);
        assert_eq!(flaws("Đinh Ngọc Ưu", NAME, 50), []);
    }

    #[test]
    fn look_alikes_are_named() {
        assert_eq!(flaws("Ðỗ", NAME, 50), [Flaw::LookAlike(1, '\u{D0}', 'Đ')]);
        assert_eq!(flaws("Lаn", NAME, 50), [Flaw::LookAlike(2, '\u{430}', 'a')]);
        assert_eq!(flaws("Νam", NAME, 50), [Flaw::LookAlike(1, '\u{39D}', 'N')]);
        assert_eq!(flaws("Ａn", NAME, 50), [Flaw::LookAlike(1, '\u{FF21}', 'A')]);
        assert_eq!(flaws("H’Mai", NAME, 50), [Flaw::LookAlike(2, '’', '\'')]);
        assert_eq!(
            flaws("Lan\u{200B}Anh", NAME, 50),
            [Flaw::Invisible(4, '\u{200B}')]
        );
        assert_eq!(
            flaws("Lan\u{202E}Anh", NAME, 50),
            [Flaw::Invisible(4, '\u{202E}')]
        );
        assert_eq!(
            flaws("Lan\u{A0}Anh", NAME, 50),
            [Flaw::LookAlike(4, '\u{A0}', ' ')]
        );
        assert_eq!(
            Flaw::LookAlike(1, '\u{D0}', 'Đ').to_string(),
            "1: U+00D0 ≠ U+0110"
        );
    }

    #[test]
    fn the_profile_decides_on_hyphen_and_apostrophe() {
        let wide = Alphabet::Name {
            hyphen: true,
            apostrophe: true,
        };
        assert_eq!(flaws("H'Sa-Ra", wide, 50), []);
        assert_eq!(
            flaws("H'Sa-Ra", NAME, 50),
            [Flaw::NotAllowed(2, '\''), Flaw::NotAllowed(5, '-')]
        );
        assert_eq!(flaws("Số 1/2, ngõ 3", Alphabet::Text, 50), []);
        assert_eq!(flaws("Lan 2", NAME, 50), [Flaw::NotAllowed(5, '2')]);
    }

    #[test]
    fn spacing_and_length() {
        assert_eq!(flaws(" Lan", NAME, 50), [Flaw::Spacing]);
        assert_eq!(flaws("Lan  Anh", NAME, 50), [Flaw::Spacing]);
        assert_eq!(flaws(&"A".repeat(1 << 20), NAME, 50), [Flaw::TooLong(50)]);
    }

    static SANS: std::sync::LazyLock<Glyphs> = std::sync::LazyLock::new(|| Glyphs::of(font::SANS).unwrap());

    proptest! {
        #[test]
        fn what_passes_is_nfc_and_drawable(text in "\\PC{0,20}") {
            if flaws(&text, Alphabet::Text, 100).is_empty() {
                prop_assert!(is_nfc(&text));
                prop_assert_eq!(SANS.missing(&text), None);
            }
        }
    }
}
