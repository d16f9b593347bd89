//! The machine-readable zone of an ID-1 card: TD1, three lines of thirty characters (Doc 9303-5, section 4.2).
//!
//! Vietnamese cards carry the last nine digits of the personal number as the document number, and all twelve in the
//! optional data of line 1 with a check digit of their own at its end (found on published cards; no ICAO field).

mod name;

use time::Date;
use zeroize::Zeroize;

use crate::base::{Fault, Secret};
use crate::document::fault::{FIELD_UNFIT, MRZ_MALFORMED, PREPARATION_WRONG};
use crate::document::profile::CardProfile;
use crate::document::translit;
use crate::dossier::{Dossier, Expiry, Sex};

/// Characters in a line.
pub const LINE: usize = 30;
/// Characters in the zone.
pub const ZONE: usize = 3 * LINE;

/// A zone whose characters and check digits are right.
#[derive(Clone, Eq, PartialEq)]
pub struct Mrz {
    lines: [String; 3],
}

/// What a zone says.
#[derive(Clone, Eq, PartialEq)]
pub struct MrzFields {
    /// One or two letters, `ID` or `I`.
    pub document_code: String,
    /// Issuing state, fillers removed.
    pub state: String,
    /// Document number, fillers removed.
    pub document_number: String,
    /// The twelve digits of the optional data, if it holds a personal number in the Vietnamese manner.
    pub personal_number: Option<String>,
    /// Date of birth, YYMMDD; fillers stand for what is not known.
    pub birth: String,
    /// Sex, if stated.
    pub sex: Option<Sex>,
    /// Date of expiry, YYMMDD.
    pub expiry: String,
    /// Nationality, fillers removed.
    pub nationality: String,
    /// Words of the primary identifier; all words if the zone does not tell the identifiers apart.
    pub primary: Vec<String>,
    /// Words of the secondary identifier.
    pub secondary: Vec<String>,
    /// The name ends with a letter in the last position, so it may have been cut (Doc 9303-5, 4.2.3).
    pub name_may_be_cut: bool,
}

