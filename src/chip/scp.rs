//! Secure channels of GlobalPlatform card managers, the host's side, whichever protocol a chip speaks: [`scp02`] with
//! 3DES, [`scp03`] with AES.
//!
//! A session begins with INITIALIZE UPDATE, whose answer is an [`Introduction`]. [`Introduction::open`] proves that the
//! chip holds the keys *before* anything is proven to the chip: who has the wrong keys finds out without one failed
//! authentication on the chip's own count. EXTERNAL AUTHENTICATE then fixes the [`Level`] for all that follows.

pub mod scp02;
pub mod scp03;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::aes_key::{self, AesKey};
use super::apdu::{Command, Status};
use super::triple_des::TripleDesKey;
use super::{cipher, fault};
use crate::base::Fault;

/// Bytes of key diversification data.
pub const DIVERSIFICATION: usize = 10;
/// Class bit of a protected command.
const PROTECTED: u8 = 0x04;

/// Protocols, by their numbers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// 3DES with keys of two parts.
    Scp02 = 2,
    /// AES.
    #[default]
    Scp03 = 3,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SCP{:02}", *self as u8)
    }
}

/// How a session is protected, from EXTERNAL AUTHENTICATE on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
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

    /// Commands are encrypted.
    #[must_use]
    pub fn encrypts(self) -> bool {
        self as u8 & 0x02 != 0
    }

    /// Responses carry a checksum.
    #[must_use]
    pub fn checks_responses(self) -> bool {
        self as u8 & 0x10 != 0
    }

    /// Responses are encrypted.
    #[must_use]
    pub fn decrypts_responses(self) -> bool {
        self as u8 & 0x20 != 0
    }
}

/// The three static keys of one chip, all for one protocol.
#[derive(Debug)]
pub struct StaticKeys<K> {
    /// Key-ENC: what sessions encrypt with, and the chip's challenge.
    pub encrypt: K,
    /// Key-MAC: what sessions compute checksums with.
    pub mac: K,
    /// Key-DEK: what encrypts secrets once more, inside the channel.
    pub data: K,
}

impl<K> StaticKeys<K> {
    /// In the order of their numbers.
    fn in_order(&self) -> [&K; 3] {
        [&self.encrypt, &self.mac, &self.data]
    }
}

/// A chip's static keys, for the protocol that it speaks.
#[derive(Debug)]
pub enum ChipKeys {
    /// For SCP02.
    TripleDes(StaticKeys<TripleDesKey>),
    /// For SCP03.
    Aes(StaticKeys<AesKey>),
}

impl ChipKeys {
    /// Three keys of one length: Key-ENC, Key-MAC and Key-DEK.
    ///
    /// # Errors
    /// `CHIP-016` if they are no keys of this protocol.
    pub fn new(protocol: Protocol, bytes: [&[u8]; 3]) -> Result<Self, Fault> {
        let wrong = || Fault::new(&fault::MISUSE, "the length of a static key");
        let [encrypt, mac, data] = bytes;
        if mac.len() != encrypt.len() || data.len() != encrypt.len() {
            return Err(wrong());
        }
        Ok(match protocol {
            Protocol::Scp02 => Self::TripleDes(StaticKeys {
                encrypt: TripleDesKey::new(encrypt).ok_or_else(wrong)?,
                mac: TripleDesKey::new(mac).ok_or_else(wrong)?,
                data: TripleDesKey::new(data).ok_or_else(wrong)?,
            }),
            Protocol::Scp03 => Self::Aes(StaticKeys {
                encrypt: AesKey::new(encrypt).ok_or_else(wrong)?,
                mac: AesKey::new(mac).ok_or_else(wrong)?,
                data: AesKey::new(data).ok_or_else(wrong)?,
            }),
        })
    }

