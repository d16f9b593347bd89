//! Bytes as Base64 text in serialized forms (`#[serde(with = "…")]`).

use std::borrow::Cow;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes bytes as text.
///
/// # Errors
/// The serializer's own.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

/// Reads them back.
///
/// # Errors
/// When the text is not Base64.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    BASE64
        .decode(text.as_bytes())
        .map_err(|_| D::Error::custom("not Base64"))
}
