//! AES-GCM (NIST SP 800-38D; PKCS#11 2.40 mechanisms §2.12.2): 96-bit nonces, 128-bit tags, as the facility uses it.

use aes::Aes192;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm, Nonce};
use cryptoki_sys::{
    CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_FUNCTION_FAILED, CKR_KEY_SIZE_RANGE,
    CKR_MECHANISM_PARAM_INVALID,
};

use crate::rv::Outcome;

const TAG: usize = 16;

/// Nonce and associated data.
pub(crate) struct Gcm {
    nonce: [u8; 12],
    associated: Vec<u8>,
}

impl Gcm {
    /// # Errors
    /// `CKR_MECHANISM_PARAM_INVALID` for another length of nonce or tag.
    pub(crate) fn new(nonce: &[u8], associated: &[u8], tag_bits: u64) -> Outcome<Self> {
        if tag_bits != 128 {
            return Err(CKR_MECHANISM_PARAM_INVALID);
        }
        Ok(Self {
            nonce: nonce.try_into().map_err(|_| CKR_MECHANISM_PARAM_INVALID)?,
            associated: associated.to_vec(),
        })
    }

    /// In bytes.
    pub(crate) fn tag_length(&self) -> usize {
        TAG
    }

    /// Ciphertext and tag.
    pub(crate) fn encrypt(&self, key: &[u8], plain: &[u8]) -> Outcome<Vec<u8>> {
        let (nonce, payload) = self.payload(plain);
        match key.len() {
            16 => cipher::<Aes128Gcm>(key)?.encrypt(&nonce, payload),
            24 => cipher::<AesGcm<Aes192, U12>>(key)?.encrypt(&nonce, payload),
            _ => cipher::<Aes256Gcm>(key)?.encrypt(&nonce, payload),
        }
        .map_err(|_| CKR_FUNCTION_FAILED)
    }

    /// The plain text of authentic ciphertext and tag.
    pub(crate) fn decrypt(&self, key: &[u8], sealed: &[u8]) -> Outcome<Vec<u8>> {
        if sealed.len() < TAG {
            return Err(CKR_ENCRYPTED_DATA_LEN_RANGE);
        }
        let (nonce, payload) = self.payload(sealed);
        match key.len() {
            16 => cipher::<Aes128Gcm>(key)?.decrypt(&nonce, payload),
            24 => cipher::<AesGcm<Aes192, U12>>(key)?.decrypt(&nonce, payload),
            _ => cipher::<Aes256Gcm>(key)?.decrypt(&nonce, payload),
        }
        .map_err(|_| CKR_ENCRYPTED_DATA_INVALID)
    }

    fn payload<'a>(&'a self, message: &'a [u8]) -> (Nonce<U12>, Payload<'a, 'a>) {
        let payload = Payload {
            msg: message,
            aad: &self.associated,
        };
        (Nonce::from(self.nonce), payload)
    }
}

fn cipher<C: KeyInit>(key: &[u8]) -> Outcome<C> {
    C::new_from_slice(key).map_err(|_| CKR_KEY_SIZE_RANGE)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 4 (AES-128) and 16 (AES-256).
    #[test]
    fn gcm_as_published() {
        let plain = hex!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        );
        let gcm = Gcm::new(
            &hex!("cafebabefacedbaddecaf888"),
            &hex!("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
            128,
        )
        .unwrap();
        let key = hex!("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let short = gcm.encrypt(&key[..16], &plain).unwrap();
        assert!(short.ends_with(&hex!("5bc94fbc3221a5db94fae95ae7121a47")));
        let mut sealed = gcm.encrypt(&key, &plain).unwrap();
        assert!(sealed.ends_with(&hex!("76fc6ece0f4e1768cddf8853bb2d551b")));
        assert_eq!(gcm.decrypt(&key, &sealed).unwrap(), plain);
        sealed[3] ^= 1;
        assert_eq!(gcm.decrypt(&key, &sealed), Err(CKR_ENCRYPTED_DATA_INVALID));
        assert_eq!(
            gcm.decrypt(&key, &sealed[..15]),
            Err(CKR_ENCRYPTED_DATA_LEN_RANGE)
        );
    }

    #[test]
    fn other_lengths_are_refused() {
        assert!(Gcm::new(&[0; 16], &[], 128).is_err());
        assert!(Gcm::new(&[0; 12], &[], 96).is_err());
    }
}
