//! What a card profile needs of a dossier.

use serde::{Deserialize, Serialize};
use time::Date;

use crate::dossier::field::Field;
use crate::dossier::validity::Validity;

time::serde::format_description!(day, Date, "[year]-[month]-[day]");

/// What a card profile needs: the table `requirements` of its file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// The first day on which such a card may be issued.
    #[serde(with = "day")]
    pub in_force: Date,
    /// Fields that must not be empty.
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
