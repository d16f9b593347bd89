//! AES with keys of all three lengths, as card managers use it: CBC and CMAC (NIST SP 800-38A and 38B). What is put in,
//! and in which order, is each protocol's own business, and each side's.

use aes::cipher::{Block, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use cmac::{Cmac, Mac};
use zeroize::Zeroizing;

/// A cipher block.
pub type Chunk = [u8; 16];

/// A key of 128, 192 or 256 bits, wiped when dropped.
pub struct AesKey {
    bytes: Zeroizing<Vec<u8>>,
    keyed: Keyed,
}

enum Keyed {
    Aes128(Box<(Aes128, Cmac<Aes128>)>),
    Aes192(Box<(Aes192, Cmac<Aes192>)>),
    Aes256(Box<(Aes256, Cmac<Aes256>)>),
}

/// The same for whichever length.
macro_rules! with {
    ($key:expr, $pair:ident => $act:expr) => {
        match &$key.keyed {
            Keyed::Aes128($pair) => $act,
            Keyed::Aes192($pair) => $act,
            Keyed::Aes256($pair) => $act,
        }
    };
}

impl AesKey {
    /// A key of these 16, 24 or 32 bytes; nothing for any other number.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let keyed = match bytes.len() {
            16 => Keyed::Aes128(Box::new(pair(bytes)?)),
            24 => Keyed::Aes192(Box::new(pair(bytes)?)),
            32 => Keyed::Aes256(Box::new(pair(bytes)?)),
            _ => return None,
        };
        Some(Self {
            bytes: Zeroizing::new(bytes.to_vec()),
            keyed,
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Encrypts one block.
    #[must_use]
    pub fn encrypt_block(&self, block: &Chunk) -> Chunk {
        let mut block = (*block).into();
        with!(self, pair => pair.0.encrypt_block(&mut block));
        block.into()
    }

    /// Encrypts whole blocks in place; a rest that is no block stays as it is.
    pub fn encrypt_cbc(&self, start: &Chunk, data: &mut [u8]) {
        with!(self, pair => {
            let (blocks, _) = Block::<Aes128>::slice_as_chunks_mut(data);
            cbc::Encryptor::inner_iv_init(&pair.0, &(*start).into()).encrypt_blocks(blocks);
        });
    }

    /// Decrypts whole blocks in place; a rest that is no block stays as it is.
    pub fn decrypt_cbc(&self, start: &Chunk, data: &mut [u8]) {
        with!(self, pair => {
            let (blocks, _) = Block::<Aes128>::slice_as_chunks_mut(data);
            cbc::Decryptor::inner_iv_init(&pair.0, &(*start).into()).decrypt_blocks(blocks);
        });
    }

    /// CMAC over all parts, one after the other.
    #[must_use]
    pub fn cmac(&self, parts: &[&[u8]]) -> Chunk {
        with!(self, pair => {
            let mut mac = pair.1.clone();
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().into()
        })
    }

    /// Tells keys apart without telling anything of them: the first bytes of sixteen encrypted ones (GlobalPlatform
    /// Amendment D, section 7.2).
    #[must_use]
    pub fn check_value(&self) -> [u8; 3] {
        let [a, b, c, ..] = self.encrypt_block(&[1; 16]);
        [a, b, c]
    }
}

impl std::fmt::Debug for AesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AesKey({} bits)", self.bytes.len() * 8)
    }
}

/// Appends `80 00…` up to a whole block (ISO/IEC 9797-1, padding method 2).
pub fn pad(data: &mut Vec<u8>) {
    super::cipher::pad(data, 16);
}

/// Takes the padding off; nothing if there is none.
#[must_use]
pub fn unpad(data: &mut Vec<u8>) -> Option<()> {
    let end = data.iter().rposition(|byte| *byte != 0)?;
    if data.get(end) != Some(&0x80) || data.len() - end > 16 {
        return None;
    }
    data.truncate(end);
    Some(())
}

fn pair<C: KeyInit, M: KeyInit>(bytes: &[u8]) -> Option<(C, M)> {
    Some((C::new_from_slice(bytes).ok()?, M::new_from_slice(bytes).ok()?))
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// NIST SP 800-38B, examples D.1 to D.3, and the check values of GlobalPlatform's test keys.
    #[test]
    fn cmac_and_check_values_as_published() {
        let block = hex!("6bc1bee22e409f96e93d7e117393172a");
        for (key, tag) in [
            (
                &hex!("2b7e151628aed2a6abf7158809cf4f3c")[..],
                hex!("070a16b46b4d4144f79bdd9dd04a287c"),
            ),
            (
                &hex!("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"),
                hex!("9e99a7bf31e710900662f65e617c5184"),
            ),
            (
                &hex!("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
                hex!("28a7023f452e8f82bd4bf28d8c37c35c"),
            ),
        ] {
            assert_eq!(AesKey::new(key).unwrap().cmac(&[&block[..7], &block[7..]]), tag);
        }
        for (key, value) in [
            (hex!("000102030405060708090A0B0C0D0E0F"), hex!("C35280")),
            (hex!("101112131415161718191A1B1C1D1E1F"), hex!("013808")),
            (hex!("202122232425262728292A2B2C2D2E2F"), hex!("840DE5")),
        ] {
            assert_eq!(AesKey::new(&key).unwrap().check_value(), value);
        }
        assert!(AesKey::new(&[0; 17]).is_none());
    }

    #[test]
    fn padding_comes_off_as_it_went_on() {
        for length in 0..40 {
            let plain = vec![0; length];
            let mut padded = plain.clone();
            pad(&mut padded);
            assert!(padded.len().is_multiple_of(16) && padded.len() > length);
            assert_eq!(unpad(&mut padded), Some(()));
            assert_eq!(padded, plain);
        }
        assert_eq!(unpad(&mut vec![0; 16]), None);
        assert_eq!(unpad(&mut vec![0x81]), None);
        assert_eq!(unpad(&mut [vec![0x80], vec![0; 16]].concat()), None);
    }
}
