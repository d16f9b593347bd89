//! SCP03, the secure channel of GlobalPlatform card managers, the host's side (GlobalPlatform Card Technology, Secure
//! Channel Protocol 03, Amendment D 1.1.1 and 1.2; section numbers are of 1.1.1).
//!
//! A session begins with INITIALIZE UPDATE, whose answer is an [`Introduction`]. [`Channel::open`] proves that the chip
//! holds the keys *before* anything is proven to the chip: who has the wrong keys finds out without one failed
//! authentication on the chip's own count. EXTERNAL AUTHENTICATE then fixes the [`Level`] for all that follows.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::aes_key::{AesKey, Chunk, pad, unpad};
use super::apdu::{Command, Status};
use super::fault;
use crate::base::Fault;

/// Bytes of key diversification data.
pub const DIVERSIFICATION: usize = 10;
/// Class bit of a protected command.
const PROTECTED: u8 = 0x04;
/// Options byte (`i`): the chip computes its challenge, so that it can be foreseen.
const PSEUDO_RANDOM: u8 = 0x10;
/// Options byte: challenges, cryptograms and checksums of 16 bytes (mode S16 of 1.2).
const S16: u8 = 0x01;

/// What a derived value is for (section 4.1.5, table 4-1).
#[derive(Clone, Copy)]
enum Purpose {
    CardCryptogram = 0x00,
    HostCryptogram = 0x01,
    CardChallenge = 0x02,
    Encrypt = 0x04,
    Mac = 0x06,
    ResponseMac = 0x07,
}

/// How a session is protected, from EXTERNAL AUTHENTICATE on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub enum Level {
    /// Commands carry a checksum.
    #[serde(rename = "01")]
    Mac = 0x01,
    /// And are encrypted.
    #[serde(rename = "03")]
    MacEncrypt = 0x03,
    /// Commands and responses carry a checksum.
    #[serde(rename = "11")]
    MacBoth = 0x11,
    /// Commands are encrypted, and both carry a checksum.
    #[serde(rename = "13")]
    MacBothEncrypt = 0x13,
    /// Both are encrypted and carry a checksum.
    #[serde(rename = "33")]
    Full = 0x33,
}

impl Level {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Mac,
        Self::MacEncrypt,
        Self::MacBoth,
        Self::MacBothEncrypt,
        Self::Full,
    ];

    fn encrypts(self) -> bool {
        self as u8 & 0x02 != 0
    }

    fn checks_responses(self) -> bool {
        self as u8 & 0x10 != 0
    }

    fn decrypts_responses(self) -> bool {
        self as u8 & 0x20 != 0
    }
}

/// The three static keys of one chip.
#[derive(Debug)]
pub struct StaticKeys {
    /// Key-ENC: session keys for encryption, and the chip's challenge.
    pub encrypt: AesKey,
    /// Key-MAC: session keys for checksums.
    pub mac: AesKey,
    /// Key-DEK: encrypts secrets once more, inside the channel.
    pub data: AesKey,
}

impl StaticKeys {
    /// Three keys of one length.
    ///
    /// # Errors
    /// `CHIP-016` if they are no AES keys.
    pub fn new(encrypt: &[u8], mac: &[u8], data: &[u8]) -> Result<Self, Fault> {
        let key = |bytes: &[u8]| {
            let key = AesKey::new(bytes).filter(|_| bytes.len() == encrypt.len());
            key.ok_or_else(|| Fault::new(&fault::MISUSE, "the length of a static key"))
        };
        Ok(Self {
            encrypt: key(encrypt)?,
            mac: key(mac)?,
            data: key(data)?,
        })
    }

    /// Encrypts a secret under Key-DEK (section 6.2.8): whole blocks, no chaining into the next secret.
    #[must_use]
    pub fn seal(&self, mut secret: Zeroizing<Vec<u8>>) -> Vec<u8> {
        if !secret.len().is_multiple_of(16) {
            pad(&mut secret);
        }
        self.data.encrypt_cbc(&[0; 16], &mut secret);
        std::mem::take(&mut *secret)
    }
}

/// What a chip says of its keys when a session begins: the answer to INITIALIZE UPDATE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Introduction {
    /// From which, with a master key, its static keys follow.
    pub diversification: [u8; DIVERSIFICATION],
    /// Version of the key set.
    pub key_version: u8,
    /// Options of the protocol, `i`.
    pub options: u8,
    challenge: Vec<u8>,
    cryptogram: Vec<u8>,
    counter: Option<[u8; 3]>,
}

