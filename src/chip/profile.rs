//! What is known of one kind of chip: how it is recognized, how it is spoken to, what it takes.

mod dialect;
mod put_data;

use serde::{Deserialize, Serialize};

use super::apdu;
use super::atr;
use super::fault;
use super::scp::{Protocol, scp02};
use super::sm;
use crate::base::{Fault, hex};
use crate::document::profile::Lacks;
use crate::document::{CardFiles, CardProfile, FileId};

pub use dialect::{Dialect, Managed, Open, Recreate};
pub use put_data::PutData;

/// Profiles that come with the program.
const BUILT_IN: [&str; 8] = [
    include_str!("profiles/rehearsal.toml"),
    include_str!("profiles/rehearsal-gp.toml"),
    include_str!("profiles/emrtd-short.toml"),
    include_str!("profiles/emrtd-pace.toml"),
    include_str!("profiles/emrtd-extended.toml"),
    include_str!("profiles/emrtd-eac.toml"),
    include_str!("profiles/rehearsal-emv.toml"),
    include_str!("profiles/rehearsal-scp02.toml"),
];
/// Their names.
pub const NAMES: [&str; 8] = [
    "rehearsal",
    "rehearsal-gp",
    "emrtd-short",
    "emrtd-pace",
    "emrtd-extended",
    "emrtd-eac",
    "rehearsal-emv",
    "rehearsal-scp02",
];

/// The largest offset that an even UPDATE BINARY can name (15 bits).
const OFFSET_MAX: usize = 0x7FFF;

/// One kind of chip.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChipProfile {
    /// Its name.
    pub id: String,
    /// How it is recognized.
    pub chip: Expected,
    /// How long commands and answers may be.
    pub apdu: Lengths,
    /// What its applet takes.
    pub applet: Applet,
    /// The language of its personalization commands.
    pub dialect: Dialect,
}

/// What a blank of this kind says of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Answer to reset, hexadecimal, if all blanks give the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atr: Option<String>,
    /// IC fabricator of the CPLC data, four hexadecimal digits.
    pub fabricator: String,
    /// IC type of the CPLC data, four hexadecimal digits.
    pub r#type: String,
    /// Batches of the CPLC data that may be used, four hexadecimal digits each; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<String>,
}

/// Lengths in bytes, without secure messaging.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// The longest command data; more than 255 means extended length.
    pub command_data_max: usize,
    /// The most that one READ BINARY under secure messaging is asked for; more than 256 means extended length.
    pub read_max: u32,
}

/// What the applet takes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Applet {
    /// Tags of PUT DATA.
    pub put_data: Vec<PutData>,
    /// Where EF.CardAccess is read; nothing if the chip has no PACE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_access: Option<CardAccess>,
    /// DG3 and DG4 can be created, and are readable only after terminal authentication.
    pub protected_biometrics: bool,
}

/// Where EF.CardAccess is read before access is granted. It is written in the application in either case.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardAccess {
    /// In the application, as some applets keep it.
    Application,
    /// In the master file (Doc 9303-10, section 3.11.3).
    MasterFile,
}

