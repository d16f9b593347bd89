//! Vietnamese names in the letters A to Z (Doc 9303-3, section 6, table A).
//!
//! The table takes every accented Latin letter to its base letter, and Đ to D. It does not list Ơ, Ư nor the letters
//! with two marks (U+1EA0 to U+1EF9); the same rule is applied to them. Letters of other languages are refused: some of
//! them have several transliterations to choose from, and in a Vietnamese name they are a typing error.

use unicode_normalization::UnicodeNormalization;

use crate::base::Fault;
use crate::document::fault::NAME_NOT_VIETNAMESE;

/// Base letter, and the lower-case letters that are written with it.
const FAMILIES: [(char, &str); 7] = [
    ('A', "àáảãạăằắẳẵặâầấẩẫậ"),
    ('D', "đ"),
    ('E', "èéẻẽẹêềếểễệ"),
    ('I', "ìíỉĩị"),
    ('O', "òóỏõọôồốổỗộơờớởỡợ"),
    ('U', "ùúủũụưừứửữự"),
    ('Y', "ỳýỷỹỵ"),
];

/// The words of a name in A to Z. Apostrophes are left out, hyphens and commas separate (Doc 9303-3, section 4.6).
///
/// # Errors
/// [`NAME_NOT_VIETNAMESE`] with the code point of any other character, or if no letter is left.
pub fn words(name: &str) -> Result<Vec<String>, Fault> {
    let mut words = vec![String::new()];
    for letter in name.nfc() {
        match letter {
            '\'' | '\u{2019}' => {}
            ' ' | '-' | ',' => words.push(String::new()),
            _ => {
                let base = base_letter(letter).ok_or_else(|| {
                    Fault::new(
                        &NAME_NOT_VIETNAMESE,
                        format!("character U+{:04X}", u32::from(letter)),
                    )
                })?;
                if let Some(word) = words.last_mut() {
                    word.push(base);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    if words.is_empty() {
        return Err(Fault::new(&NAME_NOT_VIETNAMESE, "no letters"));
    }
    Ok(words)
}

fn base_letter(letter: char) -> Option<char> {
    if letter.is_ascii_alphabetic() {
        return Some(letter.to_ascii_uppercase());
    }
    let mut lower = letter.to_lowercase();
    let (Some(lower), None) = (lower.next(), lower.next()) else {
        return None;
    };
    FAMILIES
        .iter()
        .find(|(_, family)| family.contains(lower))
        .map(|(base, _)| *base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vietnamese_letter_has_its_base() {
        let marked: String = FAMILIES.iter().map(|(_, family)| *family).collect();
        // 134 letters in both cases, as the Vietnamese alphabet with its tones counts them.
        assert_eq!(marked.chars().count(), 67);
        for (base, family) in FAMILIES {
            for letter in family.chars().chain(family.to_uppercase().chars()) {
                let decomposed: String = letter.nfd().collect();
                for spelling in [letter.to_string(), decomposed] {
                    assert_eq!(words(&spelling).unwrap(), [base.to_string()], "{letter}");
                }
            }
        }
    }

    #[test]
    fn names_become_words() {
        assert_eq!(words("Đỗ Văn Đạt").unwrap(), ["DO", "VAN", "DAT"]);
        assert_eq!(words("  Đinh  Ngọc Ưu ").unwrap(), ["DINH", "NGOC", "UU"]);
        assert_eq!(words("H'Mông Y-Bih").unwrap(), ["HMONG", "Y", "BIH"]);
        // The same name in canonical decomposition, its marks in the order a keyboard may send.
        assert_eq!(words("D\u{306}").unwrap_err().code, &NAME_NOT_VIETNAMESE);
        assert_eq!(words("Ngo\u{323}c U\u{31B}u").unwrap(), ["NGOC", "UU"]);
    }

    #[test]
    fn other_letters_are_refused() {
        for name in [
            "",
            " - ",
            "Müller",
            "Ð\u{1ED7}",
            "Łukasz",
            "N1",
            "Анна",
            "Nguyễn\tAn",
            "ß",
        ] {
            assert_eq!(words(name).unwrap_err().code, &NAME_NOT_VIETNAMESE, "{name}");
        }
    }
}
