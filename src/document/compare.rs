//! What was read from a chip, against the dossier that was approved.
//!
//! This side decodes and compares values. It never builds the files again: a mistake in building would then agree with
//! itself. For the same reason names are brought to A-Z by Unicode decomposition here, and by a table where they are
//! written.

use std::fmt;

use time::Date;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::document::com::Com;
use crate::document::dg13::{Dg13, Item};
use crate::document::dg15::{self, ChipKey};
use crate::document::field::{self, Value};
use crate::document::file::{CardFiles, FileId};
use crate::document::mrz::{self, MrzFields};
use crate::document::profile::{CardProfile, ChipAuthenticationProtocol, Dg13Profile, NameSeparator};
use crate::document::security_info::{SecurityInfo, SecurityInfos};
use crate::document::{dg1, dg2, dg3};
use crate::dossier::{Dossier, Expiry, Sex};
use crate::pki::PublicKey;

/// One thing on a chip that is not as it was approved. Names the thing, never its content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Where.
    pub file: FileId,
    /// Which part of the file; empty for the whole file.
    pub part: &'static str,
    /// In what way.
    pub how: How,
}

/// In what way a thing is not as it was approved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    /// It should be there and is not.
    Absent,
    /// It is there and should not be.
    Unexpected,
    /// It cannot be decoded.
    Unreadable,
    /// It says something else.
    Differs,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Absent => "absent",
            How::Unexpected => "not expected",
            How::Unreadable => "unreadable",
            How::Differs => "differs",
        };
        match self.part {
            "" => write!(f, "{}: {how}", self.file),
            part => write!(f, "{} {part}: {how}", self.file),
        }
    }
}

/// Everything on the chip that is not as this dossier and profile want it; nothing if the chip is good.
///
/// EF.SOD is not looked at: its signature and hashes are another proof. Of the card number only the form is checked, as
/// the dossier does not have it.
#[must_use]
pub fn compare(dossier: &Dossier, profile: &CardProfile, read: &CardFiles) -> Vec<Difference> {
    let mut findings = Findings {
        read,
        found: Vec::new(),
    };
    findings.files(profile);
    findings.com(profile);
    findings.zone(dossier, profile);
    if profile.has_data_group(2) {
        findings.portrait(dossier);
    }
    if profile.has_data_group(3) {
        findings.fingerprints(dossier);
    }
    if let Some(dg13) = profile.dg13 {
        findings.optional_data(dossier, profile, dg13);
    }
    findings.security_infos(profile);
    if profile.chip.active_authentication {
        findings.decoded(FileId::Dg(15), |file| match dg15::decode(file) {
            Ok(ChipKey::P256(_)) => Some(()),
            _ => None,
        });
    }
    findings.found
}

struct Findings<'a> {
    read: &'a CardFiles,
    found: Vec<Difference>,
}

impl<'a> Findings<'a> {
    fn files(&mut self, profile: &CardProfile) {
        let wanted = |number: u8| profile.has_data_group(number);
        for number in 1..=16 {
            let file = FileId::Dg(number);
            match (wanted(number), self.read.contains_key(&file)) {
                (true, false) => self.note(file, "", How::Absent),
                (false, true) => self.note(file, "", How::Unexpected),
                _ => {}
            }
        }
        if !self.read.contains_key(&FileId::Com) {
            self.note(FileId::Com, "", How::Absent);
        }
        match (
            profile.chip.pace.is_some(),
            self.read.contains_key(&FileId::CardAccess),
        ) {
            (true, false) => self.note(FileId::CardAccess, "", How::Absent),
            (false, true) => self.note(FileId::CardAccess, "", How::Unexpected),
            _ => {}
        }
    }

    fn com(&mut self, profile: &CardProfile) {
        let Some(com) = self.decoded(FileId::Com, |file| Com::decode(file).ok()) else {
            return;
        };
        let version = profile.sod.lds_version();
        self.expect(com.lds_version == version, FileId::Com, "version");
        self.expect(
            com.data_groups == profile.chip.data_groups,
            FileId::Com,
            "tag list",
        );
    }

