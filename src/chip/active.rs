//! Active Authentication (Doc 9303-11, section 6.1): the chip proves that it holds the private key of DG15.

use der::Decode;
use der::asn1::ObjectIdentifier;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use spki::SubjectPublicKeyInfoRef;

use super::tlv;
use crate::document::FileId;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// What active authentication showed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The signature is right: this chip holds the key.
    Genuine,
    /// The signature is wrong, or the chip refused to sign: a copy, or wrongly written.
    Failed,
    /// DG15 names a key or a curve that is not supported; nothing is known.
    Unsupported,
    /// The chip has no DG15.
    Absent,
    /// It was not asked for.
    NotAsked,
}

/// Judges the signature that a chip made over a challenge: ECDSA P-256 with SHA-256, plain `r ‖ s` (TR-03111, section
/// 5.2.1), under the key in the whole EF.DG15.
#[must_use]
pub fn verify(dg15: &[u8], challenge: &[u8; 8], signature: &[u8]) -> Verdict {
    let Some(point) = public_point(dg15) else {
        return Verdict::Unsupported;
    };
    match UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(challenge, signature) {
        Ok(()) => Verdict::Genuine,
        Err(_) => Verdict::Failed,
    }
}

/// The uncompressed P-256 point in EF.DG15, or nothing if it holds another kind of key.
#[must_use]
pub fn public_point(dg15: &[u8]) -> Option<&[u8]> {
    let info = tlv::only(u16::from(FileId::Dg(15).tag()), dg15)?;
    let info = SubjectPublicKeyInfoRef::from_der(info).ok()?;
    let (algorithm, parameters) = info.algorithm.oids().ok()?;
    if (algorithm, parameters) != (EC_PUBLIC_KEY, Some(P_256)) {
        return None;
    }
    info.subject_public_key.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use p256::ecdsa::{Signature, SigningKey, signature::Signer};

    /// EF.DG15 with this key.
    fn dg15(key: &SigningKey) -> Vec<u8> {
        let mut file = hex!("6F5B3059301306072A8648CE3D020106082A8648CE3D030107034200").to_vec();
        file.extend(key.verifying_key().to_sec1_point(false).as_bytes());
        file
    }

    #[test]
    fn only_the_right_key_over_the_right_challenge() {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let other = SigningKey::from_slice(&[8; 32]).unwrap();
        let signature: Signature = key.sign(b"12345678");
        let signature = signature.to_bytes();
        assert_eq!(verify(&dg15(&key), b"12345678", &signature), Verdict::Genuine);
        assert_eq!(verify(&dg15(&key), b"12345679", &signature), Verdict::Failed);
        assert_eq!(verify(&dg15(&other), b"12345678", &signature), Verdict::Failed);
        assert_eq!(
            verify(&dg15(&key), b"12345678", &signature[..63]),
            Verdict::Failed
        );
    }

    #[test]
    fn a_real_rsa_key_is_not_called_false() {
        // gmrtd, activeauth_test.go: DG15 of a chip with RSA-1792, shortened to its head and a filler.
        let mut dg15 = hex!("6F8201023081FF300D06092A864886F70D01010105000381ED00").to_vec();
        dg15.resize(262, 0x55);
        assert_eq!(verify(&dg15, b"12345678", &[0; 64]), Verdict::Unsupported);
        assert_eq!(verify(&[], b"12345678", &[0; 64]), Verdict::Unsupported);
    }
}
