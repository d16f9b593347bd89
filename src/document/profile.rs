//! Card profiles: everything that differs between card generations, or that no public source tells, as data.
//!
//! A profile is a TOML file; the built-in ones say in comments where each value comes from. A profile that contradicts
//! itself is refused when it is read, so that no card is ever made by half of a rule.

mod check;

use serde::{Deserialize, Serialize};

use crate::base::Fault;
use crate::document::fault::{PROFILE_INVALID, PROFILE_UNKNOWN};
use crate::document::sod::LdsVersion;
use crate::document::state::country;
use crate::dossier::admit::{Biometrics, Requirements};
use crate::dossier::field::Field;
use crate::pki::Curve;

/// The profiles that come with the program: id and TOML text.
pub const BUILTIN: &[(&str, &str)] = &[
    ("cc-2024", include_str!("profiles/cc-2024.toml")),
    ("cc-2024-child", include_str!("profiles/cc-2024-child.toml")),
    ("cccd-2021", include_str!("profiles/cccd-2021.toml")),
];

/// One kind of card.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CardProfile {
    /// The name dossiers ask for it by.
    pub id: String,
    /// The law or circular that describes the card.
    pub law: String,
    /// What people call the card.
    pub title: String,
    /// Issuing state and nationality in the MRZ, three letters (Doc 9303-3).
    pub state_code: String,
    /// What a dossier must bring: admission returns it otherwise.
    pub requirements: Requirements,
    /// The machine-readable zone.
    pub mrz: MrzProfile,
    /// What the chip holds and how it is opened.
    pub chip: ChipProfile,
    /// Vietnamese optional data, if the chip has DG13.
    pub dg13: Option<Dg13Profile>,
    /// The signed list of hashes.
    pub sod: SodProfile,
    /// Who signs.
    pub certificates: CertificateProfile,
    /// The two faces. Typefaces, capitals and the QR code's error correction are the layout's.
    pub face: FaceProfile,
    /// The QR code, if the card has one.
    pub qr: Option<QrProfile>,
}

/// The machine-readable zone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MrzProfile {
    /// First two characters: A, C or I and a letter the state chooses (Doc 9303-5, 4.2.2).
    pub document_code: String,
    /// What stands between the family name and the rest.
    pub name_separator: NameSeparator,
    /// Date of expiry, YYMMDD, of a card that never expires; Doc 9303 has no value for it.
    pub unlimited_expiry: String,
}

/// What stands between the family name and the rest of the name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameSeparator {
    /// One filler, as between all other words (seen on Vietnamese cards).
    Single,
    /// Two fillers (Doc 9303-5, 4.2.2).
    Icao,
}

/// What the chip holds and how it is opened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChipProfile {
    /// The data groups in the order of EF.COM's tag list.
    pub data_groups: Vec<u8>,
    /// DG2 is mandatory (Doc 9303-10, table 38); a profile without it must say that it means it.
    pub without_dg2: bool,
    /// The chip has a key of its own in DG15 and signs challenges with it: ECDSA P-256, SHA-256, plain signature.
    pub active_authentication: bool,
    /// The chip has a key of its own in DG14, on P-256, and moves to new session keys with it.
    pub chip_authentication: Option<ChipAuthenticationProtocol>,
    /// Basic access control with the MRZ (Doc 9303-11; not in documents issued from 2028).
    pub bac: bool,
    /// PACE (Doc 9303-11), always with the MRZ.
    pub pace: Option<PaceProfile>,
}

/// Key agreement and cipher of chip authentication (BSI TR-03110-3, table 14).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ChipAuthenticationProtocol {
    /// id-CA-ECDH-AES-CBC-CMAC-128.
    #[serde(rename = "ecdh-aes-128")]
    EcdhAes128,
    /// id-CA-ECDH-AES-CBC-CMAC-192.
    #[serde(rename = "ecdh-aes-192")]
    EcdhAes192,
    /// id-CA-ECDH-AES-CBC-CMAC-256.
    #[serde(rename = "ecdh-aes-256")]
    EcdhAes256,
}

/// What a chip cannot do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lacks {
    /// It takes no ECDSA key to sign challenges with.
    pub active_authentication: bool,
    /// It takes no key to agree on session keys with.
    pub chip_authentication: bool,
    /// It does not speak PACE.
    pub pace: bool,
}

/// PACE.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PaceProfile {
    /// Mapping and cipher.
    pub protocol: PaceProtocol,
    /// Standardized domain parameters (BSI TR-03110-3, table 4): 12 is P-256, 13 is brainpoolP256r1.
    pub parameter_id: u8,
    /// A six-digit number opens the chip too, the card access number. It is drawn for each card, and the layout says
    /// where it is printed.
    pub can: bool,
}