impl Introduction {
    /// Reads the answer.
    ///
    /// # Errors
    /// `CHIP-002` if it has another form, `CHIP-032` if the chip speaks another protocol than SCP03.
    pub fn parse(answer: &[u8]) -> Result<Self, Fault> {
        let garbled = || Fault::new(&fault::GARBLED, "INITIALIZE UPDATE");
        let (diversification, rest) = answer.split_first_chunk().ok_or_else(garbled)?;
        let (&[key_version, protocol, options], rest) = rest.split_first_chunk().ok_or_else(garbled)?;
        if protocol != 3 {
            return Err(Fault::new(&fault::KEYS, format!("SCP{protocol:02}")));
        }
        let size = size(options);
        let (challenge, rest) = rest.split_at_checked(size).ok_or_else(garbled)?;
        let (cryptogram, rest) = rest.split_at_checked(size).ok_or_else(garbled)?;
        let counter = match (options & PSEUDO_RANDOM, rest) {
            (0, []) => None,
            (PSEUDO_RANDOM, rest) => Some(rest.try_into().map_err(|_| garbled())?),
            _ => return Err(garbled()),
        };
        Ok(Self {
            diversification: *diversification,
            key_version,
            options,
            challenge: challenge.to_vec(),
            cryptogram: cryptogram.to_vec(),
            counter,
        })
    }

    /// Proves that the chip holds these keys, and that a challenge which it says it computed is the computed one.
    ///
    /// # Errors
    /// `CHIP-031` if not. The chip has not been told anything, so it has counted nothing.
    pub fn prove(&self, keys: &StaticKeys, host_challenge: &[u8], manager: &[u8]) -> Result<(), Fault> {
        let session_mac = self.session_key(&keys.mac, Purpose::Mac, host_challenge)?;
        let expected = self.value(&session_mac, Purpose::CardCryptogram, host_challenge);
        if !bool::from(expected.ct_eq(&self.cryptogram)) {
            return Err(Fault::new(&fault::NOT_OUR_KEYS, "cryptogram"));
        }
        if let Some(counter) = self.counter {
            let bits = self.challenge.len() * 8;
            let computed = derive(&keys.encrypt, Purpose::CardChallenge, bits, &[&counter, manager]);
            if *computed != self.challenge {
                return Err(Fault::new(&fault::NOT_OUR_KEYS, "challenge"));
            }
        }
        Ok(())
    }

    fn session_key(&self, key: &AesKey, purpose: Purpose, host_challenge: &[u8]) -> Result<AesKey, Fault> {
        let bits = key.bytes().len() * 8;
        let bytes = derive(key, purpose, bits, &[host_challenge, &self.challenge]);
        AesKey::new(&bytes).ok_or_else(|| Fault::new(&fault::MISUSE, "the length of a session key"))
    }

    fn value(&self, key: &AesKey, purpose: Purpose, host_challenge: &[u8]) -> Vec<u8> {
        let bits = self.challenge.len() * 8;
        derive(key, purpose, bits, &[host_challenge, &self.challenge]).to_vec()
    }
}

/// INITIALIZE UPDATE with a key version, 0 for whichever the chip has. The challenge has 8 bytes; chips in mode S16
/// want 16.
#[must_use]
pub fn initialize_update(key_version: u8, host_challenge: &[u8]) -> Vec<u8> {
    Command::new(0x80, 0x50, key_version, 0)
        .data(host_challenge)
        .le(256)
        .encode()
}

/// An open session. After a fault it is worthless and must be dropped: chip and host no longer count alike.
#[derive(Debug)]
pub struct Channel {
    level: Level,
    encrypt: AesKey,
    mac: AesKey,
    response_mac: AesKey,
    chain: Chunk,
    counter: u128,
    size: usize,
}

impl Channel {
    /// Proves the chip, then computes the proof for it: the channel and the EXTERNAL AUTHENTICATE that opens it. The
    /// chip counts this command if it refuses it.
    ///
    /// # Errors
    /// As [`Introduction::prove`].
    pub fn open(
        introduction: &Introduction,
        keys: &StaticKeys,
        host_challenge: &[u8],
        manager: &[u8],
        level: Level,
    ) -> Result<(Self, Vec<u8>), Fault> {
        introduction.prove(keys, host_challenge, manager)?;
        let key = |key, purpose| introduction.session_key(key, purpose, host_challenge);
        let mut channel = Self {
            level,
            encrypt: key(&keys.encrypt, Purpose::Encrypt)?,
            mac: key(&keys.mac, Purpose::Mac)?,
            response_mac: key(&keys.mac, Purpose::ResponseMac)?,
            chain: [0; 16],
            counter: 0,
            size: size(introduction.options),
        };
        let proof = introduction.value(&channel.mac, Purpose::HostCryptogram, host_challenge);
        let authenticate = Command::new(0x80, 0x82, level as u8, 0).data(&proof);
        let authenticate = channel.sign(&authenticate, proof.clone());
        Ok((channel, authenticate))
    }

