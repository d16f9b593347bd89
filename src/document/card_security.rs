//! EF.CardSecurity: the static keys of a chip with chip-authentication mapping, signed (Doc 9303-10, section 3.11.4;
//! Doc 9303-11, section 9.2.12).

use const_oid::ObjectIdentifier;
use time::OffsetDateTime;

use super::security_info::{SecurityInfo, SecurityInfos};
use super::sod::{Check, CheckName, SignedMessage, Verdict, signed_message};
use crate::base::Fault;
use crate::document::fault::FILE_MALFORMED;
use crate::document::file::FileId;
use crate::pki::elliptic::Point;
use crate::pki::{PublicKey, TrustStore};

/// id-SecurityObject.
const SECURITY_OBJECT: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.3.2.1");

/// The chip's static public keys with this number, which is that of its domain parameters. Those that are not on a
/// curve that is known here are passed over.
///
/// # Errors
/// `FILE_MALFORMED` if this is no EF.CardSecurity.
pub fn chip_keys(file: &[u8], id: u32) -> Result<Vec<Point>, Fault> {
    let infos = SecurityInfos::from_card_access(&read(file)?.content)?;
    let keys = infos.infos().iter().filter_map(|info| match info {
        SecurityInfo::ChipAuthenticationPublicKey {
            key,
            key_id: Some(key_id),
            ..
        } if *key_id == id => match PublicKey::from_spki(key) {
            Ok(PublicKey::Elliptic { curve, point, .. }) if u32::from(curve.parameter_id()) == id => {
                Some(point)
            }
            _ => None,
        },
        _ => None,
    });
    Ok(keys.collect())
}

/// Did a document signer of a trusted CSCA sign it? The worst of all checks, as one.
#[must_use]
pub fn authenticate(file: &[u8], trust: &TrustStore, at: OffsetDateTime) -> Check {
    let name = CheckName::CardSecurity;
    match read(file) {
        Err(fault) => Check {
            name,
            verdict: Verdict::Failed,
            why: fault.to_string(),
        },
        Ok(message) => {
            let checks = signed_message(&message, trust, at);
            let worst = checks.into_iter().max_by_key(|check| check.verdict);
            worst.map_or(
                Check {
                    name,
                    verdict: Verdict::Undetermined,
                    why: String::new(),
                },
                |worst| Check {
                    name,
                    why: match worst.verdict {
                        Verdict::Passed => String::new(),
                        _ => format!("{}: {}", worst.name, worst.why),
                    },
                    verdict: worst.verdict,
                },
            )
        }
    }
}

fn read(file: &[u8]) -> Result<SignedMessage, Fault> {
    let malformed = || Fault::new(&FILE_MALFORMED, FileId::CardSecurity.to_string());
    SignedMessage::parse(file)
        .filter(|message| message.kind == SECURITY_OBJECT)
        .ok_or_else(malformed)
}
