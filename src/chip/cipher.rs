//! The computations of secure messaging that chip and reader share (Doc 9303-11, section 9.8): encryption, checksum and
//! send sequence counter. Which bytes they are applied to is each side's own business.

use aes::Aes128;
use aes::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit,
};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2};
use retail_mac::RetailMac;

use super::kdf::{self, Key, Purpose};

/// A pair of keys and the algorithms that they are for.
pub struct Suite(Keys);

enum Keys {
    TripleDes(Box<(TdesEde2, RetailMac<Des>)>),
    Aes(Box<(Aes128, Cmac<Aes128>)>),
}

impl Suite {
    /// Two-key 3DES in CBC mode, and the retail MAC (ISO/IEC 9797-1 algorithm 3).
    #[must_use]
    pub fn triple_des(encrypt: &Key, mac: &Key) -> Self {
        Self(Keys::TripleDes(Box::new((
            TdesEde2::new((&**encrypt).into()),
            RetailMac::new((&**mac).into()),
        ))))
    }

    /// AES-128 in CBC mode, and CMAC cut to eight bytes.
    #[must_use]
    pub fn aes(encrypt: &Key, mac: &Key) -> Self {
        Self(Keys::Aes(Box::new((
            Aes128::new((&**encrypt).into()),
            Cmac::new((&**mac).into()),
        ))))
    }

    /// Bytes of a cipher block.
    #[must_use]
    pub fn block(&self) -> usize {
        match &self.0 {
            Keys::TripleDes(_) => 8,
            Keys::Aes(_) => 16,
        }
    }

    /// Encrypts whole blocks in place.
    pub fn encrypt(&self, counter: &[u8; 16], data: &mut [u8]) {
        debug_assert!(data.len().is_multiple_of(self.block()));
        match &self.0 {
            Keys::TripleDes(keys) => cbc_encrypt(&keys.0, &Block::<TdesEde2>::default(), data),
            Keys::Aes(keys) => cbc_encrypt(&keys.0, &aes_start(&keys.0, counter), data),
        }
    }

    /// Decrypts whole blocks in place.
    pub fn decrypt(&self, counter: &[u8; 16], data: &mut [u8]) {
        debug_assert!(data.len().is_multiple_of(self.block()));
        match &self.0 {
            Keys::TripleDes(keys) => cbc_decrypt(&keys.0, &Block::<TdesEde2>::default(), data),
            Keys::Aes(keys) => cbc_decrypt(&keys.0, &aes_start(&keys.0, counter), data),
        }
    }

    /// The checksum over all parts and their padding.
    #[must_use]
    pub fn checksum(&self, parts: &[&[u8]]) -> [u8; 8] {
        match &self.0 {
            Keys::TripleDes(keys) => mac(keys.1.clone(), parts, 8),
            Keys::Aes(keys) => mac(keys.1.clone(), parts, 16),
        }
    }
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Keys::TripleDes(_) => "Suite(3DES)",
            Keys::Aes(_) => "Suite(AES-128)",
        })
    }
}

/// Session keys and the send sequence counter, which both sides advance before every command and every response.
#[derive(Debug)]
pub struct Session {
    suite: Suite,
    counter: [u8; 16],
}

impl Session {
    /// A session under AES-128 after PACE: the counter starts at zero.
    #[must_use]
    pub fn aes(shared_secret: &[u8]) -> Self {
        Self {
            suite: Suite::aes(
                &kdf::derive(shared_secret, Purpose::Encrypt),
                &kdf::derive(shared_secret, Purpose::Authenticate),
            ),
            counter: [0; 16],
        }
    }

    /// A session under 3DES after BAC: the counter starts with the ends of both challenges.
    #[must_use]
    pub fn triple_des(shared_secret: &[u8], counter: [u8; 8]) -> Self {
        Self {
            suite: Suite::triple_des(
                &kdf::derive_des(shared_secret, Purpose::Encrypt),
                &kdf::derive_des(shared_secret, Purpose::Authenticate),
            ),
            counter: u128::from(u64::from_be_bytes(counter)).to_be_bytes(),
        }
    }

    /// A session in the middle, for published vectors that give its keys.
    #[cfg(test)]
    pub(super) fn at(suite: Suite, counter: u128) -> Self {
        Self {
            suite,
            counter: counter.to_be_bytes(),
        }
    }

    /// Bytes of a cipher block.
    #[must_use]
    pub fn block(&self) -> usize {
        self.suite.block()
    }

    /// Counts the next command or response.
    pub fn advance(&mut self) {
        // Wraps after 2^64 messages at the soonest, which no card sees.
        self.counter = u128::from_be_bytes(self.counter).wrapping_add(1).to_be_bytes();
    }

    /// Pads and encrypts in place.
    pub fn encrypt(&self, data: &mut Vec<u8>) {
        pad(data, self.block());
        self.suite.encrypt(&self.counter, data);
    }

    /// Decrypts in place and removes the padding; nothing if these are no whole blocks or there is no padding.
    #[must_use]
    pub fn decrypt(&self, data: &mut Vec<u8>) -> Option<()> {
        if data.is_empty() || !data.len().is_multiple_of(self.block()) {
            return None;
        }
        self.suite.decrypt(&self.counter, data);
        let end = data.iter().rposition(|byte| *byte != 0)?;
        if data[end] != 0x80 || data.len() - end > self.block() {
            return None;
        }
        data.truncate(end);
        Some(())
    }

    /// The checksum over the counter and all parts.
    #[must_use]
    pub fn checksum(&self, parts: [&[u8]; 2]) -> [u8; 8] {
        let counter = &self.counter[16 - self.block()..];
        self.suite.checksum(&[counter, parts[0], parts[1]])
    }
}

/// Appends `80 00…` up to a whole block (ISO/IEC 9797-1, padding method 2).
pub fn pad(data: &mut Vec<u8>, block: usize) {
    let length = padded(data.len(), block);
    data.push(0x80);
    data.resize(length, 0);
}

/// How long so many bytes become by padding.
#[must_use]
pub fn padded(length: usize, block: usize) -> usize {
    (length / block + 1) * block
}

fn aes_start(cipher: &Aes128, counter: &[u8; 16]) -> Block<Aes128> {
    let mut start = Block::<Aes128>::from(*counter);
    cipher.encrypt_block(&mut start);
    start
}

fn cbc_encrypt<C: BlockCipherEncrypt>(cipher: &C, start: &Block<C>, data: &mut [u8]) {
    let (blocks, _) = Block::<C>::slice_as_chunks_mut(data);
    cbc::Encryptor::inner_iv_init(cipher, start).encrypt_blocks(blocks);
}

fn cbc_decrypt<C: BlockCipherDecrypt>(cipher: &C, start: &Block<C>, data: &mut [u8]) {
    let (blocks, _) = Block::<C>::slice_as_chunks_mut(data);
    cbc::Decryptor::inner_iv_init(cipher, start).decrypt_blocks(blocks);
}

fn mac<M: Mac>(mut mac: M, parts: &[&[u8]], block: usize) -> [u8; 8] {
    const PADDING: [u8; 16] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut length = 0;
    for part in parts {
        mac.update(part);
        length += part.len();
    }
    mac.update(&PADDING[..block - length % block]);
    let mut checksum = [0; 8];
    checksum.copy_from_slice(&mac.finalize().into_bytes()[..8]);
    checksum
}
