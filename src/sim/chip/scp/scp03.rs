//! SCP03 (GlobalPlatform Amendment D): what a session's keys are, and what a protected command must look like.

use subtle::ConstantTimeEq;

use super::Host;
use crate::chip::aes_key::{AesKey, Chunk, pad, unpad};
use crate::chip::apdu::{Command, Status};

const CARD_CRYPTOGRAM: u8 = 0;
const HOST_CRYPTOGRAM: u8 = 1;
const CARD_CHALLENGE: u8 = 2;
const S_ENC: u8 = 4;
const S_MAC: u8 = 6;
const S_RMAC: u8 = 7;

pub(in crate::sim::chip) struct Session {
    dek: Vec<u8>,
    enc: AesKey,
    mac: AesKey,
    rmac: AesKey,
    host_cryptogram: Vec<u8>,
    chaining: Chunk,
    counter: u128,
    /// Nothing before EXTERNAL AUTHENTICATE.
    level: Option<u8>,
    /// Bytes of a checksum.
    size: usize,
}

impl Session {
    /// The session, and its challenge, cryptogram and counter.
    pub(super) fn begin(host: &Host<'_>, host_challenge: &[u8]) -> Option<(Self, Vec<u8>)> {
        let [key_enc, key_mac, dek] = host.keys;
        let (key_enc, key_mac) = (&AesKey::new(key_enc)?, &AesKey::new(key_mac)?);
        let size = host_challenge.len();
        let [_, sequence @ ..] = host.counter.to_be_bytes();
        let challenge = kdf(
            key_enc,
            CARD_CHALLENGE,
            size,
            &[&sequence[..], host.name].concat(),
        );
        let context = [host_challenge, &challenge].concat();
        let length = key_mac.bytes().len();
        let mac = AesKey::new(&kdf(key_mac, S_MAC, length, &context))?;
        let cryptogram = kdf(&mac, CARD_CRYPTOGRAM, size, &context);
        let greeting = [&challenge[..], &cryptogram, &sequence].concat();
        let session = Self {
            dek: dek.to_vec(),
            enc: AesKey::new(&kdf(key_enc, S_ENC, length, &context))?,
            rmac: AesKey::new(&kdf(key_mac, S_RMAC, length, &context))?,
            host_cryptogram: kdf(&mac, HOST_CRYPTOGRAM, size, &context),
            mac,
            chaining: [0; 16],
            counter: 0,
            level: None,
            size,
        };
        Some((session, greeting))
    }

    pub(super) fn authenticate(&mut self, command: &Command<'_>) -> Result<(), Status> {
        if !matches!(command.p1, 0x00 | 0x01 | 0x03 | 0x11 | 0x13 | 0x33) {
            return Err(Status::WrongParameters);
        }
        let proof = self.check(command)?;
        if !bool::from(proof.ct_eq(&self.host_cryptogram)) {
            return Err(Status::VerificationFailed);
        }
        self.level = Some(command.p1);
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        self.level.is_some()
    }

    pub(super) fn data_key(&self) -> Vec<u8> {
        self.dek.clone()
    }

    pub(super) fn open(&mut self, command: &Command<'_>) -> Result<Vec<u8>, Status> {
        let level = self.level.ok_or(Status::SecurityStatus)?;
        let mut data = self.check(command)?;
        self.counter += 1;
        if level & 0x02 != 0 && !data.is_empty() {
            if !data.len().is_multiple_of(16) {
                return Err(Status::WrongData);
            }
            let iv = self.enc.encrypt_block(&self.counter.to_be_bytes());
            self.enc.decrypt_cbc(&iv, &mut data);
            unpad(&mut data).ok_or(Status::WrongData)?;
        }
        Ok(data)
    }

    pub(super) fn close(&self, mut data: Vec<u8>, status: Status) -> Vec<u8> {
        let level = self.level.unwrap_or(0);
        if level & 0x20 != 0 && !data.is_empty() {
            pad(&mut data);
            let mut block = self.counter.to_be_bytes();
            block[0] = 0x80;
            let iv = self.enc.encrypt_block(&block);
            self.enc.encrypt_cbc(&iv, &mut data);
        }
        if level & 0x10 != 0 {
            let checksum = self
                .rmac
                .cmac(&[&self.chaining, &data, &status.word().to_be_bytes()]);
            data.extend(&checksum[..self.size]);
        }
        data
    }

    /// Takes the checksum off and proves it.
    fn check(&mut self, command: &Command<'_>) -> Result<Vec<u8>, Status> {
        let cut = command
            .data
            .len()
            .checked_sub(self.size)
            .ok_or(Status::SecurityStatus)?;
        let (data, checksum) = command.data.split_at(cut);
        let length = command.data.len();
        let mut input = self.chaining.to_vec();
        input.extend(command.header());
        match u8::try_from(length) {
            Ok(length) if command.le.is_none_or(|le| le <= 256) => input.push(length),
            _ => {
                let [.., high, low] = length.to_be_bytes();
                input.extend([0, high, low]);
            }
        }
        input.extend(data);
        self.chaining = self.mac.cmac(&[&input]);
        if bool::from(self.chaining[..self.size].ct_eq(checksum)) {
            Ok(data.to_vec())
        } else {
            Err(Status::SecurityStatus)
        }
    }
}

/// A derived value of so many bytes.
fn kdf(key: &AesKey, constant: u8, bytes: usize, context: &[u8]) -> Vec<u8> {
    let [.., high, low] = (bytes * 8).to_be_bytes();
    let mut value = Vec::new();
    let mut i = 0;
    while value.len() < bytes {
        i += 1;
        let mut input = vec![0; 11];
        input.extend([constant, 0, high, low, i]);
        input.extend(context);
        value.extend(key.cmac(&[&input]));
    }
    value.truncate(bytes);
    value
}
