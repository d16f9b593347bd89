//! Keys and signature algorithms as foreign certificates and documents have them.
//!
//! ring verifies what it can; elliptic curves and digests that it does not know are verified by the arithmetic of
//! [`elliptic`](super::elliptic). What neither can (curves of 512 bits, short RSA keys, unusual PSS parameters) is
//! `PKI-003` *unsupported*, never *wrong*.

use std::fmt;

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Sequence};
use ring::signature as ring_signature;
use ring::signature::{UnparsedPublicKey, VerificationAlgorithm};
use sha2::Digest;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::asn1::{self, EC_PUBLIC_KEY};
use super::curve::{self, Curve};
use super::ecdsa;
use super::elliptic::{EllipticCurve, Point};
use super::fault;
use crate::base::Fault;

/// A subject public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PublicKey {
    /// A point, uncompressed and on its curve.
    Elliptic {
        /// The curve.
        curve: EllipticCurve,
        /// How the certificate names the curve.
        form: Curve,
        /// 04 ‖ x ‖ y.
        point: Point,
    },
    /// RSAPublicKey (RFC 8017, appendix A.1.1), DER.
    Rsa(Vec<u8>),
    /// Anything else, by the object identifier of its algorithm.
    Unsupported(String),
}

/// The digest algorithms of Doc 9303-12, and SHA-1 for old documents.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    /// SHA-1, in documents before about 2010.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How a signature was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignatureAlgorithm {
    /// ECDSA over this digest, r and s in DER.
    Ecdsa(Hash),
    /// ECDSA over this digest, `r ‖ s` (BSI TR-03111, section 5.2.1), as chips and CV certificates have it.
    EcdsaPlain(Hash),
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS with MGF1 over the same digest and a salt as long as the digest.
    RsaPss(Hash),
    /// Anything else, by object identifier.
    Unsupported(String),
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// `PKI-001` if it is none, or its point is not on its curve.
    pub fn from_spki(der: &[u8]) -> Result<Self, Fault> {
        let refused = |why: &str| Fault::new(&fault::KEY_REFUSED, why);
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| refused("SubjectPublicKeyInfo"))?;
        let bits = spki
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| refused("bit string"))?;
        match spki.algorithm.oid {
            RSA_ENCRYPTION => Ok(Self::Rsa(bits.to_vec())),
            EC_PUBLIC_KEY | STANDARDIZED_PARAMETERS => match spki
                .algorithm
                .parameters
                .and_then(|parameters| curve::recognize(spki.algorithm.oid, parameters))
            {
                Some((curve, _)) if !curve.has(bits) => {
                    Err(refused("not an uncompressed point of its curve"))
                }
                Some((curve, form)) => Ok(Self::Elliptic {
                    curve,
                    form,
                    point: bits.to_vec(),
                }),
                None => Ok(Self::Unsupported(
                    "an elliptic curve that is not known here".into(),
                )),
            },
            other => Ok(Self::Unsupported(other.to_string())),
        }
    }

    /// The point, if this is a P-256 key.
    #[must_use]
    pub fn p256_point(&self) -> Option<&[u8; 65]> {
        match self {
            Self::Elliptic {
                curve: EllipticCurve::P256,
                point,
                ..
            } => point.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// Verifies a signature over a message.
    ///
    /// # Errors
    /// `PKI-002` if it is wrong, `PKI-003` if it cannot be said.
    pub fn verify(
        &self,
        algorithm: &SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Fault> {
        let what = || format!("{algorithm} with {self}");
        let right = match (self, algorithm) {
            (Self::Elliptic { curve, point, .. }, SignatureAlgorithm::Ecdsa(hash)) => {
                Some(verify_ecdsa(*curve, point, *hash, message, signature))
            }
            (Self::Elliptic { curve, point, .. }, SignatureAlgorithm::EcdsaPlain(hash)) => {
                Some(verify_plain(*curve, point, *hash, message, signature))
            }
            (Self::Rsa(key), algorithm) => ring_rsa(algorithm, rsa_bits(key)).map(|verifier| {
                UnparsedPublicKey::new(verifier, key)
                    .verify(message, signature)
                    .is_ok()
            }),
            _ => None,
        };
        match right {
            Some(true) => Ok(()),
            Some(false) => Err(Fault::new(&fault::SIGNATURE_WRONG, what())),
            None => Err(Fault::new(&fault::ALGORITHM_UNSUPPORTED, what())),
        }
    }
}

/// ECDSA with r and s in DER: by ring where it knows curve and digest together.
fn verify_ecdsa(curve: EllipticCurve, point: &[u8], hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    let known: Option<&'static dyn VerificationAlgorithm> = match (curve, hash) {
        (EllipticCurve::P256, Hash::Sha256) => Some(&ring_signature::ECDSA_P256_SHA256_ASN1),
        (EllipticCurve::P256, Hash::Sha384) => Some(&ring_signature::ECDSA_P256_SHA384_ASN1),
        (EllipticCurve::P384, Hash::Sha256) => Some(&ring_signature::ECDSA_P384_SHA256_ASN1),
        (EllipticCurve::P384, Hash::Sha384) => Some(&ring_signature::ECDSA_P384_SHA384_ASN1),
        _ => None,
    };
    match known {
        Some(known) => UnparsedPublicKey::new(known, point)
            .verify(message, signature)
            .is_ok(),
        None => ecdsa::plain(signature, curve.bytes())
            .is_some_and(|plain| curve.verifies(point, &hash.digest(message), &plain)),
    }
}

/// ECDSA as `r ‖ s`: by ring where it knows curve and digest together.
fn verify_plain(curve: EllipticCurve, point: &[u8], hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    let known: &'static dyn VerificationAlgorithm = match (curve, hash) {
        (EllipticCurve::P256, Hash::Sha256) => &ring_signature::ECDSA_P256_SHA256_FIXED,
        (EllipticCurve::P384, Hash::Sha384) => &ring_signature::ECDSA_P384_SHA384_FIXED,
        _ => return curve.verifies(point, &hash.digest(message), signature),
    };
    UnparsedPublicKey::new(known, point)
        .verify(message, signature)
        .is_ok()
}

