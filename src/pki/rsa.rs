//! The bare RSA operation, for signatures with message recovery, which ring does not open.

use der::Decode;

use super::modular::power;
use super::signature::RsaPublicKey;

/// The longest modulus in bytes: nothing on a travel document is longer, and time grows with its cube.
const MODULUS_BYTES_MAX: usize = 1_024;
/// The longest public exponent in bytes: the usual ones have one or three, and each byte costs time.
const EXPONENT_BYTES_MAX: usize = 8;

/// `signature ^ exponent mod modulus`, as long as the modulus, and the modulus itself: nothing if the key is malformed
/// or unreasonably long, or the number is not below the modulus.
#[must_use]
pub fn open(rsa_public_key: &[u8], signature: &[u8]) -> Option<Opened> {
    let key = RsaPublicKey::from_der(rsa_public_key).ok()?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.exponent.as_bytes());
    if modulus.len() > MODULUS_BYTES_MAX || exponent.len() > EXPONENT_BYTES_MAX {
        return None;
    }
    let message = power(signature, exponent, modulus)?;
    Some(Opened {
        message,
        modulus: modulus.to_vec(),
    })
}

/// What a signature opens to.
#[derive(Debug)]
pub struct Opened {
    /// The number, with leading zeros as long as the modulus.
    pub message: Vec<u8>,
    /// The modulus, without leading zeros.
    pub modulus: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreasonable_keys_are_refused_at_once() {
        // SEQUENCE of a modulus of 2,049 bytes and an exponent of 3; a short modulus with a long exponent.
        let mut long = vec![0x30, 0x82, 0x08, 0x08, 0x02, 0x82, 0x08, 0x01];
        long.extend([1; 2_049]);
        long.extend([0x02, 0x01, 0x03]);
        assert!(open(&long, &[2]).is_none());
        let slow = [0x30, 14, 0x02, 1, 33, 0x02, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        assert!(open(&slow, &[2]).is_none());
        assert!(open(&[0x30, 6, 0x02, 1, 33, 0x02, 1, 5], &[7]).is_some());
        assert!(open(&[], &[7]).is_none());
    }
}
