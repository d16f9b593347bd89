//! Key derivation for secure messaging (Doc 9303-11, section 9.7.1), 128-bit keys only.

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// A 128-bit key, wiped when dropped.
pub type Key = Zeroizing<[u8; 16]>;

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

/// The first 16 bytes of SHA-1(secret ‖ counter): an AES-128 key, or a two-key 3DES key before its parity is set.
#[must_use]
pub fn derive(secret: &[u8], purpose: Purpose) -> Key {
    let mut hash = Sha1::new();
    hash.update(secret);
    hash.update([0, 0, 0, purpose as u8]);
    first_sixteen(&mut hash.finalize().into())
}

/// The same with every byte given odd parity, as DES keys are written (section 9.7.1.1).
#[must_use]
pub fn derive_des(secret: &[u8], purpose: Purpose) -> Key {
    let mut key = derive(secret, purpose);
    for byte in key.iter_mut() {
        *byte = *byte & 0xFE | u8::from((*byte >> 1).count_ones().is_multiple_of(2));
    }
    key
}

/// The seed of the BAC keys: the first 16 bytes of SHA-1(MRZ information) (Doc 9303-11, section 4.3.2).
#[must_use]
pub fn bac_seed(mrz_information: &[u8]) -> Key {
    first_sixteen(&mut Sha1::digest(mrz_information).into())
}

fn first_sixteen(hash: &mut [u8; 20]) -> Key {
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&hash[..16]);
    zeroize::Zeroize::zeroize(hash);
    key
}
