//! ECDSA on P-256 (PKCS#11 2.40 mechanisms §2.3.5, §2.3.6): signatures are r‖s, 64 bytes; nonces by RFC 6979.

use cryptoki_sys::{
    CKA_EC_POINT, CKR_DATA_LEN_RANGE, CKR_FUNCTION_FAILED, CKR_KEY_TYPE_INCONSISTENT, CKR_SIGNATURE_INVALID,
    CKR_SIGNATURE_LEN_RANGE,
};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::point_of;
use crate::object::{Material, Object};
use crate::rv::Outcome;

/// Length of a signature.
pub(crate) const LENGTH: usize = 64;
/// Digests that make sense with a 256-bit group: SHA-1 to SHA-512, longer ones cut by the algorithm.
const DIGESTS: std::ops::RangeInclusive<usize> = 20..=64;

/// SHA-256.
pub(crate) fn digest(data: &[u8]) -> Vec<u8> {
    Sha256::digest(data).to_vec()
}

/// Signs a digest. The count is on disk before the signature leaves.
pub(crate) fn sign(key: &Object, digest: &[u8]) -> Outcome<Vec<u8>> {
    if !DIGESTS.contains(&digest.len()) {
        return Err(CKR_DATA_LEN_RANGE);
    }
    let signature: Signature = key.ec()?.sign_prehash(digest).map_err(|_| CKR_FUNCTION_FAILED)?;
    if let Some(counter) = &key.counter {
        counter.next()?;
    }
    Ok(signature.to_bytes().to_vec())
}

/// Verifies a signature over a digest.
pub(crate) fn verify(key: &Object, digest: &[u8], signature: &[u8]) -> Outcome<()> {
    if !DIGESTS.contains(&digest.len()) {
        return Err(CKR_DATA_LEN_RANGE);
    }
    if signature.len() != LENGTH {
        return Err(CKR_SIGNATURE_LEN_RANGE);
    }
    let signature = Signature::from_slice(signature).map_err(|_| CKR_SIGNATURE_INVALID)?;
    verifying_key(key)?
        .verify_prehash(digest, &signature)
        .map_err(|_| CKR_SIGNATURE_INVALID)
}

/// The public key of a public key object.
pub(crate) fn verifying_key(key: &Object) -> Outcome<VerifyingKey> {
    let point = key.attributes.bytes(CKA_EC_POINT);
    match (&key.material, point) {
        (Material::Public, Some(point)) => {
            VerifyingKey::from_sec1_bytes(point_of(point)?).map_err(|_| CKR_KEY_TYPE_INCONSISTENT)
        }
        _ => Err(CKR_KEY_TYPE_INCONSISTENT),
    }
}
