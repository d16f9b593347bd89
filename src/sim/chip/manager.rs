//! A GlobalPlatform card manager in front of the application: keys, life cycle, and personalization through STORE DATA
//! (GlobalPlatform Card Specification 2.3.1, section 11).

use des::TdesEde2;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use serde::{Deserialize, Serialize};

use super::scp::{DataKey, Host, Session};
use super::store::Stream;
use super::{APPLICATION, Chip, LifeCycle, Oddity, Outcome, Place};
use crate::base::{Secret, hex};
use crate::chip::ChipProfile;
use crate::chip::aes_key::AesKey;
use crate::chip::apdu::{Command, Status};
use crate::chip::diversify::{Master, Scheme};
use crate::chip::profile::Managed;
use crate::chip::tlv;
use crate::chip::triple_des::TripleDesKey;

/// The supplier's master key in rehearsals, known to everybody: the chips' transport keys follow from it.
pub const REHEARSAL_MASTER: [u8; 32] = *b"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_";
/// The same of a supplier with 3DES: the master of published examples.
pub(super) const REHEARSAL_TRIPLE_DES: [u8; 16] = *b"@ABCDEFGHIJKLMNO";
/// What a rehearsal's supplier gave to the house, for chips of this scheme.
#[must_use]
pub fn rehearsal_master(scheme: Scheme) -> Master {
    if scheme.is_triple_des() {
        Master::TripleDes(Secret::new(REHEARSAL_TRIPLE_DES))
    } else {
        Master::Aes(Secret::new(REHEARSAL_MASTER))
    }
}

/// Failed authentications after which a chip is dead.
const FAILURES_MAX: u8 = 3;
const INITIALIZED: u8 = 0x07;
const SECURED: u8 = 0x0F;
const TERMINATED: u8 = 0xFF;

/// What the card manager remembers without power.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Manager {
    /// Diversification data: fabricator, type, batch and serial number.
    named: [u8; 10],
    version: u8,
    /// ENC, MAC, DEK, hexadecimal.
    keys: [String; 3],
    /// Of sessions.
    counter: u32,
    pub(super) state: u8,
    /// Authentications refused in a row.
    pub(super) failures: u8,
}

impl Manager {
    /// As delivered: with keys of its own.
    pub(super) fn delivered(managed: &Managed, name: &[u8; 10]) -> Self {
        Self {
            named: *name,
            version: managed.transport_version,
            keys: [1, 2, 3].map(|number| {
                hex::encode(&match managed.diversification {
                    Scheme::CounterMode => transport_key(number, name, managed.key_bits),
                    Scheme::EmvCps => triple_des_transport_key(number, [4, 5, 6, 7, 8, 9].map(|at| name[at])),
                    Scheme::Visa2 => triple_des_transport_key(number, [0, 1, 4, 5, 6, 7].map(|at| name[at])),
                    Scheme::Visa => triple_des_transport_key(number, [0, 1, 2, 3, 8, 9].map(|at| name[at])),
                })
            }),
            counter: 1,
            state: INITIALIZED,
            failures: 0,
        }
    }

    /// Something is wrong with it.
    pub(super) fn spoil(&mut self, oddity: Oddity, managed: &Managed) {
        match oddity {
            Oddity::OtherKeys => self.keys = ["5A", "5B", "5C"].map(|byte| byte.repeat(managed.key_bits / 8)),
            Oddity::IssuerKeys => self.version = managed.issuer_version,
            Oddity::Terminated => self.state = TERMINATED,
            Oddity::TwoNames => self.named = self.named.map(|byte| byte ^ 1),
            Oddity::Foreign | Oddity::NoApplication | Oddity::Begun | Oddity::Sealed => {}
        }
    }

    fn key(&self, index: usize) -> Vec<u8> {
        let bytes = self.keys.get(index).and_then(|key| hex::decode(key));
        bytes.unwrap_or_default()
    }
}

/// How the supplier made a chip's transport keys: counter mode over the chip's name.
fn transport_key(number: u8, name: &[u8; 10], bits: usize) -> Vec<u8> {
    let length = bits / 8;
    let Some(master) = AesKey::new(&REHEARSAL_MASTER) else {
        return Vec::new();
    };
    let mut key = Vec::new();
    for counter in 1..=2 {
        let mut input = vec![counter, 0, 0, 0, number, 0];
        input.extend(name);
        key.extend(master.cmac(&[&input]));
    }
    key.truncate(length);
    key
}

/// The same with 3DES: two blocks of six bytes of the name.
fn triple_des_transport_key(number: u8, name: [u8; 6]) -> Vec<u8> {
    let Ok(master) = TdesEde2::new_from_slice(&REHEARSAL_TRIPLE_DES) else {
        return Vec::new();
    };
    let half = |mark| {
        let mut block = [0; 8];
        block[..6].copy_from_slice(&name);
        block[6..].copy_from_slice(&[mark, number]);
        master.encrypt_block((&mut block).into());
        block
    };
    [half(0xF0), half(0x0F)].concat()
}