    fn zone(&mut self, dossier: &Dossier, profile: &CardProfile) {
        const FILE: FileId = FileId::Dg(1);
        let Some(zone) = self.decoded(FILE, |file| dg1::decode(file).ok()) else {
            return;
        };
        let fields = zone.fields();
        let person = &dossier.person;
        let number_ends = person.number.ends_with(&fields.document_number);
        let expiry = match dossier.expiry {
            Expiry::On(date) => is_date(&fields.expiry, date),
            Expiry::Unlimited => fields.expiry == profile.mrz.unlimited_expiry,
        };
        let state = profile.state_code.as_str();
        let document_code = fields.document_code == profile.mrz.document_code;
        self.expect(document_code, FILE, "document code");
        self.expect(fields.state == state, FILE, "state");
        self.expect(fields.nationality == state, FILE, "nationality");
        self.expect(
            number_ends && fields.document_number.len() == 9,
            FILE,
            "document number",
        );
        self.expect(
            fields.personal_number.as_ref() == Some(&person.number),
            FILE,
            "number",
        );
        self.expect(is_date(&fields.birth, person.born), FILE, "born");
        self.expect(fields.sex == Some(person.sex), FILE, "sex");
        self.expect(expiry, FILE, "expiry");
        self.expect(
            is_name(&fields, &person.name, profile.mrz.name_separator),
            FILE,
            "name",
        );
    }

    fn portrait(&mut self, dossier: &Dossier) {
        const FILE: FileId = FileId::Dg(2);
        let Some(image) = self.decoded(FILE, |file| dg2::decode(file).ok()) else {
            return;
        };
        let approved = dossier.portrait.as_ref();
        self.expect(
            approved.is_some_and(|approved| approved.bytes == image.bytes),
            FILE,
            "image",
        );
        self.expect(
            approved.is_some_and(|approved| {
                (approved.format, approved.width, approved.height)
                    == (image.format, image.width, image.height)
            }),
            FILE,
            "image format",
        );
    }

    fn optional_data(&mut self, dossier: &Dossier, profile: &CardProfile, dg13: Dg13Profile) {
        const FILE: FileId = FileId::Dg(13);
        let Some(items) = self.decoded(FILE, |file| Dg13::decode(file).ok()) else {
            return;
        };
        for item in Item::ALL {
            let said = items.get(item);
            let good = match item.field(dg13.place).map(|field| field.of(dossier)) {
                None => said.is_some_and(|number| number.len() == super::build::CARD_NUMBER),
                Some(Value::Absent) => said.is_none(),
                Some(Value::Text(text)) => said == Some(text),
                Some(Value::Date(date)) => said.and_then(|said| field::parse_date(said, "/")) == Some(date),
                Some(Value::Unlimited) => said == Some(profile.face.unlimited_expiry.as_str()),
                Some(Value::Sex(sex)) => said.and_then(sex_of) == Some(sex),
            };
            self.expect(good, FILE, item.name());
        }
    }

    fn fingerprints(&mut self, dossier: &Dossier) {
        const FILE: FileId = FileId::Dg(3);
        let Some(prints) = self.decoded(FILE, |file| dg3::decode(file).ok()) else {
            return;
        };
        let read = prints.iter().map(|print| (print.position, &print.image));
        self.expect(read.eq(dg3::pictures(dossier)), FILE, "fingerprints");
    }

