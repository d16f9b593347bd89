//! 3DES-ECB with a key of two parts (NIST SP 800-67; PKCS#11 2.40 mechanisms, section 2.16), encrypting only: with it
//! suppliers of chips make each chip's keys from a master.

use cryptoki_sys::{CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE};
use des::TdesEde2;
use des::cipher::{BlockCipherEncrypt, KeyInit};

use crate::rv::Outcome;

/// Bytes of a block.
const BLOCK: usize = 8;

/// Whole blocks, each by itself.
///
/// # Errors
/// `CKR_DATA_LEN_RANGE` for a rest that is no block.
pub(crate) fn encrypt(key: &[u8], plain: &[u8]) -> Outcome<Vec<u8>> {
    let cipher = TdesEde2::new_from_slice(key).map_err(|_| CKR_KEY_SIZE_RANGE)?;
    let mut data = plain.to_vec();
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    if !rest.is_empty() {
        return Err(CKR_DATA_LEN_RANGE);
    }
    for block in blocks {
        cipher.encrypt_block(block.into());
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// EMV CPS keys as GlobalPlatformPro's tests have them.
    #[test]
    fn blocks_as_published() {
        let master = hex!("404142434445464748494A4B4C4D4E4F");
        let name = hex!("040506070809F001 0405060708090F01");
        let key = hex!("0EF59FCBF8019B62E62AF6EA20B8BF25");
        assert_eq!(encrypt(&master, &name).unwrap(), key);
        assert_eq!(encrypt(&master, &name[1..]), Err(CKR_DATA_LEN_RANGE));
        assert_eq!(encrypt(&master[1..], &name), Err(CKR_KEY_SIZE_RANGE));
    }
}
