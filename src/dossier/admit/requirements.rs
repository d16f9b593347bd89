//! What a card profile needs of a dossier.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dossier::record::Person;
use crate::dossier::validity::Validity;

/// What a card profile needs. A profile's file may carry it as a table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// Texts that must be there.
    pub fields: Vec<Field>,
    /// Portrait and index fingers, or neither.
    pub biometrics: Biometrics,
    /// Youngest age in full years at issue.
    pub age_min: u8,
    /// Oldest age in full years at issue, if there is one.
    #[serde(default)]
    pub age_max: Option<u8>,
    /// How long the card is valid.
    pub validity: Validity,
    /// Names may have hyphens (ethnic minorities, foreign fathers).
    pub hyphen_in_names: bool,
    /// Names may have the ASCII apostrophe (`H'…`).
    pub apostrophe_in_names: bool,
}

/// What is taken of the person.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Biometrics {
    /// A portrait and both index fingers, or reasons why a finger is missing.
    PortraitAndFingers,
    /// Nothing may be taken: children under six.
    None,
}

/// What a portrait must be like.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PortraitRules {
    /// Smallest width in pixels.
    pub width_min: u32,
    /// Width : height.
    pub proportion: (u32, u32),
    /// How far the proportion may be off, per cent.
    pub tolerance_percent: u32,
}

impl Default for PortraitRules {
    /// 3 : 4 as intake sets deliver it; 300 pixels of width are 90 between the eyes (ISO/IEC 19794-5, 8.3).
    fn default() -> Self {
        Self {
            width_min: 300,
            proportion: (3, 4),
            tolerance_percent: 4,
        }
    }
}

/// A text of the person that a profile may need.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Quốc tịch.
    Nationality,
    /// Dân tộc.
    Ethnicity,
    /// Tôn giáo.
    Religion,
    /// Quê quán.
    Origin,
    /// Nơi đăng ký khai sinh.
    BirthPlace,
    /// Nơi cư trú.
    Residence,
    /// Đặc điểm nhận dạng.
    Marks,
}

impl Field {
    /// Its text and its place in the document.
    pub(super) fn of(self, person: &Person) -> (&str, &'static str) {
        match self {
            Self::Nationality => (&person.nationality, "biographicData.nationality"),
            Self::Ethnicity => (&person.ethnicity, "biographicData.ethnicity"),
            Self::Religion => (&person.religion, "biographicData.religion"),
            Self::Origin => (&person.origin, "biographicData.placeOfOrigin"),
            Self::BirthPlace => (&person.birth_place, "biographicData.placeOfBirth"),
            Self::Residence => (&person.residence, "biographicData.residence"),
            Self::Marks => (&person.marks, "biographicData.identifyingMarks"),
        }
    }
}

impl Requirements {
    /// Căn cước công dân of 2021 (Thông tư 06/2021/TT-BCA): origin, residence and marks; from 14 years.
    #[must_use]
    pub fn cccd_2021() -> Self {
        Self {
            fields: vec![
                Field::Nationality,
                Field::Ethnicity,
                Field::Religion,
                Field::Origin,
                Field::Residence,
                Field::Marks,
            ],
            biometrics: Biometrics::PortraitAndFingers,
            age_min: 14,
            age_max: None,
            validity: Validity::law_2014(),
            hyphen_in_names: true,
            apostrophe_in_names: true,
        }
    }

    /// Thẻ căn cước of 2024 (Thông tư 16/2024/TT-BCA): place of birth and residence; from six years.
    #[must_use]
    pub fn cc_2024() -> Self {
        Self {
            fields: vec![
                Field::Nationality,
                Field::Ethnicity,
                Field::Religion,
                Field::BirthPlace,
                Field::Residence,
            ],
            age_min: 6,
            validity: Validity::law_2023(),
            ..Self::cccd_2021()
        }
    }

    /// The same card for children under six: no portrait, no fingerprints.
    #[must_use]
    pub fn cc_2024_child() -> Self {
        Self {
            biometrics: Biometrics::None,
            age_min: 0,
            age_max: Some(5),
            ..Self::cc_2024()
        }
    }

    /// The three profiles by their names.
    #[must_use]
    pub fn viet_nam() -> BTreeMap<String, Self> {
        BTreeMap::from([
            ("cccd-2021".to_owned(), Self::cccd_2021()),
            ("cc-2024".to_owned(), Self::cc_2024()),
            ("cc-2024-child".to_owned(), Self::cc_2024_child()),
        ])
    }
}