impl ChipProfile {
    /// Reads a profile.
    ///
    /// # Errors
    /// `CHIP-015` with the place if it is not valid.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let refuse = |why: String| Fault::new(&fault::PROFILE, why);
        let profile: Self = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let wrong = |what: &str| Err(refuse(format!("{}: {what}", profile.id)));
        let numbers = [&profile.chip.fabricator, &profile.chip.r#type];
        for field in numbers.into_iter().chain(&profile.chip.batches) {
            if hex::decode(field).is_none_or(|bytes| bytes.len() != 2) {
                return wrong("fabricator, type and batches have four hexadecimal digits each");
            }
        }
        if profile
            .chip
            .atr
            .as_deref()
            .is_some_and(|atr| !hex::decode(atr).is_some_and(|bytes| atr::is_whole(&bytes)))
        {
            return wrong(
                "atr is not a whole answer to reset in hexadecimal: a length or its check byte is wrong",
            );
        }
        if !(64..=apdu::DATA_MAX).contains(&profile.apdu.command_data_max) {
            return wrong("command_data_max is outside 64 to 65535");
        }
        if profile
            .managed()
            .is_some_and(|managed| managed.protocol == Protocol::Scp02)
            && profile.apdu.command_data_max > scp02::DATA_MAX
        {
            return wrong("command_data_max of SCP02 is at most 255");
        }
        if !(16..=apdu::LE_MAX).contains(&profile.apdu.read_max)
            || (sm::SHORT_READ_MAX + 1..=256).contains(&profile.apdu.read_max)
        {
            return wrong("read_max is outside 16 to 223 and 257 to 65536");
        }
        if !profile.applet.put_data.contains(&PutData::Mrz) {
            return wrong("a chip without PUT DATA 62 cannot be opened");
        }
        if profile.takes(PutData::ActiveModulus) != profile.takes(PutData::ActiveExponent) {
            return wrong("PUT DATA 60 and 61 bring in the halves of one key");
        }
        let fault = match &profile.dialect {
            Dialect::EmrtdApplet(open) => open.fault(),
            Dialect::GlobalPlatform(managed) => managed.fault(),
        };
        match fault {
            Some(what) => wrong(what),
            None => Ok(profile),
        }
    }

    /// A profile that comes with the program, one of [`NAMES`].
    ///
    /// # Errors
    /// `CHIP-015` if there is none of this name.
    pub fn built_in(id: &str) -> Result<Self, Fault> {
        for text in BUILT_IN {
            let profile = Self::parse(text)?;
            if profile.id == id {
                return Ok(profile);
            }
        }
        Err(Fault::new(&fault::PROFILE, format!("no profile {id}")))
    }

    /// Is this the answer to reset of such a chip, as far as the profile says?
    ///
    /// # Errors
    /// `CHIP-005` if it is not.
    pub fn check_atr(&self, atr: &[u8]) -> Result<(), Fault> {
        match self.chip.atr.as_deref().and_then(hex::decode) {
            Some(expected) if expected != atr => {
                Err(Fault::new(&fault::FOREIGN, format!("ATR {}", hex::encode(atr))))
            }
            _ => Ok(()),
        }
    }

    /// What is known of the chip's card manager, if it is written through it.
    #[must_use]
    pub fn managed(&self) -> Option<&Managed> {
        match &self.dialect {
            Dialect::EmrtdApplet(_) => None,
            Dialect::GlobalPlatform(managed) => Some(managed),
        }
    }

    /// Does this chip take this secret? A chip without 60 or 68 gets no DG15, one without 65 no card access number.
    #[must_use]
    pub fn takes(&self, secret: PutData) -> bool {
        self.applet.put_data.contains(&secret)
    }

    /// Does this chip take this file at all?
    #[must_use]
    pub fn takes_file(&self, file: FileId) -> bool {
        match file {
            FileId::CardAccess => self.applet.card_access.is_some(),
            FileId::Dg(3 | 4) => self.applet.protected_biometrics,
            FileId::Dg(15) => self.takes(PutData::ActiveAuthentication) || self.takes(PutData::ActiveModulus),
            FileId::Dg(number) => (1..=14).contains(&number),
            // Its keys come in by no dialect that is known here.
            FileId::CardSecurity => false,
            FileId::Com | FileId::Sod => true,
        }
    }

    /// The card of that kind that chips of this kind become: one that takes no ECDSA key gets no DG15, and so no active
    /// authentication; one without PACE or a key for chip authentication is read without.
    #[must_use]
    pub fn fit(&self, card: CardProfile) -> CardProfile {
        card.on_a_chip_that(Lacks {
            active_authentication: !self.takes(PutData::ActiveAuthentication),
            chip_authentication: !self.takes(PutData::ChipAuthentication),
            pace: self.applet.card_access.is_none(),
        })
    }

