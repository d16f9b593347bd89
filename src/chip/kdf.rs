//! Key derivation for secure messaging (Doc 9303-11, section 9.7.1).

use sha1::{Digest, Sha1};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::cipher::Cipher;

/// A symmetric key, wiped when dropped.
pub type Key = Zeroizing<Vec<u8>>;

/// What a derived key is for: the counter of the derivation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Encryption.
    Encrypt = 1,
    /// Checksums.
    Authenticate = 2,
    /// Encryption of the PACE nonce, from a password.
    Password = 3,
}

/// A key for this cipher: the beginning of a hash over secret and counter, SHA-1 for keys of up to 128 bits and SHA-256
/// beyond. Bytes of DES keys are given odd parity (section 9.7.1.1).
#[must_use]
pub fn derive(secret: &[u8], purpose: Purpose, cipher: Cipher) -> Key {
    let counter = [0, 0, 0, purpose as u8];
    let mut hash: Key = match cipher {
        Cipher::TripleDes | Cipher::Aes128 => hash::<Sha1>(&[secret, &counter]),
        Cipher::Aes192 | Cipher::Aes256 => hash::<Sha256>(&[secret, &counter]),
    };
    hash.truncate(cipher.key_bytes());
    if cipher == Cipher::TripleDes {
        for byte in hash.iter_mut() {
            *byte = *byte & 0xFE | u8::from((*byte >> 1).count_ones().is_multiple_of(2));
        }
    }
    hash
}

/// The seed of the BAC keys: the first 16 bytes of SHA-1(MRZ information) (Doc 9303-11, section 4.3.2).
#[must_use]
pub fn bac_seed(mrz_information: &[u8]) -> Key {
    let mut seed = hash::<Sha1>(&[mrz_information]);
    seed.truncate(16);
    seed
}

fn hash<D: Digest>(parts: &[&[u8]]) -> Key {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    let mut output = digest.finalize();
    let key = Zeroizing::new(output.to_vec());
    output.as_mut_slice().zeroize();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_long_as_their_cipher_wants() {
        for cipher in Cipher::ALL {
            let key = derive(b"secret", Purpose::Encrypt, cipher);
            assert_eq!(key.len(), cipher.key_bytes());
            assert_ne!(key, derive(b"secret", Purpose::Authenticate, cipher));
        }
        // The shorter of two keys from one hash is the beginning of the longer one.
        let long = derive(b"secret", Purpose::Encrypt, Cipher::Aes256);
        assert!(long.starts_with(&derive(b"secret", Purpose::Encrypt, Cipher::Aes192)));
    }
}
