//! The twelve-digit personal number: `PPP C YY NNNNNN` (Nghị định 137/2015/NĐ-CP, Điều 13; Luật Căn cước
//! 26/2023/QH15, Điều 12).
//!
//! | digits | meaning |
//! |---|---|
//! | 1–3 | province or country where the birth was registered ([`super::places`]) |
//! | 4 | century and sex of birth: 0/1 for 1900–1999, 2/3 for 2000–2099, … 8/9; even is male |
//! | 5–6 | last two digits of the year of birth |
//! | 7–12 | random; there is no check digit |

use time::Date;

use super::places::{self, BirthPlace};
use super::record::Sex;

/// A personal number of twelve digits whose place of registration exists.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PersonalNumber([u8; 12]);

/// Why a text is not a personal number, or not this person's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mismatch {
    /// Not twelve ASCII digits.
    Form,
    /// No province or country has the code it begins with.
    Place,
    /// Century and year digits name another year of birth.
    Year,
    /// The century and sex digit names the other sex.
    Sex,
}

impl PersonalNumber {
    /// Reads a number.
    ///
    /// # Errors
    /// [`Mismatch::Form`] or [`Mismatch::Place`].
    pub fn parse(text: &str) -> Result<Self, Mismatch> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| Mismatch::Form)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Mismatch::Form);
        }
        let number = Self(digits);
        number.place().map(|_| number).ok_or(Mismatch::Place)
    }

    /// Where the birth was registered.
    #[must_use]
    pub fn place(&self) -> Option<BirthPlace> {
        self.0
            .get(..3)
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(places::birth_place)
    }

    /// The year of birth.
    #[must_use]
    pub fn birth_year(&self) -> i32 {
        1900 + 100 * i32::from(self.digit(3) / 2) + 10 * i32::from(self.digit(4)) + i32::from(self.digit(5))
    }

    /// The sex at registration.
    #[must_use]
    pub fn sex(&self) -> Sex {
        if self.digit(3).is_multiple_of(2) {
            Sex::Male
        } else {
            Sex::Female
        }
    }

    /// Everything in which the number and the person disagree. Births before 1900 have no century digit and always
    /// disagree: a person decides.
    #[must_use]
    pub fn disagreements(&self, born: Date, sex: Sex) -> Vec<Mismatch> {
        let mut found = Vec::new();
        if self.birth_year() != born.year() {
            found.push(Mismatch::Year);
        }
        if self.sex() != sex {
            found.push(Mismatch::Sex);
        }
        found
    }

    fn digit(&self, index: usize) -> u8 {
        self.0.get(index).map_or(0, |digit| digit.wrapping_sub(b'0'))
    }
}

// A personal number is personal data: it is never shown by Debug.
impl std::fmt::Debug for PersonalNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonalNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::date;

    #[test]
    fn a_number_says_where_when_and_what_sex() {
        let number = PersonalNumber::parse("001203012345").unwrap();
        assert_eq!((number.birth_year(), number.sex()), (2003, Sex::Male));
        assert!(
            matches!(number.place(), Some(BirthPlace::Province(place)) if place.name == "Thành phố Hà Nội")
        );
        assert_eq!(number.disagreements(date!(2003 - 04 - 15), Sex::Male), []);
        assert_eq!(
            number.disagreements(date!(1903 - 04 - 15), Sex::Female),
            [Mismatch::Year, Mismatch::Sex]
        );
        let older = PersonalNumber::parse("079160000017").unwrap();
        assert_eq!((older.birth_year(), older.sex()), (1960, Sex::Female));
    }

    #[test]
    fn what_is_not_a_number() {
        for text in [
            "",
            "00120301234",
            "0012030123456",
            "00120301234x",
            "０01203012345",
            "+01203012345",
        ] {
            assert_eq!(PersonalNumber::parse(text), Err(Mismatch::Form), "{text}");
        }
        for text in [
            "000203012345",
            "003203012345",
            "097203012345",
            "100203012345",
            "296203012345",
        ] {
            assert_eq!(PersonalNumber::parse(text), Err(Mismatch::Place), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in ".{0,16}") {
            let _ = PersonalNumber::parse(&text);
        }

        #[test]
        fn the_fourth_digit_is_century_and_sex(year in 1900..2400i32, male: bool) {
            let digit = (year - 1900) / 100 * 2 + i32::from(!male);
            let number = PersonalNumber::parse(&format!("001{digit}{:02}000000", year % 100)).unwrap();
            prop_assert_eq!(number.birth_year(), year);
            prop_assert_eq!(number.sex() == Sex::Male, male);
        }
    }
}
