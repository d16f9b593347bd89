//! What opens a chip: the machine-readable zone or the card access number, as printed on the face.

use std::fmt;

use sha1::{Digest, Sha1};
use zeroize::{Zeroize, Zeroizing};

use super::fault;
use super::kdf::{self, Key, Purpose};
use crate::base::Fault;

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

    /// From the 90 characters of a TD1 zone (Doc 9303-5, section 4.2.2), with or without line breaks. The check digits
    /// must be right: a scanner that misread a character is found here, not by a chip that counts failures.
    ///
    /// # Errors
    /// `CHIP-017` if this is not a TD1 zone or a check digit is wrong.
    pub fn from_td1(zone: &str) -> Result<Self, Fault> {
        let refuse = |what| Fault::new(&fault::PASSWORD, what);
        let mut text = Zeroizing::new(String::with_capacity(90));
        text.extend(zone.chars().filter(|character| !character.is_whitespace()));
        if text.len() != 90 || !text.is_ascii() {
            return Err(refuse("not 90 characters"));
        }
        let field = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let mut document = Zeroizing::new(field(5, 14).to_owned());
        let mut digit = field(14, 15);
        if digit == "<" {
            // A number of more than nine characters goes on in the optional data, its check digit last (note j).
            let rest = field(15, 30).split('<').next().unwrap_or_default();
            let (more, last) = rest
                .split_at_checked(rest.len().saturating_sub(1))
                .unwrap_or_default();
            document.push_str(more);
            digit = last;
        }
        let (birth, expiry) = (field(30, 36), field(38, 44));
        for (what, value, digit) in [
            ("document number", document.as_str(), digit),
            ("date of birth", birth, field(36, 37)),
            ("date of expiry", expiry, field(44, 45)),
        ] {
            if digit.as_bytes() != [check_digit(value)] {
                return Err(refuse(what));
            }
        }
        Self::new(&document, birth, expiry)
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

    /// The digits as ASCII characters.
    #[must_use]
    pub fn digits(&self) -> &[u8; 6] {
        &self.0
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
    pub fn pace_key(&self) -> Key {
        match self {
            Self::Mrz(mrz) => {
                let secret = Zeroizing::new(<[u8; 20]>::from(Sha1::digest(&*mrz.information())));
                kdf::derive(&*secret, Purpose::Password)
            }
            Self::Can(can) => kdf::derive(can.digits(), Purpose::Password),
        }
    }
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
            *Password::Mrz(pace).pace_key(),
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
