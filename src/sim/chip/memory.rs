//! What a chip remembers without power.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};

use super::manager::{self, Manager};
use super::proof::Keys;
use super::terminal::TrustPoints;
use crate::base::{Entropy, hex};
use crate::chip::ChipProfile;

/// An answer to reset for profiles that name none.
const PLAIN_ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];

#[derive(Deserialize, Serialize)]
pub(super) struct Memory {
    pub(super) profile: ChipProfile,
    #[serde(with = "bytes")]
    pub(super) cplc: Vec<u8>,
    pub(super) life_cycle: LifeCycle,
    #[serde(with = "files")]
    pub(super) files: BTreeMap<u16, Vec<u8>>,
    /// How large each file was when it was first made.
    #[serde(default)]
    pub(super) rooms: BTreeMap<u16, usize>,
    /// Document number, birth, expiry, as they were put.
    pub(super) mrz: Option<[String; 3]>,
    pub(super) can: Option<String>,
    pub(super) active_authentication: Option<[u8; 32]>,
    /// The halves of an RSA key for active authentication, as they were put.
    #[serde(default)]
    pub(super) rsa: RsaKey,
    /// The application is missing: what a careless supplier sends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) no_application: bool,
    /// On chips that have a card manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) manager: Option<Manager>,
    /// EF.CardSecurity, which shares its identifier with EF.SOD.
    pub(super) card_security: Option<Vec<u8>>,
    #[serde(default)]
    pub(super) keys: Keys,
    #[serde(default)]
    pub(super) terminal: TrustPoints,
    seed: [u8; 32],
    /// Not kept: reading a card then leaves its file as it was. One that is read from a file draws on from anywhere.
    #[serde(skip, default = "anywhere")]
    draws: u64,
}

fn anywhere() -> u64 {
    u64::from_be_bytes(Entropy::system().bytes().unwrap_or_default()) >> 1
}

/// An RSA key that comes in two commands.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(super) struct RsaKey {
    pub(super) modulus: Option<Vec<u8>>,
    pub(super) exponent: Option<Vec<u8>>,
}

/// How far a chip has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeCycle {
    /// As delivered, or being written.
    Prepersonalized,
    /// Declared complete, still writable.
    Personalized,
    /// Locked for ever.
    Locked,
}

impl Memory {
    pub(super) fn blank(serial: u32, batch: u16, profile: &ChipProfile) -> Self {
        let cplc = cplc(serial, batch, profile);
        Self {
            profile: profile.clone(),
            life_cycle: LifeCycle::Prepersonalized,
            files: BTreeMap::new(),
            rooms: BTreeMap::new(),
            mrz: None,
            can: None,
            active_authentication: None,
            rsa: RsaKey::default(),
            no_application: false,
            manager: manager::delivered(profile, &name(&cplc)),
            card_security: None,
            keys: Keys::default(),
            terminal: TrustPoints::default(),
            seed: Sha256::digest(&cplc).into(),
            draws: 0,
            cplc,
        }
    }

    pub(super) fn atr(&self) -> Vec<u8> {
        let known = self.profile.chip.atr.as_deref().and_then(hex::decode);
        known.unwrap_or_else(|| PLAIN_ATR.to_vec())
    }

    /// Fresh randomness: the same chip with the same history draws the same while it is in memory.
    pub(super) fn random(&mut self) -> ChaCha20Rng {
        self.draws += 1;
        let mut random = ChaCha20Rng::from_seed(self.seed);
        random.set_stream(self.draws);
        random
    }
}

fn name(cplc: &[u8]) -> [u8; 10] {
    let mut name = [0; 10];
    let fields = [0..4, 16..18, 12..16].into_iter().flatten();
    for (byte, place) in name.iter_mut().zip(fields) {
        *byte = cplc.get(place).copied().unwrap_or_default();
    }
    name
}

/// 42 bytes of card production life cycle data; dates are `YDDD`.
fn cplc(serial: u32, batch: u16, profile: &ChipProfile) -> Vec<u8> {
    let field = |text: &str| hex::decode(text).unwrap_or_default();
    let mut cplc = Vec::with_capacity(42);
    cplc.extend(field(&profile.chip.fabricator));
    cplc.extend(field(&profile.chip.r#type));
    // Operating system: id, release date, release level; fabrication date.
    cplc.extend([0x82, 0x11, 0x63, 0x51, 0x03, 0x02, 0x60, 0x45]);
    cplc.extend(serial.to_be_bytes());
    cplc.extend(batch.to_be_bytes());
    // Module and embedding: who and when.
    cplc.extend([0x48, 0x12, 0x60, 0x60, 0x48, 0x13, 0x60, 0x75]);
    // Pre-personalization and personalization are the buyer's fields and stay empty.
    cplc.resize(42, 0);
    cplc
}

mod bytes {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        BASE64
            .decode(text.as_bytes())
            .map_err(|_| D::Error::custom("not base64"))
    }
}

mod files {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        files: &BTreeMap<u16, Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(files.iter().map(|(fid, file)| (fid, BASE64.encode(file))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<u16, Vec<u8>>, D::Error> {
        BTreeMap::<u16, String>::deserialize(deserializer)?
            .into_iter()
            .map(|(fid, text)| Some((fid, BASE64.decode(text.as_bytes()).ok()?)))
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("not base64"))
    }
}
