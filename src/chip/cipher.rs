//! The computations of secure messaging that chip and reader share (Doc 9303-11, section 9.8): encryption, checksum and
//! send sequence counter. Which bytes they are applied to is each side's own business.

use aes::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit,
};
use aes::{Aes128, Aes192, Aes256};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2};
use retail_mac::RetailMac;
use zeroize::Zeroize;

use super::kdf::{self, Key, Purpose};

/// The ciphers of secure messaging. Each has its checksum: the retail MAC (ISO/IEC 9797-1 algorithm 3) with 3DES, CMAC
/// with AES, both cut to eight bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cipher {
    /// Two-key 3DES in CBC mode.
    TripleDes,
    /// AES-128 in CBC mode.
    Aes128,
    /// AES-192 in CBC mode.
    Aes192,
    /// AES-256 in CBC mode.
    Aes256,
}

impl Cipher {
    /// All of them, in the order in which object identifiers number them.
    pub const ALL: [Self; 4] = [Self::TripleDes, Self::Aes128, Self::Aes192, Self::Aes256];

    /// By the last arc of a protocol's object identifier (BSI TR-03110-3, section A.1.1).
    #[must_use]
    pub fn from_arc(arc: u8) -> Option<Self> {
        Self::ALL.get(usize::from(arc).checked_sub(1)?).copied()
    }

    /// The last arc of a protocol's object identifier.
    #[must_use]
    pub fn arc(self) -> u8 {
        match self {
            Self::TripleDes => 1,
            Self::Aes128 => 2,
            Self::Aes192 => 3,
            Self::Aes256 => 4,
        }
    }

    /// Bytes of a cipher block.
    #[must_use]
    pub fn block(self) -> usize {
        match self {
            Self::TripleDes => 8,
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
        }
    }

    /// Bytes of a key.
    #[must_use]
    pub fn key_bytes(self) -> usize {
        match self {
            Self::TripleDes | Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }
}

/// A pair of keys and the algorithms that they are for.
pub struct Suite {
    cipher: Cipher,
    keys: Box<dyn Keys>,
}

/// What a pair of keys computes, whatever they are for.
trait Keys: Send + Sync {
    fn encrypt(&self, start: &[u8], data: &mut [u8]);
    fn decrypt(&self, start: &[u8], data: &mut [u8]);
    /// The checksum over all parts, which are padded first where padding is given.
    fn checksum(&self, parts: &[&[u8]], padding: &[u8]) -> [u8; 8];
}

struct Pair<C, M> {
    cipher: C,
    mac: M,
}

impl Suite {
    /// These keys, each as long as the cipher wants it ([`kdf::derive`]).
    #[must_use]
    pub fn new(cipher: Cipher, encrypt: &Key, mac: &Key) -> Self {
        let keys: Box<dyn Keys> = match cipher {
            Cipher::TripleDes => Box::new(Pair::<TdesEde2, RetailMac<Des>>::new(encrypt, mac)),
            Cipher::Aes128 => Box::new(Pair::<Aes128, Cmac<Aes128>>::new(encrypt, mac)),
            Cipher::Aes192 => Box::new(Pair::<Aes192, Cmac<Aes192>>::new(encrypt, mac)),
            Cipher::Aes256 => Box::new(Pair::<Aes256, Cmac<Aes256>>::new(encrypt, mac)),
        };
        Self { cipher, keys }
    }

    /// The session keys that come from a shared secret.
    #[must_use]
    pub fn derive(cipher: Cipher, secret: &[u8]) -> Self {
        let key = |purpose| kdf::derive(secret, purpose, cipher);
        Self::new(cipher, &key(Purpose::Encrypt), &key(Purpose::Authenticate))
    }

    /// Bytes of a cipher block.
    #[must_use]
    pub fn block(&self) -> usize {
        self.cipher.block()
    }

    /// Encrypts whole blocks in place, as at this count of the send sequence counter.
    pub fn encrypt(&self, counter: &[u8; 16], data: &mut [u8]) {
        self.keys.encrypt(&self.start(counter), data);
    }

    /// Decrypts whole blocks in place.
    pub fn decrypt(&self, counter: &[u8; 16], data: &mut [u8]) {
        self.keys.decrypt(&self.start(counter), data);
    }

    /// Encrypts whole blocks in place with a start of zeros: random data that need no other.
    pub fn encrypt_nonce(&self, data: &mut [u8]) {
        self.keys.encrypt(&[0; 16], data);
    }