/// How ring verifies RSA signatures with keys of this length, if it does.
fn ring_rsa(algorithm: &SignatureAlgorithm, bits: usize) -> Option<&'static dyn VerificationAlgorithm> {
    use ring_signature as r;
    if bits < 2048 {
        return None;
    }
    Some(match algorithm {
        SignatureAlgorithm::RsaPkcs1(Hash::Sha1) => &r::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        SignatureAlgorithm::RsaPkcs1(Hash::Sha256) => &r::RSA_PKCS1_2048_8192_SHA256,
        SignatureAlgorithm::RsaPkcs1(Hash::Sha384) => &r::RSA_PKCS1_2048_8192_SHA384,
        SignatureAlgorithm::RsaPkcs1(Hash::Sha512) => &r::RSA_PKCS1_2048_8192_SHA512,
        SignatureAlgorithm::RsaPss(Hash::Sha256) => &r::RSA_PSS_2048_8192_SHA256,
        SignatureAlgorithm::RsaPss(Hash::Sha384) => &r::RSA_PSS_2048_8192_SHA384,
        SignatureAlgorithm::RsaPss(Hash::Sha512) => &r::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

impl Hash {
    /// The algorithm of this identifier. Parameters are not looked at: NULL is common though it should be absent.
    #[must_use]
    pub(crate) fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        Some(match oid {
            SHA1 => Self::Sha1,
            SHA224 => Self::Sha224,
            asn1::SHA256 => Self::Sha256,
            SHA384 => Self::Sha384,
            SHA512 => Self::Sha512,
            _ => return None,
        })
    }

    /// The digest of a message.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1::Sha1::digest(message).to_vec(),
            Self::Sha224 => sha2::Sha224::digest(message).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(message).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(message).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(message).to_vec(),
        }
    }

    /// Length of a digest in bytes.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl SignatureAlgorithm {
    /// The algorithm that an identifier means. In CMS the digest may stand apart (`rsaEncryption`); certificates have
    /// none.
    #[must_use]
    pub(crate) fn read(identifier: AlgorithmIdentifierRef<'_>, digest: Option<Hash>) -> Self {
        let unsupported = || Self::Unsupported(identifier.oid.to_string());
        match identifier.oid {
            ECDSA_SHA1 => Self::Ecdsa(Hash::Sha1),
            ECDSA_SHA224 => Self::Ecdsa(Hash::Sha224),
            asn1::ECDSA_WITH_SHA256 => Self::Ecdsa(Hash::Sha256),
            ECDSA_SHA384 => Self::Ecdsa(Hash::Sha384),
            ECDSA_SHA512 => Self::Ecdsa(Hash::Sha512),
            RSA_SHA1 => Self::RsaPkcs1(Hash::Sha1),
            RSA_SHA224 => Self::RsaPkcs1(Hash::Sha224),
            RSA_SHA256 => Self::RsaPkcs1(Hash::Sha256),
            RSA_SHA384 => Self::RsaPkcs1(Hash::Sha384),
            RSA_SHA512 => Self::RsaPkcs1(Hash::Sha512),
            RSA_ENCRYPTION => digest.map_or_else(unsupported, Self::RsaPkcs1),
            RSA_PSS => identifier
                .parameters
                .and_then(pss_hash)
                .map_or_else(unsupported, Self::RsaPss),
            _ => unsupported(),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elliptic { curve, .. } => write!(f, "{curve:?}"),
            Self::Rsa(key) => write!(f, "RSA-{}", rsa_bits(key)),
            Self::Unsupported(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdsa(hash) | Self::EcdsaPlain(hash) => write!(f, "ECDSA {hash:?}"),
            Self::RsaPkcs1(hash) => write!(f, "RSA PKCS#1 {hash:?}"),
            Self::RsaPss(hash) => write!(f, "RSA PSS {hash:?}"),
            Self::Unsupported(oid) => f.write_str(oid),
        }
    }
}

