//! The form dossiers come in: the `CredentialRequest` of OSIA's credential management interface (Secure Identity
//! Alliance, OSIA 7.1, CMS 1.3.0; ITU-T X.1281).
//!
//! | member | becomes |
//! |---|---|
//! | `credentialRequestId` | [`Dossier::request`] |
//! | `status` | must be `PENDING` |
//! | `personId` | [`Person::number`]: the personal number is the registry's key of a person |
//! | `requestData.priority`, `.credentialProfileId`, `.deliveryOffice` | priority, profile, office |
//! | `requestData.requestType` | `FIRST_ISSUANCE` new, `RENEWAL` exchange, `REPLACEMENT` reissue |
//! | `requestData.validFromDate`, `.validToDate` | issue and expiry; no expiry is `others.unlimited: true` |
//! | `requestData.others` | `version`, `village`, `team`, `sequence`, `receivedDate`, `manualEntry`, `residenceVerified` |
//! | `biographicData` | `fullName`, `dateOfBirth`, `gender` (ISO/IEC 5218: `1` male, `2` female), `nationality`, `ethnicity`, `religion`, `placeOfOrigin`, `placeOfBirth`, `residence`, `identifyingMarks`, `fatherName`, `motherName`, `spouseName`, `oldNumber`, `cancelledNumber` |
//! | `biometricData[]`, `FACE` | the portrait |
//! | `biometricData[]`, `FINGER` | one finger each, `biometricSubType` `RIGHT_THUMB` … `LEFT_LITTLE`; without a picture `missing[].presence`: `AMPUTATED`, or `BANDAGED`, `DAMAGED`, `OTHER` |
//! | `integrity[]` | one entry, see [`super::open`](fn@super::open) |
//!
//! An image stands in `image` (base64) or elsewhere, named by `imageRef` with its SHA-256 in `hash` (hexadecimal), so
//! that the signature over the document covers the image too. Dates are `2026-11-22`. OSIA leaves the names inside
//! `biographicData` and `others` to each country. Members not listed are allowed and not used.

mod read;
mod write;

use serde_json::Value;

use super::finding::Finding;
#[cfg(doc)]
use super::record::{Dossier, Person};
use crate::base::ids::OfficeCode;

pub use read::read;
pub use write::write;

/// Finds an image that a document names; the caller bounds its size.
pub type Resolve<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// Where a document says it comes from, as far as it can be read: enough to return it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    /// The registry's request id.
    pub request: Option<String>,
    /// The version of the dossier.
    pub version: Option<u32>,
    /// The office.
    pub office: Option<OfficeCode>,
}

/// A request id or an office code is no longer than this many characters.
const ID_CHARACTERS_MAX: usize = 64;

impl Origin {
    /// Of a document, whatever else is wrong with it.
    #[must_use]
    pub fn of(document: &Value) -> Self {
        let id = |pointer: &str| {
            document
                .pointer(pointer)
                .and_then(Value::as_str)
                .filter(|text| is_id(text))
                .map(str::to_owned)
        };
        Self {
            request: id("/credentialRequestId"),
            version: document
                .pointer("/requestData/others/version")
                .and_then(Value::as_u64)
                .and_then(|version| u32::try_from(version).ok()),
            office: id("/requestData/deliveryOffice").map(OfficeCode),
        }
    }
}

/// A letter or digit, then letters, digits and `-._`: what may end up in file names, labels and logs.
fn is_id(text: &str) -> bool {
    text.len() <= ID_CHARACTERS_MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// `biometricSubType` of fingers by ISO position, from 1.
const FINGERS: [&str; 10] = [
    "RIGHT_THUMB",
    "RIGHT_INDEX",
    "RIGHT_MIDDLE",
    "RIGHT_RING",
    "RIGHT_LITTLE",
    "LEFT_THUMB",
    "LEFT_INDEX",
    "LEFT_MIDDLE",
    "LEFT_RING",
    "LEFT_LITTLE",
];

#[cfg(test)]
mod tests;