    /// Decrypts whole blocks in place with a start of zeros.
    pub fn decrypt_nonce(&self, data: &mut [u8]) {
        self.keys.decrypt(&[0; 16], data);
    }

    /// The checksum over all parts and their padding.
    #[must_use]
    pub fn checksum(&self, parts: &[&[u8]]) -> [u8; 8] {
        self.keys.checksum(parts, self.padding(parts))
    }

    /// The checksum by which one side proves its keys (Doc 9303-11, section 4.4.3.4): AES needs no padding.
    #[must_use]
    pub fn token(&self, data: &[u8]) -> [u8; 8] {
        let padding = match self.cipher {
            Cipher::TripleDes => self.padding(&[data]),
            Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256 => &[],
        };
        self.keys.checksum(&[data], padding)
    }

    /// Where CBC starts: with 3DES at zero, with AES at the encrypted counter.
    fn start(&self, counter: &[u8; 16]) -> [u8; 16] {
        match self.cipher {
            Cipher::TripleDes => [0; 16],
            Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256 => {
                let mut start = *counter;
                self.keys.encrypt(&[0; 16], &mut start);
                start
            }
        }
    }

    fn padding(&self, parts: &[&[u8]]) -> &'static [u8] {
        const PADDING: [u8; 16] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        &PADDING[..self.block() - length % self.block()]
    }
}

impl<C: KeyInit, M: KeyInit> Pair<C, M> {
    fn new(encrypt: &[u8], mac: &[u8]) -> Self {
        Self {
            cipher: keyed(encrypt),
            mac: keyed(mac),
        }
    }
}

/// An algorithm under a key of its own length.
fn keyed<A: KeyInit>(bytes: &[u8]) -> A {
    let mut key = aes::cipher::Key::<A>::default();
    debug_assert_eq!(key.len(), bytes.len());
    for (to, from) in key.iter_mut().zip(bytes) {
        *to = *from;
    }
    let algorithm = A::new(&key);
    key.as_mut_slice().zeroize();
    algorithm
}

impl<C, M> Keys for Pair<C, M>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + Send + Sync,
    M: Mac + Clone + Send + Sync,
{
    fn encrypt(&self, start: &[u8], data: &mut [u8]) {
        let (blocks, rest) = Block::<C>::slice_as_chunks_mut(data);
        debug_assert!(rest.is_empty());
        cbc::Encryptor::inner_iv_init(&self.cipher, &first_block::<C>(start)).encrypt_blocks(blocks);
    }

    fn decrypt(&self, start: &[u8], data: &mut [u8]) {
        let (blocks, rest) = Block::<C>::slice_as_chunks_mut(data);
        debug_assert!(rest.is_empty());
        cbc::Decryptor::inner_iv_init(&self.cipher, &first_block::<C>(start)).decrypt_blocks(blocks);
    }

    fn checksum(&self, parts: &[&[u8]], padding: &[u8]) -> [u8; 8] {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part);
        }
        mac.update(padding);
        let mut checksum = [0; 8];
        checksum.copy_from_slice(&mac.finalize().into_bytes()[..8]);
        checksum
    }
}

fn first_block<C: BlockCipherEncrypt>(bytes: &[u8]) -> Block<C> {
    let mut block = Block::<C>::default();
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = *from;
    }
    block
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Suite({:?})", self.cipher)
    }
}

/// Session keys and the send sequence counter, which both sides advance before every command and every response.
#[derive(Debug)]
pub struct Session {
    suite: Suite,
    counter: [u8; 16],
}

impl Session {
    /// A session after PACE or chip authentication: the counter starts at zero.
    #[must_use]
    pub fn new(cipher: Cipher, shared_secret: &[u8]) -> Self {
        Self {
            suite: Suite::derive(cipher, shared_secret),
            counter: [0; 16],
        }
    }

    /// A session under 3DES after BAC: the counter starts with the ends of both challenges.
    #[must_use]
    pub fn after_bac(shared_secret: &[u8], counter: [u8; 8]) -> Self {
        Self {
            suite: Suite::derive(Cipher::TripleDes, shared_secret),
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
        unpad(data, self.block())
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

/// Removes the padding; nothing if there is none.
#[must_use]
pub fn unpad(data: &mut Vec<u8>, block: usize) -> Option<()> {
    let end = data.iter().rposition(|byte| *byte != 0)?;
    if data[end] != 0x80 || data.len() - end > block {
        return None;
    }
    data.truncate(end);
    Some(())
}
