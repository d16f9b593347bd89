//! What opens a chip: the machine-readable zone or the card access number, as printed on the face.

use std::fmt;

use sha1::{Digest, Sha1};
use zeroize::{Zeroize, Zeroizing};

use super::cipher::Cipher;
use super::fault;
use super::kdf::{self, Key, Purpose};
use crate::base::{Fault, Secret};

/// The three fields of the MRZ that a chip's keys come from.
#[derive(Clone, Eq, PartialEq)]
pub struct MrzKey {
    document: String,
    birth: String,
    expiry: String,
}

impl MrzKey {
    /// From the document number (filled up to nine characters; a longer one in full), the date of birth and the date of
    /// expiry (`YYMMDD`, as in the MRZ; an unknown part of the birth date is `<<`).
    ///
    /// # Errors
    /// `CHIP-017` if these are not characters of an MRZ.
    pub fn new(document: &str, birth: &str, expiry: &str) -> Result<Self, Fault> {
        let is_mrz = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase() || byte == b'<')
        };
        let bounded = (1..=22).contains(&document.len()) && birth.len() == 6 && expiry.len() == 6;
        if !(bounded && is_mrz(document) && is_mrz(birth) && is_mrz(expiry)) {
            return Err(Fault::new(&fault::PASSWORD, "MRZ fields"));
        }
        Ok(Self {
            document: format!("{document:<<9}"),
            birth: birth.to_owned(),
            expiry: expiry.to_owned(),
        })
    }

    /// From a whole zone, whose length tells its form: three lines of 30 characters (cards), two of 36, or two of 44
    /// (passports), with or without line breaks. The check digits must be right.
    ///
    /// # Errors
    /// `CHIP-017` if this is none of them or a check digit is wrong.
    pub fn from_zone(zone: &str) -> Result<Self, Fault> {
        match zone
            .chars()
            .filter(|character| !character.is_whitespace())
            .count()
        {
            90 => Self::from_td1(zone),
            length @ (72 | 88) => Self::from_two_lines(&joined(zone, length)?, length / 2),
            _ => Err(Fault::new(&fault::PASSWORD, "not 72, 88 or 90 characters")),
        }
    }

    /// From the 90 characters of a TD1 zone (Doc 9303-5, section 4.2.2), with or without line breaks. The check digits
    /// must be right: a scanner that misread a character is found here, not by a chip that counts failures.
    ///
    /// # Errors
    /// `CHIP-017` if this is not a TD1 zone or a check digit is wrong.
    pub fn from_td1(zone: &str) -> Result<Self, Fault> {
        let text = joined(zone, 90)?;
        let field = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let (document, digit) = long_number(field(5, 14), field(14, 15), field(15, 30));
        Self::checked([
            ("document number", &document, &digit),
            ("date of birth", field(30, 36), field(36, 37)),
            ("date of expiry", field(38, 44), field(44, 45)),
        ])
    }

    /// Two lines of one length: everything is in the second, at the same places (Doc 9303-4, section 4.2.2; Doc 9303-6,
    /// section 4.2.2).
    fn from_two_lines(text: &str, line: usize) -> Result<Self, Fault> {
        let field = |from: usize, to: usize| text.get(line + from..line + to).unwrap_or_default();
        // Only the shorter form lets a long number go on in the optional data.
        let optional = if line == 36 { field(28, 35) } else { "" };
        let (document, digit) = long_number(field(0, 9), field(9, 10), optional);
        Self::checked([
            ("document number", &document, &digit),
            ("date of birth", field(13, 19), field(19, 20)),
            ("date of expiry", field(21, 27), field(27, 28)),
        ])
    }

    /// Document number, birth and expiry, each with what it is called and the check digit that was read.
    fn checked(fields: [(&str, &str, &str); 3]) -> Result<Self, Fault> {
        for (what, value, digit) in fields {
            if digit.as_bytes() != [check_digit(value)] {
                return Err(Fault::new(&fault::PASSWORD, what));
            }
        }
        let [(_, document, _), (_, birth, _), (_, expiry, _)] = fields;
        Self::new(document, birth, expiry)
    }

    /// Document number, at least nine characters.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Date of birth, `YYMMDD`.
    #[must_use]
    pub fn birth(&self) -> &str {
        &self.birth
    }

    /// Date of expiry, `YYMMDD`.
    #[must_use]
    pub fn expiry(&self) -> &str {
        &self.expiry
    }

    /// The three fields, each with its check digit (Doc 9303-11, section 4.3.2).
    #[must_use]
    pub fn information(&self) -> Zeroizing<Vec<u8>> {
        let mut information = Zeroizing::new(Vec::with_capacity(40));
        for field in [&self.document, &self.birth, &self.expiry] {
            information.extend(field.as_bytes());
            information.push(check_digit(field));
        }
        information
    }
}

impl Drop for MrzKey {
    fn drop(&mut self) {
        for field in [&mut self.document, &mut self.birth, &mut self.expiry] {
            field.zeroize();
        }
    }
}

impl fmt::Debug for MrzKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MrzKey(…)")
    }
}

/// A card access number: six digits printed on the face.
#[derive(Clone, Eq, PartialEq)]
pub struct Can([u8; 6]);

impl Can {
    /// From its digits.
    ///
    /// # Errors
    /// `CHIP-017` if these are not six digits.
    pub fn new(digits: &str) -> Result<Self, Fault> {
        <[u8; 6]>::try_from(digits.as_bytes())
            .ok()
            .filter(|digits| digits.iter().all(u8::is_ascii_digit))
            .map(Self)
            .ok_or_else(|| Fault::new(&fault::PASSWORD, "card access number"))
    }