impl Chip {
    /// What the profile says of the card manager, and what it remembers.
    fn managed(&self) -> Result<(Managed, &Manager), Status> {
        let managed = self.memory.profile.managed().ok_or(Status::UnknownInstruction)?;
        let manager = self.memory.manager.as_ref().ok_or(Status::UnknownInstruction)?;
        Ok((managed.clone(), manager))
    }

    fn manager_mut(&mut self) -> Result<&mut Manager, Status> {
        self.memory.manager.as_mut().ok_or(Status::UnknownInstruction)
    }

    /// A card manager that is terminated says so when it is selected.
    pub(super) fn manager_status(&self) -> Status {
        match &self.memory.manager {
            Some(manager) if manager.state == TERMINATED => Status::Deactivated,
            _ => Status::Success,
        }
    }

    /// A command to the card manager, which stands between everything and the application while it is selected.
    pub(super) fn ask_manager(&mut self, command: &Command<'_>) -> Outcome {
        if self.session.place != Place::Root || self.memory.manager.is_none() {
            return Err(Status::UnknownInstruction);
        }
        match command.ins {
            0x50 => self.initialize_update(command),
            // Everything else needs a session.
            0x82 | 0xD8 | 0xE2 | 0xE6 | 0xF0 | 0xF2 => Err(Status::SecurityStatus),
            _ => Err(Status::UnknownInstruction),
        }
    }

    /// A command in the card manager's secure channel: the answer, status included.
    pub(super) fn transmit_managed(&mut self, command: &Command<'_>) -> Vec<u8> {
        let outcome = match self.session.manager.take() {
            None => Err(Status::SecurityStatus),
            Some(session) if !session.is_open() => self.external_authenticate_host(command, session),
            Some(mut session) => match session.open(command) {
                // The session is over.
                Err(status) => Err(status),
                Ok(data) => {
                    let inner = Command {
                        cla: 0x80,
                        data: &data,
                        ..*command
                    };
                    let outcome = self.manage(&inner);
                    let outcome = outcome.map(|(data, status)| (session.close(data, status), status));
                    self.session.manager = Some(session);
                    outcome
                }
            },
        };
        super::plain(outcome)
    }

    /// How many authentications it has refused in a row.
    #[must_use]
    pub fn failed_authentications(&self) -> u8 {
        self.memory.manager.as_ref().map_or(0, |manager| manager.failures)
    }

    /// The version of the keys it has, if it has a card manager.
    #[must_use]
    pub fn key_version(&self) -> Option<u8> {
        self.memory.manager.as_ref().map(|manager| manager.version)
    }

    fn initialize_update(&mut self, command: &Command<'_>) -> Outcome {
        self.session.manager = None;
        self.session.stream = None;
        let (managed, manager) = self.managed()?;
        if manager.state == TERMINATED {
            return Err(Status::Conditions);
        }
        if command.p1 != 0 && command.p1 != manager.version {
            return Err(Status::NotFound);
        }
        let keys = [0, 1, 2].map(|index| manager.key(index));
        let host = Host {
            managed: &managed,
            name: &hex::decode(&managed.manager).unwrap_or_default(),
            keys: keys.each_ref().map(|key| &key[..]),
            counter: manager.counter,
        };
        let (session, greeting) = Session::begin(&host, command.data)?;
        let mut answer = manager.named.to_vec();
        answer.push(manager.version);
        answer.extend(greeting);
        self.session.manager = Some(session);
        Ok((answer, Status::Success))
    }

    fn external_authenticate_host(&mut self, command: &Command<'_>, mut session: Session) -> Outcome {
        if command.ins != 0x82 {
            return Err(Status::SecurityStatus);
        }
        let outcome = session.authenticate(command);
        self.burn(1)?;
        let manager = self.manager_mut()?;
        match outcome {
            Ok(()) => {
                manager.failures = 0;
                manager.counter += 1;
                self.session.data_key = Some(session.data_key());
                self.session.manager = Some(session);
                Ok((Vec::new(), Status::Success))
            }
            Err(status) => {
                manager.failures += 1;
                if manager.failures >= FAILURES_MAX {
                    manager.state = TERMINATED;
                }
                Err(status)
            }
        }
    }