/// RSASSA-PSS-params (RFC 4055, section 3.1).
#[derive(Sequence)]
struct PssParameters<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

/// The digest of PSS parameters that ring can verify: MGF1 over the same digest, salt as long as the digest.
fn pss_hash(parameters: AnyRef<'_>) -> Option<Hash> {
    let parameters: PssParameters<'_> = parameters.decode_as().ok()?;
    let hash = Hash::from_oid(parameters.hash?.oid)?;
    let mask = parameters.mask.filter(|mask| mask.oid == MGF1)?;
    let mask_hash: AlgorithmIdentifierRef<'_> = mask.parameters?.decode_as().ok()?;
    let salt = usize::from(parameters.salt.unwrap_or(20));
    (Hash::from_oid(mask_hash.oid) == Some(hash)
        && salt == hash.length()
        && parameters.trailer.unwrap_or(1) == 1)
        .then_some(hash)
}

#[derive(Sequence)]
pub(super) struct RsaPublicKey<'a> {
    pub(super) modulus: UintRef<'a>,
    pub(super) exponent: UintRef<'a>,
}

/// Length of the modulus in bits, 0 if it is no RSA key.
fn rsa_bits(der: &[u8]) -> usize {
    RsaPublicKey::from_der(der).map_or(0, |key| {
        let modulus = key.modulus.as_bytes();
        let zeros = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        (modulus.len() * 8).saturating_sub(zeros)
    })
}

/// The curve by its number (BSI TR-03110-3, section A.2.1.1), in the keys of chips.
pub(super) const STANDARDIZED_PARAMETERS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("0.4.0.127.0.7.1.2");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA224: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const ECDSA_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
const ECDSA_SHA224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.1");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const RSA_SHA224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14");
