//! Mechanisms: what the token computes, with which keys, within which bounds.

mod des3;
mod ecdh;
mod ecdsa;
mod gcm;
mod generate;
mod mac;
mod wrap;

use cryptoki_sys::*;
use zeroize::Zeroizing;

pub(crate) use ecdh::{Agreement, derive};
pub(crate) use gcm::Gcm;
pub(crate) use generate::{created, imported, key, key_pair, point_of};
pub(crate) use wrap::{unwrap, wrap};

use crate::object::Object;
use crate::rv::Outcome;
use crate::session::{Kind, Operation};

/// A mechanism's type, smallest and largest key (in bits for EC, in bytes for the rest), and what it may be used for.
pub(crate) struct Listed(
    pub(crate) CK_MECHANISM_TYPE,
    pub(crate) CK_ULONG,
    pub(crate) CK_ULONG,
    pub(crate) CK_FLAGS,
);

const P256: CK_FLAGS = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;

/// Everything the token can do.
#[rustfmt::skip]
pub(crate) const LISTED: &[Listed] = &[
    Listed(CKM_EC_KEY_PAIR_GEN, 256, 256, P256 | CKF_GENERATE_KEY_PAIR),
    Listed(CKM_ECDSA, 256, 256, P256 | CKF_SIGN | CKF_VERIFY),
    Listed(CKM_ECDSA_SHA256, 256, 256, P256 | CKF_SIGN | CKF_VERIFY),
    Listed(CKM_ECDH1_DERIVE, 256, 256, P256 | CKF_DERIVE),
    Listed(CKM_AES_KEY_GEN, 16, 32, CKF_GENERATE),
    Listed(CKM_AES_GCM, 16, 32, CKF_ENCRYPT | CKF_DECRYPT),
    Listed(CKM_AES_CMAC, 16, 32, CKF_SIGN | CKF_VERIFY),
    Listed(CKM_DES3_ECB, 16, 16, CKF_ENCRYPT),
    Listed(CKM_AES_KEY_WRAP, 16, 32, CKF_WRAP | CKF_UNWRAP),
    Listed(CKM_GENERIC_SECRET_KEY_GEN, 1, 512, CKF_GENERATE),
    Listed(CKM_SHA256_HMAC, 1, 512, CKF_SIGN | CKF_VERIFY),
];

/// A mechanism with its parameters, for an operation with one key.
pub(crate) enum Cipher {
    /// ECDSA over a digest made by the caller.
    Ecdsa,
    /// ECDSA over data hashed here.
    EcdsaSha256,
    /// HMAC-SHA-256.
    Hmac,
    /// AES-CMAC.
    Cmac,
    /// AES-GCM.
    Gcm(Gcm),
    /// 3DES-ECB with a key of two parts, for encrypting only: it diversifies keys.
    TripleDes,
}

impl Cipher {
    /// Its number in the standard.
    pub(crate) fn mechanism(&self) -> CK_MECHANISM_TYPE {
        match self {
            Self::Ecdsa => CKM_ECDSA,
            Self::EcdsaSha256 => CKM_ECDSA_SHA256,
            Self::Hmac => CKM_SHA256_HMAC,
            Self::Cmac => CKM_AES_CMAC,
            Self::Gcm(_) => CKM_AES_GCM,
            Self::TripleDes => CKM_DES3_ECB,
        }
    }

    /// The mechanism serves this kind of operation and the key is of its type and allowed to do it.
    pub(crate) fn check(&self, kind: Kind, key: &Object) -> Outcome<()> {
        let serves = match self {
            Self::Gcm(_) => matches!(kind, Kind::Encrypt | Kind::Decrypt),
            Self::TripleDes => matches!(kind, Kind::Encrypt),
            _ => matches!(kind, Kind::Sign | Kind::Verify),
        };
        if !serves {
            return Err(CKR_MECHANISM_INVALID);
        }
        match (self, kind) {
            (Self::Ecdsa | Self::EcdsaSha256, Kind::Verify) => ecdsa::verifying_key(key).map(drop)?,
            (Self::Ecdsa | Self::EcdsaSha256, _) => key.ec().map(drop)?,
            (Self::Hmac, _) => key.mac().map(drop)?,
            (Self::Cmac | Self::Gcm(_), _) => key.aes().map(drop)?,
            (Self::TripleDes, _) => key.des2().map(drop)?,
        }
        let usage = match kind {
            Kind::Sign => CKA_SIGN,
            Kind::Verify => CKA_VERIFY,
            Kind::Encrypt => CKA_ENCRYPT,
            Kind::Decrypt => CKA_DECRYPT,
        };
        key.permits(usage, self.mechanism())
    }

    /// The most that comes out when so much has gone in.
    pub(crate) fn output_length(&self, kind: Kind, input: usize) -> usize {
        match (self, kind) {
            (Self::Ecdsa | Self::EcdsaSha256, _) => ecdsa::LENGTH,
            (Self::Hmac, _) => mac::HMAC_LENGTH,
            (Self::Cmac, _) => mac::CMAC_LENGTH,
            (Self::Gcm(gcm), Kind::Decrypt) => input.saturating_sub(gcm.tag_length()),
            (Self::Gcm(gcm), _) => input.saturating_add(gcm.tag_length()),
            (Self::TripleDes, _) => input,
        }
    }
}

/// Computes an operation's result from all its data.
///
/// # Errors
/// The mechanism's own codes; `CKR_ENCRYPTED_DATA_INVALID` for what does not authenticate.
pub(crate) fn compute(kind: Kind, operation: &Operation) -> Outcome<Zeroizing<Vec<u8>>> {
    let Operation { cipher, key, data } = operation;
    let output = match (cipher, kind) {
        (Cipher::Ecdsa, _) => ecdsa::sign(key, data)?,
        (Cipher::EcdsaSha256, _) => ecdsa::sign(key, &ecdsa::digest(data))?,
        (Cipher::Hmac, _) => mac::hmac(key.mac()?, data)?,
        (Cipher::Cmac, _) => mac::cmac(key.aes()?, data)?,
        (Cipher::Gcm(gcm), Kind::Decrypt) => gcm.decrypt(key.aes()?, data)?,
        (Cipher::Gcm(gcm), _) => gcm.encrypt(key.aes()?, data)?,
        (Cipher::TripleDes, _) => des3::encrypt(key.des2()?, data)?,
    };
    Ok(Zeroizing::new(output))
}

/// Verifies a signature or a MAC over an operation's data.
///
/// # Errors
/// `CKR_SIGNATURE_INVALID`, `CKR_SIGNATURE_LEN_RANGE`.
pub(crate) fn verify(operation: &Operation, signature: &[u8]) -> Outcome<()> {
    let Operation { cipher, key, data } = operation;
    match cipher {
        Cipher::Ecdsa => ecdsa::verify(key, data, signature),
        Cipher::EcdsaSha256 => ecdsa::verify(key, &ecdsa::digest(data), signature),
        Cipher::Hmac => mac::verify_hmac(key.mac()?, data, signature),
        Cipher::Cmac => mac::verify_cmac(key.aes()?, data, signature),
        Cipher::Gcm(_) | Cipher::TripleDes => Err(CKR_MECHANISM_INVALID),
    }
}
