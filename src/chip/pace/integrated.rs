//! The pseudo-random function of integrated mapping (Doc 9303-11, section 4.4.3.3.2; BSI TR-03110-3, section A.3.5).

use hex_literal::hex;
use zeroize::Zeroizing;

use super::{Mapping, Protocol};
use crate::chip::cipher::{Cipher, Suite};
use crate::chip::kdf::Key;

/// Bits of output beyond the prime's own, so that what is left modulo the prime is as good as uniform.
const SURPLUS_BITS: usize = 64;

/// The constants c0 and c1 for blocks of 128 bits.
const SHORT: [[u8; 16]; 2] = [
    hex!("A668892A7C41E3CA739F40B057D85904"),
    hex!("A4E136AC725F738B01C1F60217C188AD"),
];
/// The same for 256 bits.
const LONG: [[u8; 32]; 2] = [
    hex!("D463D65234124EF7897054986DCA0A174E28DF758CBAA03F240616414D5A1676"),
    hex!("54BD7255F0AAF831BEC3423FCF39D69B6CBF066677D0FAAE5AADD99DF8E53517"),
];

impl Protocol {
    /// Bytes of a chip's nonce: one AES block; with integrated mapping two where the key is longer than one.
    #[must_use]
    pub fn nonce_bytes(self) -> usize {
        match self.mapping {
            Mapping::Integrated => constants(self.cipher)[0].len(),
            Mapping::Generic | Mapping::ChipAuthentication => 16,
        }
    }
}

fn constants(cipher: Cipher) -> [&'static [u8]; 2] {
    match cipher {
        Cipher::TripleDes | Cipher::Aes128 => [&SHORT[0], &SHORT[1]],
        Cipher::Aes192 | Cipher::Aes256 => [&LONG[0], &LONG[1]],
    }
}

/// Blocks until they are longer than a prime of so many bytes: the first key is the chip's nonce encrypted under the
/// reader's, each block is c1 encrypted and each next key c0.
pub(super) fn pseudo_random(
    cipher: Cipher,
    nonce: &[u8],
    readers: &[u8],
    prime: usize,
) -> Zeroizing<Vec<u8>> {
    let [c0, c1] = constants(cipher);
    let encrypted = |key: &[u8], plain: &[u8]| {
        let key = Key::new(key.iter().copied().take(cipher.key_bytes()).collect());
        let mut block = Zeroizing::new(plain.to_vec());
        Suite::new(cipher, &key, &key).encrypt_nonce(&mut block);
        block
    };
    let mut key = encrypted(readers, nonce);
    let mut output = Zeroizing::new(Vec::with_capacity(prime + 2 * c1.len()));
    while output.len() * 8 < prime * 8 + SURPLUS_BITS {
        output.extend_from_slice(&encrypted(&key, c1));
        key = encrypted(&key, c0);
    }
    output
}
