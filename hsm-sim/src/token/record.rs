//! What `token.json` holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::object::{Attributes, hex, unhex};

/// The form of the file; another number is refused.
pub(crate) const FORM: u32 = 1;

/// The whole token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRecord {
    /// [`FORM`].
    pub(crate) form: u32,
    /// Without padding.
    pub(crate) label: String,
    /// Sixteen characters, drawn at initialization.
    pub(crate) serial: String,
    /// The security officer's PIN.
    pub(crate) officer: PinRecord,
    /// The user's PIN, once the officer has set one.
    pub(crate) user: Option<PinRecord>,
    /// The number of the next object; numbers are never used again.
    pub(crate) next: u64,
    /// The objects by number.
    pub(crate) objects: BTreeMap<u64, ObjectRecord>,
}

/// One PIN: never itself, only the token's master key wrapped under a key made from it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinRecord {
    /// Salt of PBKDF2.
    pub(crate) salt: Hex,
    /// Rounds of PBKDF2-HMAC-SHA-256.
    pub(crate) rounds: u32,
    /// AES-256-GCM: nonce, master key, tag.
    pub(crate) wrapped: Hex,
    /// Wrong tries since the last right one.
    pub(crate) failures: u32,
}

/// One object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectRecord {
    /// All that may be read.
    pub(crate) attributes: Attributes,
    /// Key material sealed under the master key together with the attributes, for private objects.
    pub(crate) sealed: Option<Hex>,
}

/// Bytes that are written in hexadecimal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        unhex(&String::deserialize(deserializer)?)
            .map(Self)
            .ok_or_else(|| de::Error::custom("bytes are hexadecimal"))
    }
}
