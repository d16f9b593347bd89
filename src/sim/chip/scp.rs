//! Secure channels of the card manager, the chip's side. Written from the specifications, not from the host's side:
//! they share ciphers and nothing else.

mod scp02;
mod scp03;

use crate::chip::aes_key::AesKey;
use crate::chip::apdu::{Command, Status};
use crate::chip::profile::Managed;
use crate::chip::scp::Protocol;
use crate::chip::triple_des::TripleDesKey;

/// A session between INITIALIZE UPDATE and its end.
pub(super) enum Session {
    Scp02(scp02::Session),
    Scp03(scp03::Session),
}

/// What secrets inside a session are encrypted with.
#[derive(Clone)]
pub(super) enum DataKey {
    /// S-DEK of SCP02, in ECB mode.
    TripleDes([u8; 16]),
    /// Key-DEK of SCP03, in CBC mode.
    Aes(Vec<u8>),
}

/// The card manager as it is when a session begins.
pub(super) struct Host<'a> {
    pub(super) managed: &'a Managed,
    /// Application identifier.
    pub(super) name: &'a [u8],
    /// ENC, MAC and DEK.
    pub(super) keys: [&'a [u8]; 3],
    /// Of sessions.
    pub(super) counter: u32,
}

impl Session {
    /// Begins one: the session, and what the chip answers behind the version of its keys.
    pub(super) fn begin(host: &Host<'_>, challenge: &[u8]) -> Result<(Self, Vec<u8>), Status> {
        let options = host.managed.options();
        match host.managed.protocol {
            Protocol::Scp02 => {
                if challenge.len() != 8 {
                    return Err(Status::WrongLength);
                }
                let (session, greeting) = scp02::Session::begin(host, challenge).ok_or(Status::Conditions)?;
                Ok((Self::Scp02(session), [&[2][..], &greeting].concat()))
            }
            Protocol::Scp03 => {
                if challenge.len() != if options & 1 == 0 { 8 } else { 16 } {
                    return Err(Status::WrongLength);
                }
                let (session, greeting) = scp03::Session::begin(host, challenge).ok_or(Status::Conditions)?;
                Ok((Self::Scp03(session), [&[3, options][..], &greeting].concat()))
            }
        }
    }

    /// EXTERNAL AUTHENTICATE: `6300` for a wrong proof, `6982` for a wrong checksum.
    pub(super) fn authenticate(&mut self, command: &Command<'_>) -> Result<(), Status> {
        match self {
            Self::Scp02(session) => session.authenticate(command),
            Self::Scp03(session) => session.authenticate(command),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Scp02(session) => session.is_open(),
            Self::Scp03(session) => session.is_open(),
        }
    }

    pub(super) fn data_key(&self) -> DataKey {
        match self {
            Self::Scp02(session) => DataKey::TripleDes(session.data_key()),
            Self::Scp03(session) => DataKey::Aes(session.data_key()),
        }
    }

    /// The data inside a protected command.
    pub(super) fn open(&mut self, command: &Command<'_>) -> Result<Vec<u8>, Status> {
        match self {
            Self::Scp02(session) => session.open(command),
            Self::Scp03(session) => session.open(command),
        }
    }

    /// The protected form of an answer that is no error.
    pub(super) fn close(&self, data: Vec<u8>, status: Status) -> Vec<u8> {
        match self {
            Self::Scp02(_) => data,
            Self::Scp03(session) => session.close(data, status),
        }
    }
}

impl DataKey {
    /// What was encrypted, in whole blocks; padding is still there.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut plain = sealed.to_vec();
        match self {
            Self::TripleDes(key) => {
                let key = TripleDesKey::new(key)?;
                for block in plain.chunks_mut(8) {
                    key.decrypt_cbc(&[0; 8], block);
                }
            }
            Self::Aes(key) => AesKey::new(key)?.decrypt_cbc(&[0; 16], &mut plain),
        }
        Some(plain)
    }

    pub(super) fn block(&self) -> usize {
        match self {
            Self::TripleDes(_) => 8,
            Self::Aes(_) => 16,
        }
    }
}