    /// The three as PUT KEY brings them, each encrypted under the data key of the session, and the check values with
    /// which the chip confirms them (GlobalPlatform Card Specification 2.3.1, section 11.8; Amendment D, section 7.2).
    #[must_use]
    pub fn fields(&self, session: &DataKey) -> (Vec<u8>, Vec<u8>) {
        let (mut fields, mut check_values) = (Vec::new(), Vec::new());
        // None is longer than 32 bytes.
        let byte = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        let mut add = |kind: u8, lengths: &[u8], sealed: &[u8], check_value: [u8; 3]| {
            fields.push(kind);
            fields.extend(lengths);
            fields.extend(sealed);
            fields.push(3);
            fields.extend(check_value);
            check_values.extend(check_value);
        };
        match self {
            Self::TripleDes(keys) => {
                for key in keys.in_order() {
                    let sealed = session.seal(key.bytes());
                    add(0x80, &[byte(sealed.len())], &sealed, key.check_value());
                }
            }
            // Padding hides how long an AES key is, so that is said.
            Self::Aes(keys) => {
                for key in keys.in_order() {
                    let sealed = session.seal(key.bytes());
                    let lengths = [byte(sealed.len() + 1), byte(key.bytes().len())];
                    add(0x88, &lengths, &sealed, key.check_value());
                }
            }
        }
        (fields, check_values)
    }
}

/// What encrypts secrets once more inside the channel.
#[derive(Debug)]
pub enum DataKey {
    /// SCP02: the session's own.
    TripleDes(TripleDesKey),
    /// SCP03: the static one.
    Aes(AesKey),
}

impl DataKey {
    /// Encrypts a secret of whole blocks; another is padded first.
    #[must_use]
    pub fn seal(&self, secret: &[u8]) -> Vec<u8> {
        self.encrypt(secret, !secret.len().is_multiple_of(self.block()))
    }

    /// Encrypts a secret that is padded in any case, so that the chip finds its end.
    #[must_use]
    pub fn seal_padded(&self, secret: &[u8]) -> Vec<u8> {
        self.encrypt(secret, true)
    }

    fn encrypt(&self, secret: &[u8], padded: bool) -> Vec<u8> {
        // In one piece: padding must not leave a copy behind.
        let mut data = Zeroizing::new(Vec::with_capacity(secret.len() + self.block()));
        data.extend(secret);
        if padded {
            cipher::pad(&mut data, self.block());
        }
        match self {
            Self::TripleDes(key) => key.encrypt_ecb(&mut data),
            Self::Aes(key) => key.encrypt_cbc(&[0; 16], &mut data),
        }
        std::mem::take(&mut *data)
    }

    fn block(&self) -> usize {
        match self {
            Self::TripleDes(_) => size_of::<super::triple_des::Chunk>(),
            Self::Aes(_) => size_of::<aes_key::Chunk>(),
        }
    }
}

/// What a chip says of its keys when a session begins: the answer to INITIALIZE UPDATE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Introduction {
    /// From which, with a master key, its static keys follow.
    pub diversification: [u8; DIVERSIFICATION],
    /// Version of the key set.
    pub key_version: u8,
    greeting: Greeting,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Greeting {
    Scp02(scp02::Greeting),
    Scp03(scp03::Greeting),
}

/// A session that the chip has only to agree to.
#[derive(Debug)]
pub struct Opened {
    /// What commands go through from now on.
    pub channel: Channel,
    /// EXTERNAL AUTHENTICATE, ready to send. The chip counts it if it refuses it.
    pub authenticate: Vec<u8>,
    /// What secrets are encrypted with besides.
    pub data: DataKey,
}

impl Introduction {
    /// Reads the answer of a chip that should speak this protocol.
    ///
    /// # Errors
    /// `CHIP-002` if it has another form, `CHIP-032` if the chip speaks another protocol.
    pub fn parse(protocol: Protocol, answer: &[u8]) -> Result<Self, Fault> {
        let garbled = || Fault::new(&fault::GARBLED, "INITIALIZE UPDATE");
        let (diversification, rest) = answer.split_first_chunk().ok_or_else(garbled)?;
        let (&[key_version, spoken], rest) = rest.split_first_chunk().ok_or_else(garbled)?;
        if spoken != protocol as u8 {
            return Err(Fault::new(&fault::KEYS, format!("SCP{spoken:02}")));
        }
        let greeting = match protocol {
            Protocol::Scp02 => scp02::Greeting::parse(rest).map(Greeting::Scp02),
            Protocol::Scp03 => scp03::Greeting::parse(rest).map(Greeting::Scp03),
        };
        Ok(Self {
            diversification: *diversification,
            key_version,
            greeting: greeting.ok_or_else(garbled)?,
        })
    }

