//! Checking the facility's signatures, with another library than the one that makes them.

use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::fault;
use crate::base::Fault;

/// Checks an ECDSA P-256 signature (raw r‖s, 64 bytes) over the SHA-256 of this text, under an uncompressed public
/// point (65 bytes), as the HSM gives both (PKCS#11 v2.40 Mechanisms, section 2.3.1).
///
/// # Errors
/// `SIGNATURE_WRONG`, also for a point that is not on the curve.
pub fn verify(point: &[u8], text: &[u8], signature: &[u8]) -> Result<(), Fault> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(text, signature)
        .map_err(|_| Fault::new(&fault::SIGNATURE_WRONG, ""))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use p256::ecdsa::signature::Signer;
    use p256::ecdsa::{Signature, SigningKey};

    /// A signer for tests: the public point and a way to sign, from the crypto library that production does not verify
    /// with.
    pub(crate) struct TestKey(SigningKey);

    impl TestKey {
        pub(crate) fn new(seed: u8) -> Self {
            Self(SigningKey::from_slice(&[seed; 32]).unwrap())
        }

        pub(crate) fn point(&self) -> Vec<u8> {
            self.0.verifying_key().to_sec1_point(false).as_bytes().to_vec()
        }

        pub(crate) fn sign(&self, text: &[u8]) -> [u8; 64] {
            let signature: Signature = self.0.sign(text);
            signature.to_bytes().into()
        }
    }

    #[test]
    fn only_the_right_key_text_and_signature_pass() {
        let (key, other) = (TestKey::new(1), TestKey::new(2));
        let signature = key.sign(b"text");
        assert_eq!(verify(&key.point(), b"text", &signature), Ok(()));
        let mut bent = signature;
        bent[40] ^= 1;
        for (point, text, signature) in [
            (other.point(), &b"text"[..], &signature[..]),
            (key.point(), b"texT", &signature),
            (key.point(), b"text", &bent),
            (key.point(), b"text", &signature[..63]),
            (vec![4; 65], b"text", &signature),
            (vec![], b"text", &signature),
        ] {
            assert_eq!(verify(&point, text, signature).unwrap_err().code.id, "AUDIT-009");
        }
    }
}