/// Mapping and cipher of PACE.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum PaceProtocol {
    /// id-PACE-ECDH-GM-AES-CBC-CMAC-128.
    #[serde(rename = "ecdh-gm-aes-128")]
    EcdhGmAes128,
}

/// Vietnamese optional data.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dg13Profile {
    /// What stands between the outer tag and the items.
    pub wrapper: Dg13Wrapper,
    /// How an item without a value is written.
    pub absent: Dg13Absent,
    /// The dossier's field that item 8 holds.
    pub place: Dg13Place,
}

/// What stands between DG13's outer tag and the items.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dg13Wrapper {
    /// Nothing.
    None,
    /// One SEQUENCE around all items.
    Sequence,
}

/// How an item without a value is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dg13Absent {
    /// The item with its number alone.
    NumberOnly,
    /// The item with an empty text.
    EmptyText,
    /// No item.
    Omitted,
}

/// The dossier's field that item 8 holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dg13Place {
    /// Quê quán.
    Origin,
    /// Nơi đăng ký khai sinh.
    BirthPlace,
}

/// The signed list of hashes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SodProfile {
    /// Version of the LDS security object, which also decides EF.COM's LDS version.
    pub version: LdsVersion,
    /// The signed attributes state when it was signed.
    pub signing_time: bool,
}

impl SodProfile {
    /// The LDS version that goes with it, in EF.COM and (v1) in the SOD: four digits.
    #[must_use]
    pub fn lds_version(self) -> &'static str {
        match self.version {
            LdsVersion::V0 => "0107",
            LdsVersion::V1 => "0108",
        }
    }
}

/// Who signs. The key is always ECDSA P-256 with SHA-256.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateProfile {
    /// How the curve is written in certificates.
    pub curve: Curve,
    /// Days in which a document signer may sign (Doc 9303-12, table 1: at most three months).
    pub ds_usage_days: u16,
    /// Years a document signer's certificate is valid: usage and the longest validity of a card.
    pub ds_validity_years: u8,
    /// Years the country's root is valid.
    pub csca_validity_years: u8,
    /// Document types the signer may sign for, as in the MRZ.
    pub document_types: Vec<String>,
}

/// The two faces. Typefaces, capitals and the QR code's error correction are the layout's.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaceProfile {
    /// Name of the layout: what stands where.
    pub layout: String,
    /// What stands for the date of expiry of a card that never expires.
    pub unlimited_expiry: String,
}

/// The QR code.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QrProfile {
    /// The character between two fields.
    pub separator: char,
    /// The fields in order; the number is among them, or nobody could tell whose card it is.
    pub fields: Vec<Field>,
}

