//! Active Authentication (Doc 9303-11, section 6.1): the chip proves that it holds the private key of DG15.

use serde::{Deserialize, Serialize};

use super::tlv;
use crate::document::FileId;
use crate::document::security_info::{SecurityInfo, SecurityInfos};
use crate::pki::{Hash, PublicKey, SignatureAlgorithm, rsa};

/// ecdsa-plain-signatures, contents of the OBJECT IDENTIFIER without its last arc (digest): 0.4.0.127.0.7.1.1.4.1.
const ECDSA_PLAIN: [u8; 9] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x01, 0x01, 0x04, 0x01];

/// What a protocol by which a chip proves itself showed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The proof is right: this chip holds the key.
    Genuine,
    /// The proof is wrong, or the chip refused to give it: a copy, or wrongly written.
    Failed,
    /// The chip names a key, a curve or a protocol that is not supported; nothing is known.
    Unsupported,
    /// The chip has no key for it.
    Absent,
    /// It was not asked for.
    NotAsked,
}

/// Judges the signature that a chip made over a challenge, under the key in the whole EF.DG15: ECDSA with the digest
/// that EF.DG14 names, or RSA with message recovery.
#[must_use]
pub fn verify(dg15: &[u8], dg14: Option<&SecurityInfos>, challenge: &[u8; 8], signature: &[u8]) -> Verdict {
    let right = match key(dg15) {
        Some(key @ PublicKey::Elliptic { .. }) => {
            let algorithm = SignatureAlgorithm::EcdsaPlain(ecdsa_digest(&key, dg14));
            Some(key.verify(&algorithm, challenge, signature).is_ok())
        }
        Some(PublicKey::Rsa(key)) => Some(recovers(&key, challenge, signature).is_some()),
        Some(PublicKey::Unsupported(_)) | None => None,
    };
    match right {
        Some(true) => Verdict::Genuine,
        Some(false) => Verdict::Failed,
        None => Verdict::Unsupported,
    }
}

/// The key in EF.DG15, or nothing if it holds none.
#[must_use]
pub fn key(dg15: &[u8]) -> Option<PublicKey> {
    PublicKey::from_spki(tlv::only(u16::from(FileId::Dg(15).tag()), dg15)?).ok()
}

/// The digest that ActiveAuthenticationInfo names. Chips without it go by the length of the curve, as the first ones
/// did.
fn ecdsa_digest(key: &PublicKey, dg14: Option<&SecurityInfos>) -> Hash {
    let named = dg14.into_iter().flat_map(SecurityInfos::infos).find_map(|info| {
        let SecurityInfo::ActiveAuthentication { algorithm } = info else {
            return None;
        };
        match algorithm.as_bytes().strip_prefix(&ECDSA_PLAIN)? {
            [1] => Some(Hash::Sha1),
            [2] => Some(Hash::Sha224),
            [3] => Some(Hash::Sha256),
            [4] => Some(Hash::Sha384),
            [5] => Some(Hash::Sha512),
            _ => None,
        }
    });
    named.unwrap_or_else(|| match key {
        PublicKey::Elliptic { curve, .. } if curve.bytes() > 32 => Hash::Sha384,
        _ => Hash::Sha256,
    })
}

/// ISO/IEC 9796-2, digital signature scheme 1 with partial recovery: the signature holds a part of the message that the
/// chip chose, and a digest of that part and the challenge.
fn recovers(key: &[u8], challenge: &[u8; 8], signature: &[u8]) -> Option<()> {
    let opened = rsa::open(key, signature)?;
    let complement = || subtract(&opened.modulus, &opened.message);
    // The signer may give the smaller of two roots; the last half byte tells which.
    let message = match opened.message.last()? & 0x0F {
        0x0C => opened.message.clone(),
        _ => complement()?,
    };
    let (hash, body) = trailer(&message)?;
    // 01 for a signature of this kind, 1 for a message that is longer than what was recovered, then whether padding
    // follows, which ends with a half byte of A.
    let (first, body) = body.split_first()?;
    let body = match first {
        0x6A => body,
        0x6B => {
            let padding = body.iter().take_while(|byte| **byte == 0xBB).count();
            body.get(padding..)?.strip_prefix(&[0xBA])?
        }
        _ => return None,
    };
    let (recovered, digest) = body.split_at_checked(body.len().checked_sub(hash.length())?)?;
    (!recovered.is_empty() && hash.digest(&[recovered, challenge].concat()) == digest).then_some(())
}

/// Digest and message without the trailer: `BC` means SHA-1, else the byte before `CC` names the digest (ISO/IEC
/// 10118-3).
fn trailer(message: &[u8]) -> Option<(Hash, &[u8])> {
    if let [body @ .., 0xBC] = message {
        return Some((Hash::Sha1, body));
    }
    let [body @ .., hash, 0xCC] = message else {
        return None;
    };
    let hash = match hash {
        0x33 => Hash::Sha1,
        0x34 => Hash::Sha256,
        0x35 => Hash::Sha512,
        0x36 => Hash::Sha384,
        0x38 => Hash::Sha224,
        _ => return None,
    };
    Some((hash, body))
}

/// `a − b` of two numbers of one length, nothing if it is negative.
fn subtract(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let mut difference = vec![0; a.len()];
    let mut borrow = false;
    for ((to, a), b) in difference.iter_mut().zip(a).zip(b).rev() {
        let (without, first) = a.overflowing_sub(*b);
        let (digit, second) = without.overflowing_sub(u8::from(borrow));
        (*to, borrow) = (digit, first || second);
    }
    (a.len() == b.len() && !borrow).then_some(difference)
}

#[cfg(test)]
mod tests;
