//! 3DES with keys of two parts, as older card managers use it (GlobalPlatform Card Specification 2.3.1, appendix B.1):
//! ECB, CBC and both checksums. What is put in, and in which order, is the protocol's own business.

use des::cipher::{Block, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use des::{Des, TdesEde2};
use retail_mac::{Mac, RetailMac};
use zeroize::Zeroizing;

use super::cipher::pad;

/// A cipher block.
pub type Chunk = [u8; 8];

/// A key of two parts, wiped when dropped. Its parity bits are as they are.
pub struct TripleDesKey {
    bytes: Zeroizing<[u8; 16]>,
    /// With both parts, and with the first one alone.
    ciphers: Box<(TdesEde2, Des)>,
}

impl TripleDesKey {
    /// A key of these 16 bytes; nothing for any other number.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            bytes: Zeroizing::new(bytes.try_into().ok()?),
            ciphers: Box::new((
                TdesEde2::new_from_slice(bytes).ok()?,
                Des::new_from_slice(bytes.get(..8)?).ok()?,
            )),
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// Encrypts whole blocks in place, each for itself; a rest that is no block stays as it is.
    pub fn encrypt_ecb(&self, data: &mut [u8]) {
        self.ciphers
            .0
            .encrypt_blocks(Block::<TdesEde2>::slice_as_chunks_mut(data).0);
    }

    /// Encrypts whole blocks in place; a rest that is no block stays as it is.
    pub fn encrypt_cbc(&self, start: &Chunk, data: &mut [u8]) {
        let (blocks, _) = Block::<TdesEde2>::slice_as_chunks_mut(data);
        cbc::Encryptor::inner_iv_init(&self.ciphers.0, &(*start).into()).encrypt_blocks(blocks);
    }

    /// Decrypts whole blocks in place; a rest that is no block stays as it is.
    pub fn decrypt_cbc(&self, start: &Chunk, data: &mut [u8]) {
        let (blocks, _) = Block::<TdesEde2>::slice_as_chunks_mut(data);
        cbc::Decryptor::inner_iv_init(&self.ciphers.0, &(*start).into()).decrypt_blocks(blocks);
    }

    /// Encrypts one block under the first part alone.
    #[must_use]
    pub fn single(&self, block: &Chunk) -> Chunk {
        let mut block = (*block).into();
        self.ciphers.1.encrypt_block(&mut block);
        block.into()
    }

    /// The checksum with all of 3DES (appendix B.1.2.1), padded as ever.
    #[must_use]
    pub fn full_mac(&self, parts: &[&[u8]]) -> Chunk {
        let mut data = parts.concat();
        pad(&mut data, 8);
        self.encrypt_cbc(&[0; 8], &mut data);
        data.last_chunk().copied().unwrap_or_default()
    }

    /// The checksum with one round of DES and 3DES at its end (appendix B.1.2.2; ISO/IEC 9797-1, algorithm 3).
    #[must_use]
    pub fn retail_mac(&self, start: &Chunk, parts: &[&[u8]]) -> Chunk {
        let mut data = parts.concat();
        pad(&mut data, 8);
        // A chain that starts elsewhere than at zero is one whose first block is another.
        data.iter_mut()
            .zip(start)
            .for_each(|(byte, start)| *byte ^= start);
        let mut mac = RetailMac::<Des>::new((&*self.bytes).into());
        mac.update(&data);
        mac.finalize().into_bytes().into()
    }

    /// Tells keys apart without telling anything of them: the first bytes of eight encrypted zeros (appendix B.5).
    #[must_use]
    pub fn check_value(&self) -> [u8; 3] {
        let mut block = [0; 8];
        self.encrypt_ecb(&mut block);
        let [a, b, c, ..] = block;
        [a, b, c]
    }
}

impl std::fmt::Debug for TripleDesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TripleDesKey")
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// The retail MAC of Doc 9303-11, appendix D.3, and a key's check value as GlobalPlatformPro's tests give it.
    #[test]
    fn checksums_and_check_values_as_published() {
        let key = TripleDesKey::new(&hex!("7962D9ECE03D1ACD4C76089DCE131543")).unwrap();
        let data = hex!("72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F2");
        assert_eq!(key.retail_mac(&[0; 8], &[&data]), hex!("5F1448EEA8AD90A7"));
        let key = TripleDesKey::new(&hex!("0EF59FCBF8019B62E62AF6EA20B8BF25")).unwrap();
        assert_eq!(key.check_value(), hex!("C33013"));
        assert!(TripleDesKey::new(&[0; 24]).is_none());
    }
}