impl CardProfile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`PROFILE_INVALID`] with the line of an unknown or missing key, or with the contradiction.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let profile: Self =
            toml::from_str(text).map_err(|error| Fault::new(&PROFILE_INVALID, error.to_string()))?;
        check::consistent(&profile)
            .map_err(|contradiction| Fault::new(&PROFILE_INVALID, contradiction).at(&profile.id))?;
        Ok(profile)
    }

    /// A profile that comes with the program.
    ///
    /// # Errors
    /// [`PROFILE_UNKNOWN`] if there is none of this name.
    pub fn builtin(id: &str) -> Result<Self, Fault> {
        let (_, text) = BUILTIN
            .iter()
            .find(|(name, _)| *name == id)
            .ok_or_else(|| Fault::new(&PROFILE_UNKNOWN, id))?;
        Self::parse(text)
    }

    /// A portrait is on the face and in DG2.
    #[must_use]
    pub fn has_portrait(&self) -> bool {
        self.requirements.biometrics == Biometrics::PortraitAndFingers
    }

    /// A card access number opens the chip too.
    #[must_use]
    pub fn has_can(&self) -> bool {
        self.chip.pace.as_ref().is_some_and(|pace| pace.can)
    }

    /// Two letters for the issuing state: the country of those who sign its cards (Doc 9303-12, section 7.1.1).
    #[must_use]
    pub fn country(&self) -> &'static str {
        // The check of a profile that is read knows its state.
        country(&self.state_code).unwrap_or_default()
    }

    /// The same kind of card on a chip that can do less: without DG15, and without DG14 if nothing is announced there.
    /// A card that is opened by PACE alone stays as it is, for without it nobody could read it.
    #[must_use]
    pub fn on_a_chip_that(mut self, lacks: Lacks) -> Self {
        let chip = &mut self.chip;
        chip.active_authentication &= !lacks.active_authentication;
        if lacks.chip_authentication {
            chip.chip_authentication = None;
        }
        if lacks.pace && chip.bac {
            chip.pace = None;
        }
        let announced = chip.chip_authentication.is_some() || chip.pace.is_some();
        let signs = chip.active_authentication;
        chip.data_groups.retain(|number| match number {
            14 => announced,
            15 => signs,
            _ => true,
        });
        self
    }

    /// The chip has this data group.
    #[must_use]
    pub fn has_data_group(&self, number: u8) -> bool {
        self.chip.data_groups.contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::font;
    use crate::document::example;
    use crate::dossier::admit::PortraitRules;
    use crate::dossier::fault::{self, AGE_PROFILE, FIELD_MISSING};

    #[test]
    fn what_is_left_without_active_authentication_is_a_profile() {
        let unsigned = Lacks {
            active_authentication: true,
            ..Lacks::default()
        };
        for (id, text) in BUILTIN {
            let card = CardProfile::parse(text).unwrap().on_a_chip_that(unsigned);
            check::consistent(&card).unwrap();
            assert!(!card.has_data_group(15) && card.has_data_group(14), "{id}");
            let bare = card.clone().on_a_chip_that(Lacks {
                active_authentication: true,
                chip_authentication: true,
                pace: true,
            });
            check::consistent(&bare).unwrap();
            assert!(!bare.has_data_group(14), "{id}");
            assert_eq!(card.clone().on_a_chip_that(unsigned), card);
        }
    }
    use crate::dossier::name::Glyphs;
    use crate::dossier::{OfficeTable, Rules, check};

    #[test]
    fn the_built_in_profiles_are_what_they_are_called() {
        for (id, _) in BUILTIN {
            assert_eq!(CardProfile::builtin(id).unwrap().id, *id);
        }
        assert_eq!(CardProfile::builtin("cmnd").unwrap_err().code, &PROFILE_UNKNOWN);
        assert_eq!(
            CardProfile::builtin("cccd-2021").unwrap().chip.data_groups,
            [1, 2, 13, 15, 14]
        );
        let child = CardProfile::builtin("cc-2024-child").unwrap();
        assert!(!child.has_portrait() && !child.has_data_group(2));
    }

    #[test]
    fn a_profile_of_a_facilitys_own_decides_what_is_admitted() {
        let (_, text) = BUILTIN[0];
        let needed = "\"birth_place\", \"residence\"]";
        let text = text
            .replace("id = \"cc-2024\"", "id = \"cc-2030\"")
            .replace(needed, "\"birth_place\", \"spouse\"]")
            .replace("age_min = 6", "age_min = 30");
        let profile = CardProfile::parse(&text).unwrap();
        assert_eq!(profile.id, "cc-2030");
        let (offices, glyphs) = (OfficeTable::default(), Glyphs::of(font::SANS).unwrap());
        let dossier = example::dossier();
        let found = |requirements| {
            let rules = Rules {
                requirements,
                offices: &offices,
                glyphs: &glyphs,
                portrait: PortraitRules::default(),
                issue_ahead_days: 3,
            };
            let findings = check(&dossier, &rules, dossier.issued);
            let told = findings
                .iter()
                .map(|finding| (finding.code.id, finding.field.clone()));
            told.collect::<Vec<_>>()
        };
        let own = found(Some(&profile.requirements));
        let missing = (FIELD_MISSING.id, "biographicData.spouseName".to_owned());
        let too_young = (AGE_PROFILE.id, "requestData.credentialProfileId".to_owned());
        assert!(own.contains(&missing) && own.contains(&too_young), "{own:?}");
        let built_in = CardProfile::builtin("cc-2024").unwrap();
        let built_in = found(Some(&built_in.requirements));
        assert!(
            !built_in.contains(&missing) && !built_in.contains(&too_young),
            "{built_in:?}"
        );
        let unknown = found(None);
        assert!(unknown.iter().any(|(id, _)| *id == fault::PROFILE_UNKNOWN.id));
    }

    #[test]
    fn every_line_of_a_built_in_profile_is_explained() {
        for (id, text) in BUILTIN {
            let mut explained = false;
            for line in text.lines() {
                let setting = line.contains('=') && !line.trim_start().starts_with('#');
                assert!(!setting || explained, "{id}: {line}");
                explained = line.starts_with('#');
            }
        }
    }

    #[test]
    fn unknown_and_missing_keys_are_refused_with_their_line() {
        let (_, text) = BUILTIN[0];
        let fault = CardProfile::parse(&text.replace("can = ", "cam = ")).unwrap_err();
        assert_eq!(fault.code, &PROFILE_INVALID);
        assert!(
            fault.detail.contains("cam") && fault.detail.contains("line"),
            "{fault}"
        );
        assert!(CardProfile::parse(&text.replace("bac = true", "")).is_err());
        assert!(CardProfile::parse("").is_err());
    }

    #[test]
    fn a_profile_survives_writing_and_reading() {
        for (id, _) in BUILTIN {
            let profile = CardProfile::builtin(id).unwrap();
            let written = toml::to_string(&profile).unwrap();
            assert_eq!(CardProfile::parse(&written).unwrap(), profile);
        }
    }
}