    /// Checks that a chip of this kind can become a card of that kind.
    ///
    /// # Errors
    /// `CHIP-014` with what it does not take.
    pub fn suits(&self, card: &CardProfile) -> Result<(), Fault> {
        let refuse = |what: String| Err(Fault::new(&fault::IMAGE, format!("{} takes no {what}", self.id)));
        let files = card.chip.data_groups.iter().map(|number| FileId::Dg(*number));
        let mut files = files.chain(card.chip.pace.is_some().then_some(FileId::CardAccess));
        if let Some(file) = files.find(|file| !self.takes_file(*file)) {
            return refuse(file.to_string());
        }
        if card.chip.active_authentication && !self.takes(PutData::ActiveAuthentication) {
            return refuse("ECDSA key for active authentication".to_owned());
        }
        if card.chip.chip_authentication.is_some() && !self.takes(PutData::ChipAuthentication) {
            return refuse("key for chip authentication".to_owned());
        }
        if card.has_can() && !self.takes(PutData::PaceSecret) {
            return refuse("card access number".to_owned());
        }
        if card.has_data_group(3) && !self.takes(PutData::TrustPoint) {
            return refuse("certificate of a CVCA".to_owned());
        }
        Ok(())
    }

    /// Checks that a chip of this kind takes these files, before any is touched.
    ///
    /// # Errors
    /// `CHIP-014` with the file if it does not.
    pub fn check_files(&self, files: &CardFiles) -> Result<(), Fault> {
        let refuse = |what: String| Err(Fault::new(&fault::IMAGE, what));
        for required in [FileId::Com, FileId::Sod, FileId::Dg(1)] {
            if !files.contains_key(&required) {
                return refuse(format!("{required} is missing"));
            }
        }
        for (file, contents) in files {
            if !self.takes_file(*file) {
                return refuse(format!("{} takes no {file}", self.id));
            }
            if contents.is_empty() || contents.len() > self.file_bytes_max() {
                return refuse(format!("{file} has {} bytes", contents.len()));
            }
        }
        Ok(())
    }

    /// The largest file: what lies within reach of the last block.
    fn file_bytes_max(&self) -> usize {
        usize::from(u16::MAX).min(OFFSET_MAX + self.apdu.command_data_max)
    }