    /// The most data that a command of so many bytes of data can carry through this channel.
    #[must_use]
    pub fn capacity(&self, command_data_max: usize) -> usize {
        let room = command_data_max.saturating_sub(self.size);
        if self.level.encrypts() {
            (room / 16 * 16).saturating_sub(1)
        } else {
            room
        }
    }

    /// The protected form of a command, ready to send.
    #[must_use]
    pub fn wrap(&mut self, command: &Command<'_>) -> Vec<u8> {
        // Counted whether or not there is anything to encrypt (section 6.2.6).
        self.counter = self.counter.wrapping_add(1);
        let mut data = Vec::with_capacity(command.data.len() + 32);
        data.extend(command.data);
        if self.level.encrypts() && !data.is_empty() {
            pad(&mut data);
            let start = self.encrypt.encrypt_block(&self.counter.to_be_bytes());
            self.encrypt.encrypt_cbc(&start, &mut data);
        }
        self.sign(command, data)
    }

    /// The data inside a response.
    ///
    /// # Errors
    /// `CHIP-011` if the checksum, the padding or the form is wrong.
    pub fn unwrap(&mut self, mut data: Vec<u8>, status: Status) -> Result<Vec<u8>, Fault> {
        let broken = |what: &str| Fault::new(&fault::CHANNEL, what);
        let word = status.word();
        if !self.level.checks_responses() {
            return Ok(data);
        }
        // Errors come without a checksum (section 6.2.5); an error that brings data is none.
        if !matches!(word >> 8, 0x90 | 0x62 | 0x63) {
            return if data.is_empty() {
                Ok(data)
            } else {
                Err(broken("an error with data"))
            };
        }
        let end = data
            .len()
            .checked_sub(self.size)
            .ok_or_else(|| broken("no checksum"))?;
        let checksum = data.split_off(end);
        let expected = self.response_mac.cmac(&[&self.chain, &data, &word.to_be_bytes()]);
        let right: bool = expected[..self.size].ct_eq(&checksum).into();
        if !right {
            return Err(broken("checksum"));
        }
        if self.level.decrypts_responses() && !data.is_empty() {
            if !data.len().is_multiple_of(16) {
                return Err(broken("no whole blocks"));
            }
            let counter = (self.counter | 1 << 127).to_be_bytes();
            self.encrypt
                .decrypt_cbc(&self.encrypt.encrypt_block(&counter), &mut data);
            unpad(&mut data).ok_or_else(|| broken("padding"))?;
        }
        Ok(data)
    }

    /// Adds the checksum, which is chained from command to command (section 6.2.4).
    fn sign(&mut self, command: &Command<'_>, mut data: Vec<u8>) -> Vec<u8> {
        let cla = command.cla | PROTECTED;
        let length = data.len() + self.size;
        let extended = length > 255 || command.le.is_some_and(|le| le > 256);
        let [.., high, low] = length.to_be_bytes();
        let lc: &[u8] = if extended { &[0, high, low] } else { &[low] };
        let header = [cla, command.ins, command.p1, command.p2];
        self.chain = self.mac.cmac(&[&self.chain, &header, lc, &data]);
        data.extend(&self.chain[..self.size]);
        Command {
            cla,
            data: &data,
            ..*command
        }
        .encode()
    }
}

/// Bytes of challenges, cryptograms and checksums.
fn size(options: u8) -> usize {
    if options & S16 == 0 { 8 } else { 16 }
}

/// Key derivation in counter mode with CMAC (NIST SP 800-108; section 4.1.5): label of eleven zeros and the constant, a
/// zero, the length in bits, the counter, the context.
fn derive(key: &AesKey, purpose: Purpose, bits: usize, context: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut label = [0; 12];
    label[11] = purpose as u8;
    let [.., high, low] = bits.to_be_bytes();
    let mut derived = Zeroizing::new(Vec::with_capacity(32));
    for counter in 1..=2 {
        let fixed = [0, high, low, counter];
        let parts: Vec<&[u8]> = [&label[..], &fixed]
            .into_iter()
            .chain(context.iter().copied())
            .collect();
        derived.extend(key.cmac(&parts));
        if derived.len() * 8 >= bits {
            break;
        }
    }
    derived.truncate(bits / 8);
    derived
}

#[cfg(test)]
mod tests;