impl Mrz {
    /// The zone of this dossier's card.
    ///
    /// # Errors
    /// A dossier fault if the personal number is not twelve digits or the name cannot be transliterated.
    pub fn compose(dossier: &Dossier, profile: &CardProfile) -> Result<Self, Fault> {
        let number = &dossier.person.number;
        let digits = number.as_bytes();
        if digits.len() != 12 || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::new(&FIELD_UNFIT, "number"));
        }
        let document_number = &number[3..];
        let words = translit::words(&dossier.person.name).map_err(|fault| fault.at("name"))?;
        let expiry = match dossier.expiry {
            Expiry::On(date) => yymmdd(date),
            Expiry::Unlimited => profile.mrz.unlimited_expiry.clone(),
        };
        let sex = match dossier.person.sex {
            Sex::Male => 'M',
            Sex::Female => 'F',
        };
        let state = &profile.state_code;

        let first = format!(
            "{:<<2}{state:<<3}{document_number}{}{number}<<{}",
            profile.mrz.document_code,
            check_digit(document_number),
            check_digit(number),
        );
        let birth = yymmdd(dossier.person.born);
        let second = format!(
            "{birth}{}{sex}{expiry}{}{state:<<3}{:<<11}",
            check_digit(&birth),
            check_digit(&expiry),
            ""
        );
        let composite = check_digit(&composite_input(&first, &second));
        let third = name::line(&words, profile.mrz.name_separator);
        // What goes on plastic is checked as if it had been read from it; only a profile changed after its own checks
        // fails.
        Self::from_text(&format!("{first}{second}{composite}{third}"))
            .map_err(|fault| Fault::new(&PREPARATION_WRONG, fault.detail).at("MRZ"))
    }

    /// Checks a zone that was read: three lines, or ninety characters in a row.
    ///
    /// # Errors
    /// [`MRZ_MALFORMED`] naming the check digit or the part that is wrong.
    pub fn from_text(text: &str) -> Result<Self, Fault> {
        let zone: String = text
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .take(ZONE + 1)
            .collect();
        let known = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'<';
        if zone.len() != ZONE || !zone.bytes().all(known) {
            return Err(Fault::new(&MRZ_MALFORMED, "not 90 characters of A-Z, 0-9 and <"));
        }
        let line = |index: usize| zone[index * LINE..(index + 1) * LINE].to_owned();
        let mrz = Self {
            lines: [line(0), line(1), line(2)],
        };
        mrz.verify().map_err(|part| Fault::new(&MRZ_MALFORMED, part))?;
        Ok(mrz)
    }

    /// What a zone that was read says, its check digits verified.
    ///
    /// # Errors
    /// As [`Mrz::from_text`].
    pub fn parse(text: &str) -> Result<MrzFields, Fault> {
        Self::from_text(text).map(|mrz| mrz.fields())
    }

    /// What the zone says.
    #[must_use]
    pub fn fields(&self) -> MrzFields {
        let [first, second, third] = &self.lines;
        let name = third.trim_end_matches('<');
        let (primary, secondary) = name.split_once("<<").unwrap_or((name, ""));
        MrzFields {
            document_code: unfilled(&first[..2]),
            state: unfilled(&first[2..5]),
            document_number: self.document_number().trim_end_matches('<').to_owned(),
            personal_number: self.personal_number().map(str::to_owned),
            birth: self.birth().to_owned(),
            sex: match &second[7..8] {
                "M" => Some(Sex::Male),
                "F" => Some(Sex::Female),
                _ => None,
            },
            expiry: self.expiry().to_owned(),
            nationality: unfilled(&second[15..18]),
            primary: split(primary),
            secondary: split(secondary),
            name_may_be_cut: !third.ends_with('<'),
        }
    }

    /// The three lines.
    #[must_use]
    pub fn lines(&self) -> &[String; 3] {
        &self.lines
    }

    /// The ninety characters, as DG1 holds them.
    #[must_use]
    pub fn zone(&self) -> String {
        self.lines.concat()
    }

    /// Document number as the access key uses it: nine characters with their fillers, or a longer number in full.
    #[must_use]
    pub fn document_number(&self) -> String {
        let first = &self.lines[0];
        let mut number = first[5..14].to_owned();
        number.push_str(self.continued().map_or("", |(more, _)| more));
        number
    }

    /// Date of birth, YYMMDD.
    #[must_use]
    pub fn birth(&self) -> &str {
        &self.lines[1][..6]
    }

    /// Date of expiry, YYMMDD.
    #[must_use]
    pub fn expiry(&self) -> &str {
        &self.lines[1][8..14]
    }

    /// `MRZ_information`, from which BAC and PACE derive their keys: document number, date of birth and date of expiry,
    /// each with its check digit (Doc 9303-11, appendix D.2).
    #[must_use]
    pub fn key_material(&self) -> Secret<Vec<u8>> {
        let [first, second, _] = &self.lines;
        let mut material = Vec::with_capacity(48);
        material.extend_from_slice(self.document_number().as_bytes());
        material.extend_from_slice(
            self.continued()
                .map_or(&first[14..15], |(_, check)| check)
                .as_bytes(),
        );
        material.extend_from_slice(&second.as_bytes()[..7]);
        material.extend_from_slice(&second.as_bytes()[8..15]);
        Secret::new(material)
    }

    /// A document number of more than nine characters goes on in the optional data, after a filler where its check
    /// digit would be, and ends with its check digit (Doc 9303-5, 4.2.2, note j). No Vietnamese card has one; other
    /// readers' samples do.
    fn continued(&self) -> Option<(&str, &str)> {
        let first = &self.lines[0];
        if &first[14..15] != "<" {
            return None;
        }
        let (more, _) = first[15..].split_once('<')?;
        (more.len() >= 2).then(|| more.split_at(more.len() - 1))
    }

    fn personal_number(&self) -> Option<&str> {
        let first = &self.lines[0];
        let number = &first[15..27];
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (&first[14..15] != "<" && digits(number) && &first[27..29] == "<<" && digits(&first[29..]))
            .then_some(number)
    }

    fn verify(&self) -> Result<(), &'static str> {
        let [first, second, third] = &self.lines;
        let checked = |input: &str, check: &str, part: &'static str| {
            if check.parse() == Ok(check_digit(input)) {
                Ok(())
            } else {
                Err(part)
            }
        };
        match self.continued() {
            None => checked(&first[5..14], &first[14..15], "document number check digit")?,
            Some((_, check)) => checked(&self.document_number(), check, "document number check digit")?,
        }
        if let Some(number) = self.personal_number() {
            checked(number, &first[29..], "personal number check digit")?;
        }
        checked(&second[..6], &second[6..7], "date of birth check digit")?;
        checked(&second[8..14], &second[14..15], "date of expiry check digit")?;
        checked(
            &composite_input(first, second),
            &second[29..],
            "composite check digit",
        )?;

        let date = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'<');
        if !date(self.birth()) || !date(self.expiry()) {
            return Err("dates are not digits");
        }
        if !matches!(&second[7..8], "M" | "F" | "<") {
            return Err("sex is not M, F or <");
        }
        let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'<');
        if !letters(&first[..5]) || !letters(&second[15..18]) || !letters(third) {
            return Err("digits where only letters belong");
        }
        if third.starts_with('<') {
            return Err("no name");
        }
        Ok(())
    }
}

/// The check digit over these characters: weights 7, 3, 1 from the left, letters count from 10, fillers 0
/// (Doc 9303-3, section 4.9).
#[must_use]
pub fn check_digit(text: &str) -> u32 {
    text.chars()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(character, weight)| character.to_digit(36).unwrap_or(0) * weight)
        .fold(0, |sum, value| (sum + value) % 10)
}

/// Line 1 from the document number on, and of line 2 the dates with their digits and the optional data (Doc 9303-5,
/// 4.2.4).
fn composite_input(first: &str, second: &str) -> String {
    [&first[5..30], &second[..7], &second[8..15], &second[18..29]].concat()
}

fn yymmdd(date: Date) -> String {
    let year = date.year().rem_euclid(100);
    format!("{year:02}{:02}{:02}", u8::from(date.month()), date.day())
}

fn unfilled(text: &str) -> String {
    text.trim_end_matches('<').to_owned()
}

fn split(words: &str) -> Vec<String> {
    words
        .split('<')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

// The zone is personal data and opens the chip: shown by no Debug, wiped when dropped.
impl std::fmt::Debug for Mrz {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mrz(…)")
    }
}

impl std::fmt::Debug for MrzFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MrzFields(…)")
    }
}

impl Drop for Mrz {
    fn drop(&mut self) {
        self.lines.zeroize();
    }
}

impl Drop for MrzFields {
    fn drop(&mut self) {
        self.document_number.zeroize();
        self.personal_number.zeroize();
        self.birth.zeroize();
        self.expiry.zeroize();
        self.primary.zeroize();
        self.secondary.zeroize();
    }
}

#[cfg(test)]
mod tests;