    fn security_infos(&mut self, profile: &CardProfile) {
        const FILE: FileId = FileId::Dg(14);
        let card_access = self.decoded(FileId::CardAccess, |file| {
            SecurityInfos::from_card_access(file).ok()
        });
        let dg14 = self.decoded(FILE, |file| SecurityInfos::from_dg14(file).ok());
        if let Some(pace) = &profile.chip.pace {
            let wanted = Some(pace.parameter_id.into());
            let announced = |infos: &SecurityInfos| {
                infos.infos().iter().any(
                    |info| matches!(info, SecurityInfo::Pace { parameter_id, .. } if *parameter_id == wanted),
                )
            };
            if let Some(card_access) = &card_access {
                self.expect(announced(card_access), FileId::CardAccess, "PACE");
            }
        }
        let Some(dg14) = dg14 else {
            return;
        };
        self.expect(dg14.is_in_der_order(), FILE, "order");
        if let Some(card_access) = &card_access {
            self.expect(dg14.contains_all(card_access), FILE, "entries of EF.CardAccess");
        }
        let active = |info: &SecurityInfo| matches!(info, SecurityInfo::ActiveAuthentication { .. });
        self.expect(
            dg14.infos().iter().any(active) == profile.chip.active_authentication,
            FILE,
            "active authentication",
        );
        let protocols = dg14.infos().iter().filter_map(|info| match info {
            SecurityInfo::ChipAuthentication {
                protocol,
                key_id: None,
            } => Some(*protocol),
            _ => None,
        });
        let wanted = profile
            .chip
            .chip_authentication
            .map(ChipAuthenticationProtocol::oid);
        self.expect(protocols.eq(wanted), FILE, "chip authentication");
        let mut keys = dg14.infos().iter().filter_map(|info| match info {
            SecurityInfo::ChipAuthenticationPublicKey { key, .. } => Some(PublicKey::from_spki(key)),
            _ => None,
        });
        let good = match (keys.next(), keys.next()) {
            (None, _) => wanted.is_none(),
            (Some(Ok(key)), None) => wanted.is_some() && key.p256_point().is_some(),
            _ => false,
        };
        self.expect(good, FILE, "key of chip authentication");
    }

    /// The decoded file; one that is not there was noted before.
    fn decoded<T>(&mut self, file: FileId, decode: impl FnOnce(&'a [u8]) -> Option<T>) -> Option<T> {
        let decoded = decode(self.read.get(&file)?);
        if decoded.is_none() {
            self.note(file, "", How::Unreadable);
        }
        decoded
    }

    fn expect(&mut self, good: bool, file: FileId, part: &'static str) {
        if !good {
            self.note(file, part, How::Differs);
        }
    }

    fn note(&mut self, file: FileId, part: &'static str, how: How) {
        self.found.push(Difference { file, part, how });
    }
}

/// Are these six digits this date, the century left out?
fn is_date(yymmdd: &str, date: Date) -> bool {
    let Ok(digits) = yymmdd.parse::<u32>() else {
        return false;
    };
    let parts = (digits / 10_000, digits / 100 % 100, digits % 100);
    let expected = (
        date.year().rem_euclid(100).unsigned_abs(),
        u32::from(u8::from(date.month())),
        u32::from(date.day()),
    );
    yymmdd.len() == 6 && parts == expected
}

fn sex_of(text: &str) -> Option<Sex> {
    match text {
        "Nam" => Some(Sex::Male),
        "Nữ" => Some(Sex::Female),
        _ => None,
    }
}

/// Is this the zone's rendering of the name? A name that does not fit may be cut, each of its words from the end.
fn is_name(fields: &MrzFields, name: &str, separator: NameSeparator) -> bool {
    let words = plain_words(name);
    let said: Vec<&String> = fields.primary.iter().chain(&fields.secondary).collect();
    let (apart, primary) = match separator {
        NameSeparator::Icao => (usize::from(words.len() > 1), 1),
        NameSeparator::Single => (0, said.len()),
    };
    let width = words.iter().map(|word| word.len() + 1).sum::<usize>() + apart;
    let same = if width <= mrz::LINE + 1 {
        said.iter().copied().eq(&words)
    } else {
        fields.name_may_be_cut
            && said.len() <= words.len()
            && said
                .iter()
                .zip(&words)
                .all(|(said, word)| word.starts_with(said.as_str()))
    };
    same && fields.primary.len() == primary
}

/// The words of a name without any marks.
fn plain_words(name: &str) -> Vec<String> {
    let letters: String = name
        .nfd()
        .filter(|letter| !is_combining_mark(*letter) && !matches!(letter, '\'' | '\u{2019}'))
        .map(|letter| match letter {
            'đ' | 'Đ' => 'D',
            letter => letter.to_ascii_uppercase(),
        })
        .collect();
    letters
        .split(|letter: char| !letter.is_ascii_uppercase())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
