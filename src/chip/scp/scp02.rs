//! SCP02, the secure channel of card managers with 3DES (GlobalPlatform Card Specification 2.3.1, appendix E): explicit
//! initiation, three keys, checksums over commands as they are sent, chained through an encrypted checksum (options
//! `i` `15`, and `55`, whose chips compute their challenge). Answers are not protected.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Level, PROTECTED, StaticKeys};
use crate::base::Fault;
use crate::chip::apdu::Command;
use crate::chip::cipher::pad;
use crate::chip::fault;
use crate::chip::triple_des::{Chunk, TripleDesKey};

/// Bytes of a checksum.
const CHECKSUM: usize = 8;
/// The longest command data: a length of one byte is part of what is checked (appendix E.4.4).
pub const DATA_MAX: usize = 255;

/// Of the options `i` (appendix E.1.1): which must be as they are, and how.
const OPTIONS: u8 = 0b0001_1111;
const SPOKEN: u8 = 0b0001_0101;

/// Are these options spoken here?
#[must_use]
pub fn speaks(options: u8) -> bool {
    options & OPTIONS == SPOKEN
}

/// What a session key is for (appendix E.4.1, table E-2).
#[derive(Clone, Copy)]
enum Purpose {
    CommandMac = 0x0101,
    Data = 0x0181,
    Encrypt = 0x0182,
}

/// The chip's part of a session's beginning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Greeting {
    /// Of sessions, from which the session's keys follow.
    counter: [u8; 2],
    challenge: [u8; 6],
    cryptogram: Chunk,
}

impl Greeting {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (counter, rest) = bytes.split_first_chunk()?;
        let (challenge, rest) = rest.split_first_chunk()?;
        Some(Self {
            counter: *counter,
            challenge: *challenge,
            cryptogram: rest.try_into().ok()?,
        })
    }

    pub(super) fn prove(&self, keys: &StaticKeys<TripleDesKey>, host_challenge: &[u8]) -> Result<(), Fault> {
        let session = self.session_key(&keys.encrypt, Purpose::Encrypt)?;
        let expected = session.full_mac(&[host_challenge, &self.counter, &self.challenge]);
        if bool::from(expected.ct_eq(&self.cryptogram)) {
            Ok(())
        } else {
            Err(Fault::new(&fault::NOT_OUR_KEYS, "cryptogram"))
        }
    }

    /// S-DEK, under which secrets are encrypted once more.
    pub(super) fn data_key(&self, keys: &StaticKeys<TripleDesKey>) -> Result<TripleDesKey, Fault> {
        self.session_key(&keys.data, Purpose::Data)
    }

    fn session_key(&self, key: &TripleDesKey, purpose: Purpose) -> Result<TripleDesKey, Fault> {
        let mut bytes = Zeroizing::new([0; 16]);
        bytes[..2].copy_from_slice(&(purpose as u16).to_be_bytes());
        bytes[2..4].copy_from_slice(&self.counter);
        key.encrypt_cbc(&[0; 8], &mut *bytes);
        TripleDesKey::new(&*bytes).ok_or_else(|| Fault::new(&fault::MISUSE, "the length of a session key"))
    }
}

/// An open session.
#[derive(Debug)]
pub struct Channel {
    level: Level,
    encrypt: TripleDesKey,
    mac: TripleDesKey,
    /// The checksum of the command before, if there was one.
    chain: Option<Chunk>,
}

impl Channel {
    /// The channel and the EXTERNAL AUTHENTICATE that opens it.
    pub(super) fn open(
        greeting: &Greeting,
        keys: &StaticKeys<TripleDesKey>,
        host_challenge: &[u8],
        level: Level,
    ) -> Result<(Self, Vec<u8>), Fault> {
        if level.checks_responses() {
            return Err(Fault::new(&fault::MISUSE, "SCP02 with protected answers"));
        }
        let mut channel = Self {
            level,
            encrypt: greeting.session_key(&keys.encrypt, Purpose::Encrypt)?,
            mac: greeting.session_key(&keys.mac, Purpose::CommandMac)?,
            chain: None,
        };
        let parts = [&greeting.counter[..], &greeting.challenge, host_challenge];
        let proof = channel.encrypt.full_mac(&parts);
        let authenticate = Command::new(0x80, 0x82, level as u8, 0).data(&proof);
        let authenticate = channel.sign(&authenticate, proof.to_vec());
        Ok((channel, authenticate))
    }

    pub(super) fn capacity(&self, command_data_max: usize) -> usize {
        let room = command_data_max.min(DATA_MAX).saturating_sub(CHECKSUM);
        if self.level.encrypts() {
            (room / 8 * 8).saturating_sub(1)
        } else {
            room
        }
    }

    pub(super) fn wrap(&mut self, command: &Command<'_>) -> Vec<u8> {
        let mut data = Vec::with_capacity(command.data.len() + 2 * CHECKSUM);
        data.extend(command.data);
        if self.level.encrypts() && !data.is_empty() {
            pad(&mut data, 8);
            self.encrypt.encrypt_cbc(&[0; 8], &mut data);
        }
        self.sign(command, data)
    }

    /// Appends the checksum over the command in plain, with the length that it has in plain (appendix E.4.6), chained
    /// from command to command through single DES (appendix E.3.4).
    fn sign(&mut self, command: &Command<'_>, mut data: Vec<u8>) -> Vec<u8> {
        let cla = command.cla | PROTECTED;
        let length = u8::try_from(command.data.len() + CHECKSUM).unwrap_or(u8::MAX);
        let header = [cla, command.ins, command.p1, command.p2, length];
        let start = self.chain.map_or([0; 8], |before| self.mac.single(&before));
        let checksum = self.mac.retail_mac(&start, &[&header, command.data]);
        self.chain = Some(checksum);
        data.extend(checksum);
        Command {
            cla,
            data: &data,
            ..*command
        }
        .encode()
    }
}

#[cfg(test)]
mod tests;
