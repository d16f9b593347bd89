//! Message authentication: HMAC-SHA-256 (RFC 2104) and AES-CMAC (NIST SP 800-38B).

use aes::{Aes128, Aes192, Aes256};
use cmac::Cmac;
use cryptoki_sys::{CKR_KEY_SIZE_RANGE, CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::rv::Outcome;

/// Length of an HMAC.
pub(crate) const HMAC_LENGTH: usize = 32;
/// Length of a CMAC.
pub(crate) const CMAC_LENGTH: usize = 16;

/// HMAC-SHA-256.
pub(crate) fn hmac(key: &[u8], data: &[u8]) -> Outcome<Vec<u8>> {
    Ok(keyed::<Hmac<Sha256>>(key, data)?.finalize().into_bytes().to_vec())
}

/// Verifies one in constant time.
pub(crate) fn verify_hmac(key: &[u8], data: &[u8], tag: &[u8]) -> Outcome<()> {
    check(keyed::<Hmac<Sha256>>(key, data)?, HMAC_LENGTH, tag)
}

/// AES-CMAC with a key of 16, 24 or 32 bytes.
pub(crate) fn cmac(key: &[u8], data: &[u8]) -> Outcome<Vec<u8>> {
    Ok(match key.len() {
        16 => keyed::<Cmac<Aes128>>(key, data)?.finalize().into_bytes().to_vec(),
        24 => keyed::<Cmac<Aes192>>(key, data)?.finalize().into_bytes().to_vec(),
        _ => keyed::<Cmac<Aes256>>(key, data)?.finalize().into_bytes().to_vec(),
    })
}

/// Verifies one in constant time.
pub(crate) fn verify_cmac(key: &[u8], data: &[u8], tag: &[u8]) -> Outcome<()> {
    match key.len() {
        16 => check(keyed::<Cmac<Aes128>>(key, data)?, CMAC_LENGTH, tag),
        24 => check(keyed::<Cmac<Aes192>>(key, data)?, CMAC_LENGTH, tag),
        _ => check(keyed::<Cmac<Aes256>>(key, data)?, CMAC_LENGTH, tag),
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Outcome<M> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| CKR_KEY_SIZE_RANGE)?;
    mac.update(data);
    Ok(mac)
}

fn check<M: Mac>(mac: M, length: usize, tag: &[u8]) -> Outcome<()> {
    if tag.len() != length {
        return Err(CKR_SIGNATURE_LEN_RANGE);
    }
    mac.verify_slice(tag).map_err(|_| CKR_SIGNATURE_INVALID)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// RFC 4231 §4.3, test case 2.
    #[test]
    fn hmac_as_published() {
        let tag = hex!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let data = b"what do ya want for nothing?";
        assert_eq!(hmac(b"Jefe", data).unwrap(), tag);
        assert_eq!(verify_hmac(b"Jefe", data, &tag), Ok(()));
        assert_eq!(verify_hmac(b"Jefe", b"", &tag), Err(CKR_SIGNATURE_INVALID));
        assert_eq!(
            verify_hmac(b"Jefe", data, &tag[1..]),
            Err(CKR_SIGNATURE_LEN_RANGE)
        );
    }

    /// RFC 4493 §4, examples 1 and 2; NIST SP 800-38B D.3 example 9 (AES-256, empty message).
    #[test]
    fn cmac_as_published() {
        let key = hex!("2b7e151628aed2a6abf7158809cf4f3c");
        assert_eq!(cmac(&key, b"").unwrap(), hex!("bb1d6929e95937287fa37d129b756746"));
        let block = hex!("6bc1bee22e409f96e93d7e117393172a");
        assert_eq!(
            cmac(&key, &block).unwrap(),
            hex!("070a16b46b4d4144f79bdd9dd04a287c")
        );
        let long = hex!("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        assert_eq!(
            cmac(&long, b"").unwrap(),
            hex!("028962f61b7bf89efc6b551f4667d983")
        );
        assert_eq!(verify_cmac(&key, b"x", &[0; 16]), Err(CKR_SIGNATURE_INVALID));
    }
}
