//! SCP03, the secure channel of card managers with AES (GlobalPlatform Card Technology, Secure Channel Protocol 03,
//! Amendment D 1.1.1 and 1.2; section numbers are of 1.1.1).

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Level, PROTECTED, StaticKeys};
use crate::base::Fault;
use crate::chip::aes_key::{AesKey, Chunk, pad, unpad};
use crate::chip::apdu::{Command, Status};
use crate::chip::fault;

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

/// The chip's part of a session's beginning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Greeting {
    options: u8,
    challenge: Vec<u8>,
    cryptogram: Vec<u8>,
    counter: Option<[u8; 3]>,
}

impl Greeting {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&options, rest) = bytes.split_first()?;
        let size = size(options);
        let (challenge, rest) = rest.split_at_checked(size)?;
        let (cryptogram, rest) = rest.split_at_checked(size)?;
        let counter = match (options & PSEUDO_RANDOM, rest) {
            (0, []) => None,
            (PSEUDO_RANDOM, rest) => Some(rest.try_into().ok()?),
            _ => return None,
        };
        Some(Self {
            options,
            challenge: challenge.to_vec(),
            cryptogram: cryptogram.to_vec(),
            counter,
        })
    }

    /// Options of the protocol, `i`.
    pub(super) fn options(&self) -> u8 {
        self.options
    }

    pub(super) fn prove(
        &self,
        keys: &StaticKeys<AesKey>,
        host_challenge: &[u8],
        manager: &[u8],
    ) -> Result<(), Fault> {
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

/// An open session.
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
    /// The channel and the EXTERNAL AUTHENTICATE that opens it.
    pub(super) fn open(
        greeting: &Greeting,
        keys: &StaticKeys<AesKey>,
        host_challenge: &[u8],
        level: Level,
    ) -> Result<(Self, Vec<u8>), Fault> {
        let key = |key, purpose| greeting.session_key(key, purpose, host_challenge);
        let mut channel = Self {
            level,
            encrypt: key(&keys.encrypt, Purpose::Encrypt)?,
            mac: key(&keys.mac, Purpose::Mac)?,
            response_mac: key(&keys.mac, Purpose::ResponseMac)?,
            chain: [0; 16],
            counter: 0,
            size: size(greeting.options),
        };
        let proof = greeting.value(&channel.mac, Purpose::HostCryptogram, host_challenge);
        let authenticate = Command::new(0x80, 0x82, level as u8, 0).data(&proof);
        let authenticate = channel.sign(&authenticate, proof.clone());
        Ok((channel, authenticate))
    }

    pub(super) fn capacity(&self, command_data_max: usize) -> usize {
        let room = command_data_max.saturating_sub(self.size);
        if self.level.encrypts() {
            (room / 16 * 16).saturating_sub(1)
        } else {
            room
        }
    }

    pub(super) fn wrap(&mut self, command: &Command<'_>) -> Vec<u8> {
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

    pub(super) fn unwrap(&mut self, mut data: Vec<u8>, status: Status) -> Result<Vec<u8>, Fault> {
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
