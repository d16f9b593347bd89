//! SCP03, the chip's side (GlobalPlatform Amendment D): what a session's keys are, and what a protected command must
//! look like. Written from the specification, not from the host's side; they share AES and nothing else.

use subtle::ConstantTimeEq;

use crate::chip::aes_key::{AesKey, Chunk, pad, unpad};
use crate::chip::apdu::{Command, Status};

const CARD_CRYPTOGRAM: u8 = 0;
const HOST_CRYPTOGRAM: u8 = 1;
const CARD_CHALLENGE: u8 = 2;
const S_ENC: u8 = 4;
const S_MAC: u8 = 6;
const S_RMAC: u8 = 7;

/// A session between INITIALIZE UPDATE and its end.
pub(super) struct Session {
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

/// What the card answers to INITIALIZE UPDATE after its keys' description.
pub(super) struct Greeting {
    pub(super) challenge: Vec<u8>,
    pub(super) cryptogram: Vec<u8>,
}

impl Session {
    /// Begins one: ENC and MAC keys, the sequence counter, the card manager's name, the host's challenge.
    pub(super) fn begin(
        keys: [&AesKey; 2],
        counter: u32,
        name: &[u8],
        host: &[u8],
    ) -> Option<(Self, Greeting)> {
        let [key_enc, key_mac] = keys;
        let size = host.len();
        let [_, sequence @ ..] = counter.to_be_bytes();
        let challenge = kdf(key_enc, CARD_CHALLENGE, size, &[&sequence[..], name].concat());
        let context = [host, &challenge].concat();
        let length = key_mac.bytes().len();
        let mac = AesKey::new(&kdf(key_mac, S_MAC, length, &context))?;
        let greeting = Greeting {
            cryptogram: kdf(&mac, CARD_CRYPTOGRAM, size, &context),
            challenge,
        };
        let session = Self {
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

    /// EXTERNAL AUTHENTICATE: `6300` for a wrong proof, `6982` for a wrong checksum.
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

    /// The data inside a protected command.
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

    /// The protected form of an answer that is no error.
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