    /// A command that came through the channel, in plain.
    fn manage(&mut self, command: &Command<'_>) -> Outcome {
        match (command.ins, command.p1, command.p2) {
            (0xE6, 0x20, 0) => self.install_for_personalization(command.data),
            (0xE2, p1, p2) => self.store_data(p1, p2, command.data),
            (0xD8, version, 0x81) => self.put_keys(version, command.data),
            (0xF0, 0x80, state) => self.set_status(state),
            (0xF2, 0x80, 0x02) => self.get_status(command.data),
            (0xE6 | 0xD8 | 0xF0 | 0xF2, ..) => Err(Status::WrongParameters),
            _ => Err(Status::UnknownInstruction),
        }
    }

    fn install_for_personalization(&mut self, data: &[u8]) -> Outcome {
        let mut expected = vec![0, 0, 7];
        expected.extend(APPLICATION);
        expected.extend([0, 0, 0]);
        if data != expected {
            return Err(Status::WrongData);
        }
        if self.memory.life_cycle == LifeCycle::Locked {
            return Err(Status::Conditions);
        }
        self.session.stream = Some(Stream::default());
        Ok((vec![0], Status::Success))
    }

    fn put_keys(&mut self, version: u8, data: &[u8]) -> Outcome {
        let manager = self.manager_mut()?;
        if version != manager.version {
            return Err(Status::NotFound);
        }
        let dek = self.session.data_key.clone().ok_or(Status::SecurityStatus)?;
        let (&new_version, mut rest) = data.split_first().ok_or(Status::WrongData)?;
        let mut answer = vec![new_version];
        let mut keys: [String; 3] = Default::default();
        for key in &mut keys {
            let (plain, check, after) = key_field(rest, &dek).ok_or(Status::WrongData)?;
            let value = match &dek {
                DataKey::TripleDes(_) => TripleDesKey::new(&plain).map(|key| key.check_value()),
                DataKey::Aes(_) => AesKey::new(&plain).map(|key| key.check_value()),
            };
            let value = value.ok_or(Status::WrongData)?;
            if value != check {
                return Err(Status::WrongData);
            }
            answer.extend(value);
            *key = hex::encode(&plain);
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Status::WrongData);
        }
        // One object, one write: all three or none.
        self.burn(1)?;
        let manager = self.manager_mut()?;
        (manager.version, manager.keys) = (new_version, keys);
        Ok((answer, Status::Success))
    }

    fn set_status(&mut self, state: u8) -> Outcome {
        let manager = self.manager_mut()?;
        match (manager.state, state) {
            (INITIALIZED, SECURED) => {}
            _ => return Err(Status::Conditions),
        }
        self.burn(1)?;
        self.manager_mut()?.state = state;
        Ok((Vec::new(), Status::Success))
    }

    fn get_status(&self, criterion: &[u8]) -> Outcome {
        if criterion != [0x4F, 0x00] {
            return Err(Status::WrongData);
        }
        let (managed, manager) = self.managed()?;
        let mut entry = Vec::new();
        tlv::push(
            &mut entry,
            0x4F,
            &hex::decode(&managed.manager).unwrap_or_default(),
        );
        tlv::push(&mut entry, 0x9F70, &[manager.state]);
        tlv::push(&mut entry, 0xC5, &[0x9E, 0xFE, 0x80]);
        let mut answer = Vec::new();
        tlv::push(&mut answer, 0xE3, &entry);
        Ok((answer, Status::Success))
    }

    /// A secret that came encrypted under the data key.
    pub(super) fn open_secret(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let key = self.session.data_key.as_ref()?;
        if sealed.is_empty() || !sealed.len().is_multiple_of(key.block()) {
            return None;
        }
        let mut plain = key.open(sealed)?;
        crate::chip::cipher::unpad(&mut plain, key.block())?;
        Some(plain)
    }
}

/// One key of PUT KEY: the key, its check value as it was sent, and what follows.
fn key_field<'a>(field: &'a [u8], dek: &DataKey) -> Option<(Vec<u8>, [u8; 3], &'a [u8])> {
    let (&[kind, length], rest) = field.split_first_chunk()?;
    let (block, rest) = rest.split_at_checked(usize::from(length))?;
    let (&[three, a, b, c], rest) = rest.split_first_chunk()?;
    let (sealed, plain_length) = match (dek, kind) {
        (DataKey::TripleDes(_), 0x80) => (block, block.len()),
        (DataKey::Aes(_), 0x88) => {
            let (&plain_length, sealed) = block.split_first()?;
            (sealed, usize::from(plain_length))
        }
        _ => return None,
    };
    if three != 3 || sealed.is_empty() || !sealed.len().is_multiple_of(dek.block()) {
        return None;
    }
    let mut plain = dek.open(sealed)?;
    plain.truncate(plain_length);
    Some((plain, [a, b, c], rest))
}

/// A card manager for chips of a profile that has one.
pub(super) fn delivered(profile: &ChipProfile, name: &[u8; 10]) -> Option<Manager> {
    profile.managed().map(|managed| Manager::delivered(managed, name))
}