    /// One for a new card, from uniformly random bytes: of 2^64 numbers, a million have each its share but for one in
    /// ten billion.
    #[must_use]
    pub fn random(seed: &Secret<[u8; 32]>) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *seed.expose();
        let mut number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let mut digits = [0; 6];
        for digit in digits.iter_mut().rev() {
            // Below ten.
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        Self(digits)
    }

    /// The digits as ASCII characters.
    #[must_use]
    pub fn digits(&self) -> &[u8; 6] {
        &self.0
    }

    /// The digits as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Drop for Can {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Can {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Can(…)")
    }
}

/// What a reader knows of a card.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Password {
    /// Its machine-readable zone.
    Mrz(MrzKey),
    /// Its card access number.
    Can(Can),
}

impl Password {
    /// How PACE names it (TR-03110-3, table 5).
    #[must_use]
    pub fn reference(&self) -> u8 {
        match self {
            Self::Mrz(_) => 1,
            Self::Can(_) => 2,
        }
    }

    /// The key that the PACE nonce is encrypted with (Doc 9303-11, section 9.7.3).
    #[must_use]
    pub fn pace_key(&self, cipher: Cipher) -> Key {
        match self {
            Self::Mrz(mrz) => {
                let secret = Zeroizing::new(<[u8; 20]>::from(Sha1::digest(&*mrz.information())));
                kdf::derive(&*secret, Purpose::Password, cipher)
            }
            Self::Can(can) => kdf::derive(can.digits(), Purpose::Password, cipher),
        }
    }
}

/// The characters of a zone without white space, if they are so many and of ASCII.
fn joined(zone: &str, length: usize) -> Result<Zeroizing<String>, Fault> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    text.extend(zone.chars().filter(|character| !character.is_whitespace()));
    if text.len() == length && text.is_ascii() {
        Ok(text)
    } else {
        Err(Fault::new(&fault::PASSWORD, format!("not {length} characters")))
    }
}

/// A document number and its check digit. One of more than nine characters goes on in the optional data, its check
/// digit last, and has a filler for the digit (Doc 9303-5, note j).
fn long_number(number: &str, digit: &str, optional: &str) -> (Zeroizing<String>, String) {
    let mut document = Zeroizing::new(number.to_owned());
    if digit != "<" {
        return (document, digit.to_owned());
    }
    let rest = optional.split('<').next().unwrap_or_default();
    let (more, last) = rest
        .split_at_checked(rest.len().saturating_sub(1))
        .unwrap_or_default();
    document.push_str(more);
    (document, last.to_owned())
}

/// The check digit of an MRZ field (Doc 9303-3, section 4.9): weights 7, 3, 1, letters count from 10, `<` is 0.
fn check_digit(field: &str) -> u8 {
    let sum: u32 = field
        .bytes()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(byte, weight)| weight * char::from(byte).to_digit(36).unwrap_or(0))
        .sum();
    b"0123456789"[(sum % 10) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn doc_9303_11_appendix_d_2_and_g_1() {
        let mrz = MrzKey::new("L898902C", "690806", "940623").unwrap();
        assert_eq!(&mrz.information()[..], b"L898902C<369080619406236");
        assert_eq!(
            *kdf::bac_seed(&mrz.information()),
            hex!("239AB9CB282DAF66231DC5A4DF6BFBAE")
        );
        let long = MrzKey::new("D23145890734", "340712", "950712").unwrap();
        assert_eq!(&long.information()[..], b"D23145890734934071279507122");
        assert_eq!(
            *kdf::bac_seed(&long.information()),
            hex!("b366ad857ddca2b08c0e299811714730")
        );
        let pace = MrzKey::new("T22000129", "640812", "101031").unwrap();
        assert_eq!(&pace.information()[..], b"T22000129364081251010318");
        assert_eq!(
            *Password::Mrz(pace).pace_key(Cipher::Aes128),
            hex!("89DED1B26624EC1E634C1989302849DD")
        );
    }

    #[test]
    fn a_zone_is_read_with_its_check_digits() {
        // Doc 9303-5, appendix B: the specimen, and the one with a long document number.
        let specimen =
            "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
        let key = MrzKey::from_td1(specimen).unwrap();
        assert_eq!(
            (key.document(), key.birth(), key.expiry()),
            ("D23145890", "740812", "120415")
        );
        let long =
            "I<UTOD23145890<7349<<<<<<<<<<<3407127M9507122UTO<<<<<<<<<<<2STEVENSON<<PETER<JOHN<<<<<<<<<";
        assert_eq!(MrzKey::from_td1(long).unwrap().document(), "D23145890734");
        // Doc 9303-4 and Doc 9303-6: the specimens of a passport and of a document of size TD2.
        let passport =
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\n";
        let td2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<D231458907UTO7408122F1204159<<<<<<<6";
        for (zone, number) in [
            (passport, "L898902C3"),
            (td2, "D23145890"),
            (long, "D23145890734"),
            (specimen, "D23145890"),
        ] {
            let key = MrzKey::from_zone(zone).unwrap();
            assert_eq!(key.document(), number);
            assert!(MrzKey::from_zone(&zone.replacen("UTO", "UT0", 9)).is_ok());
            assert!(MrzKey::from_zone(&zone.replace("120415", "120416")).is_err() || zone == long);
            assert!(MrzKey::from_zone(&zone[1..]).is_err());
        }
        for wrong in [
            specimen.replace("740812", "740813"),
            specimen.replace('<', ""),
            "Đ".repeat(45),
        ] {
            assert_eq!(MrzKey::from_td1(&wrong).unwrap_err().code, &fault::PASSWORD);
        }
        assert!(MrzKey::new("ab", "740812", "120415").is_err() && Can::new("12345x").is_err());
    }
}