    /// Where the block that starts at an offset ends: the largest block, but the next one must start within reach.
    pub(super) fn block_end(&self, offset: usize, length: usize) -> usize {
        let end = length.min(offset + self.apdu.command_data_max);
        if end < length && offset < OFFSET_MAX {
            end.min(OFFSET_MAX)
        } else {
            end
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn built_in_profiles_are_valid_and_mistakes_are_not() {
        for id in NAMES {
            assert_eq!(ChipProfile::built_in(id).unwrap().id, id);
        }
        for (from, to) in [
            ("\"DEAD\"", "\"DEA\""),
            ("[\"DEAF\", \"DEAD\"]", "[]"),
            ("language =", "locked = \"9000\"\nlanguage ="),
            ("read_max = 16384", "read_max = 250"),
            ("command_data_max = 16384", "command_data_max = 0"),
            ("fabricator = \"4D41\"", "fabricator = \"4D4\""),
            ("2D311E", "2D311F"),
            ("[\"62\", ", "["),
            ("[\"62\", ", "[\"60\", \"62\", "),
            ("dialect", "dialekt"),
        ] {
            let text = BUILT_IN[0].replacen(from, to, 1);
            assert_ne!(text, BUILT_IN[0]);
            assert_eq!(ChipProfile::parse(&text).unwrap_err().code, &fault::PROFILE);
        }
        assert!(ChipProfile::built_in("none").is_err());
        for (from, to) in [
            ("options = \"70\"", "options = \"10\""),
            ("options = \"70\"", "options = \"7\""),
            ("level = \"33\"", "level = \"30\""),
            ("key_bits = 256", "key_bits = 160"),
            ("key_bits = 256", "key_bits = 256\ndiversification = \"emv-cps\""),
            ("key_bits = 256", "key_bits = 128\ndiversification = \"visa3\""),
            ("issuer_version = 49", "issuer_version = 48"),
            ("transport_version = 48", "transport_version = 0"),
            ("manager = \"A000000151000000\"", "manager = \"A0\""),
            ("fabricator", "batches = [\"12\"]\nfabricator"),
            ("manager =", "protocol = \"scp02\"\nmanager ="),
        ] {
            let text = BUILT_IN[1].replacen(from, to, 1);
            assert_ne!(text, BUILT_IN[1]);
            assert_eq!(
                ChipProfile::parse(&text).unwrap_err().code,
                &fault::PROFILE,
                "{to}"
            );
        }
    }

    #[test]
    fn what_scp02_cannot_do_is_refused() {
        let text = include_str!("profiles/rehearsal-scp02.toml");
        for (from, to) in [
            ("options = \"55\"", "options = \"05\""),
            ("options = \"55\"", "options = \"1A\""),
            ("level = \"03\"", "level = \"13\""),
            ("key_bits = 128", "key_bits = 192"),
            ("data_max = 255", "data_max = 256"),
            ("\"scp02\"", "\"scp01\""),
        ] {
            let bent = text.replacen(from, to, 1);
            assert_ne!(bent, text);
            assert_eq!(
                ChipProfile::parse(&bent).unwrap_err().code,
                &fault::PROFILE,
                "{to}"
            );
        }
    }

    #[test]
    fn an_atr_is_compared_if_it_is_known() {
        let rehearsal = ChipProfile::built_in("rehearsal").unwrap();
        assert!(rehearsal.check_atr(&[0x3B]).is_err());
        assert!(
            ChipProfile::built_in("emrtd-short")
                .unwrap()
                .check_atr(&[0x3B])
                .is_ok()
        );
    }

    #[test]
    fn a_card_on_a_chip_that_takes_no_ecdsa_key_has_no_dg15() {
        let rehearsal = ChipProfile::built_in("rehearsal").unwrap();
        let mut plain = rehearsal.clone();
        let without = |tag: &PutData| *tag != PutData::ActiveAuthentication;
        plain.applet.put_data.retain(without);
        for (id, text) in crate::document::profile::BUILTIN {
            let card = CardProfile::parse(text).unwrap();
            assert_eq!(rehearsal.fit(card.clone()), card, "{id}");
            assert!(plain.suits(&card).is_err(), "{id}");
            let fitted = plain.fit(card);
            assert!(!fitted.has_data_group(15), "{id}");
            plain.suits(&fitted).unwrap();
            for name in NAMES {
                let chip = ChipProfile::built_in(name).unwrap();
                let fitted = chip.fit(CardProfile::parse(text).unwrap());
                chip.suits(&fitted).unwrap();
                assert_eq!(
                    fitted.has_data_group(14),
                    fitted.chip.pace.is_some() || fitted.chip.chip_authentication.is_some()
                );
            }
            let mut by_pace_alone = CardProfile::parse(text).unwrap();
            by_pace_alone.chip.bac = false;
            let short = ChipProfile::built_in("emrtd-short").unwrap();
            assert!(short.suits(&short.fit(by_pace_alone)).is_err(), "{id}");
        }
    }

    proptest! {
        #[test]
        fn blocks_cover_a_file_and_start_within_reach(max in 64usize..65_535, length in 1usize..65_535) {
            let mut profile = ChipProfile::built_in("rehearsal").unwrap();
            profile.apdu.command_data_max = max;
            prop_assume!(length <= profile.file_bytes_max());
            let mut offset = 0;
            while offset < length {
                prop_assert!(offset <= OFFSET_MAX);
                let end = profile.block_end(offset, length);
                prop_assert!(end > offset && end - offset <= max);
                offset = end;
            }
        }
    }
}