    /// Options of the protocol, `i`, if the chip says which it has.
    #[must_use]
    pub fn options(&self) -> Option<u8> {
        match &self.greeting {
            Greeting::Scp02(_) => None,
            Greeting::Scp03(greeting) => Some(greeting.options()),
        }
    }

    /// Proves that the chip holds these keys, and that a challenge which it says it computed is the computed one.
    ///
    /// # Errors
    /// `CHIP-031` if not, `CHIP-016` if these are keys for another protocol. The chip has not been told anything, so it
    /// has counted nothing.
    pub fn prove(&self, keys: &ChipKeys, host_challenge: &[u8], manager: &[u8]) -> Result<(), Fault> {
        match (&self.greeting, keys) {
            (Greeting::Scp02(greeting), ChipKeys::TripleDes(keys)) => greeting.prove(keys, host_challenge),
            (Greeting::Scp03(greeting), ChipKeys::Aes(keys)) => greeting.prove(keys, host_challenge, manager),
            _ => Err(other_protocol()),
        }
    }

    /// Proves the chip, then computes the proof for it.
    ///
    /// # Errors
    /// As [`Introduction::prove`].
    pub fn open(
        &self,
        keys: &ChipKeys,
        host_challenge: &[u8],
        manager: &[u8],
        level: Level,
    ) -> Result<Opened, Fault> {
        self.prove(keys, host_challenge, manager)?;
        match (&self.greeting, keys) {
            (Greeting::Scp02(greeting), ChipKeys::TripleDes(keys)) => {
                let (channel, authenticate) = scp02::Channel::open(greeting, keys, host_challenge, level)?;
                Ok(Opened {
                    channel: Channel::Scp02(channel),
                    authenticate,
                    data: DataKey::TripleDes(greeting.data_key(keys)?),
                })
            }
            (Greeting::Scp03(greeting), ChipKeys::Aes(keys)) => {
                let (channel, authenticate) = scp03::Channel::open(greeting, keys, host_challenge, level)?;
                let data = AesKey::new(keys.data.bytes()).ok_or_else(other_protocol)?;
                Ok(Opened {
                    channel: Channel::Scp03(channel),
                    authenticate,
                    data: DataKey::Aes(data),
                })
            }
            _ => Err(other_protocol()),
        }
    }
}

fn other_protocol() -> Fault {
    Fault::new(&fault::MISUSE, "keys for another protocol")
}

/// INITIALIZE UPDATE with a key version, 0 for whichever the chip has. The challenge has 8 bytes; chips in mode S16 of
/// SCP03 want 16.
#[must_use]
pub fn initialize_update(key_version: u8, host_challenge: &[u8]) -> Vec<u8> {
    Command::new(0x80, 0x50, key_version, 0)
        .data(host_challenge)
        .le(256)
        .encode()
}

/// An open session. After a fault it is worthless and must be dropped: chip and host no longer count alike.
#[derive(Debug)]
pub enum Channel {
    /// With 3DES.
    Scp02(scp02::Channel),
    /// With AES.
    Scp03(scp03::Channel),
}

impl Channel {
    /// The most data that a command of so many bytes of data can carry through this channel.
    #[must_use]
    pub fn capacity(&self, command_data_max: usize) -> usize {
        match self {
            Self::Scp02(channel) => channel.capacity(command_data_max),
            Self::Scp03(channel) => channel.capacity(command_data_max),
        }
    }

    /// The protected form of a command, ready to send.
    #[must_use]
    pub fn wrap(&mut self, command: &Command<'_>) -> Vec<u8> {
        match self {
            Self::Scp02(channel) => channel.wrap(command),
            Self::Scp03(channel) => channel.wrap(command),
        }
    }

    /// The data inside a response.
    ///
    /// # Errors
    /// `CHIP-011` if the checksum, the padding or the form is wrong.
    pub fn unwrap(&mut self, data: Vec<u8>, status: Status) -> Result<Vec<u8>, Fault> {
        match self {
            // Answers are not protected at the levels that are spoken here.
            Self::Scp02(_) => Ok(data),
            Self::Scp03(channel) => channel.unwrap(data, status),
        }
    }
}
