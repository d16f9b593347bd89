//! SCP02 (GlobalPlatform Card Specification 2.3.1, appendix E): what a session's keys are, and what a protected command
//! must look like.

use subtle::ConstantTimeEq;

use super::Host;
use crate::chip::apdu::{Command, Status};
use crate::chip::triple_des::TripleDesKey;

pub(in crate::sim::chip) struct Session {
    enc: TripleDesKey,
    mac: TripleDesKey,
    dek: TripleDesKey,
    host_cryptogram: [u8; 8],
    /// Where the next checksum starts.
    icv: [u8; 8],
    /// Nothing before EXTERNAL AUTHENTICATE.
    level: Option<u8>,
}

impl Session {
    /// The session, and its counter, challenge and cryptogram.
    pub(super) fn begin(host: &Host<'_>, challenge: &[u8]) -> Option<(Self, Vec<u8>)> {
        let [.., high, low] = host.counter.to_be_bytes();
        let keys = [(0, [0x01, 0x82]), (1, [0x01, 0x01]), (2, [0x01, 0x81])];
        let [enc, mac, dek] = keys.map(|(which, constant)| {
            let mut data = [0; 16];
            data[..4].copy_from_slice(&[constant[0], constant[1], high, low]);
            TripleDesKey::new(host.keys[which])?.encrypt_cbc(&[0; 8], &mut data);
            TripleDesKey::new(&data)
        });
        let (enc, mac, dek) = (enc?, mac?, dek?);
        // A pseudo-random challenge: a checksum of the card manager's name.
        let [c0, c1, c2, c3, c4, c5, ..] = checksum(&mac, [0; 8], host.name);
        let own = [high, low, c0, c1, c2, c3, c4, c5];
        let cryptogram = long_checksum(&enc, &[challenge, &own].concat());
        let session = Self {
            host_cryptogram: long_checksum(&enc, &[&own, challenge].concat()),
            enc,
            mac,
            dek,
            icv: [0; 8],
            level: None,
        };
        Some((session, [own, cryptogram].concat()))
    }

    pub(super) fn authenticate(&mut self, command: &Command<'_>) -> Result<(), Status> {
        if !matches!(command.p1, 0x00 | 0x01 | 0x03) {
            return Err(Status::WrongParameters);
        }
        let (proof, sent) = command
            .data
            .split_last_chunk::<8>()
            .ok_or(Status::SecurityStatus)?;
        self.check(command, proof, sent)?;
        if !bool::from(proof.ct_eq(&self.host_cryptogram)) {
            return Err(Status::VerificationFailed);
        }
        self.level = Some(command.p1);
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        self.level.is_some()
    }

    pub(super) fn data_key(&self) -> [u8; 16] {
        *self.dek.bytes()
    }

    pub(super) fn open(&mut self, command: &Command<'_>) -> Result<Vec<u8>, Status> {
        let level = self.level.ok_or(Status::SecurityStatus)?;
        let (data, sent) = command
            .data
            .split_last_chunk::<8>()
            .ok_or(Status::SecurityStatus)?;
        let mut data = data.to_vec();
        if level & 0x02 != 0 && !data.is_empty() {
            if !data.len().is_multiple_of(8) {
                return Err(Status::WrongData);
            }
            self.enc.decrypt_cbc(&[0; 8], &mut data);
            let end = data.iter().rposition(|byte| *byte != 0);
            let end = end.filter(|end| data[*end] == 0x80 && data.len() - end <= 8);
            data.truncate(end.ok_or(Status::SecurityStatus)?);
        }
        // The checksum is over what was said, not over what was sent.
        self.check(command, &data, sent)?;
        Ok(data)
    }

    fn check(&mut self, command: &Command<'_>, data: &[u8], sent: &[u8; 8]) -> Result<(), Status> {
        let mut input = command.header().to_vec();
        input.push(u8::try_from(data.len() + 8).map_err(|_| Status::WrongLength)?);
        input.extend(data);
        let expected = checksum(&self.mac, self.icv, &input);
        if !bool::from(expected.ct_eq(sent)) {
            return Err(Status::SecurityStatus);
        }
        self.icv = self.mac.single(&expected);
        Ok(())
    }
}

/// Single DES from block to block, and 3DES at the last (appendix B.1.2.2).
fn checksum(key: &TripleDesKey, start: [u8; 8], data: &[u8]) -> [u8; 8] {
    let padded = padded(data);
    let (blocks, _) = padded.as_chunks::<8>();
    let mut state = start;
    for (place, block) in blocks.iter().enumerate() {
        state
            .iter_mut()
            .zip(block)
            .for_each(|(state, byte)| *state ^= byte);
        if place + 1 == blocks.len() {
            key.encrypt_ecb(&mut state);
        } else {
            state = key.single(&state);
        }
    }
    state
}

/// 3DES from block to block (appendix B.1.2.1).
fn long_checksum(key: &TripleDesKey, data: &[u8]) -> [u8; 8] {
    let mut state = [0u8; 8];
    for block in padded(data).as_chunks::<8>().0 {
        state
            .iter_mut()
            .zip(block)
            .for_each(|(state, byte)| *state ^= byte);
        key.encrypt_ecb(&mut state);
    }
    state
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(8), 0);
    padded
}
