//! A simulated eMRTD chip: the open applet in software, with its access conditions, life cycle, PACE, BAC, secure
//! messaging and active authentication. It answers command APDUs as Doc 9303-11 and the applet's published dialect want
//! it, and refuses what they want refused. Of the production code it uses only encodings and primitive computations,
//! never the reader's side of a protocol.

use serde::{Deserialize, Serialize};

use crate::chip::apdu::{Command, Status};
use crate::chip::cipher::Cipher;
use crate::chip::{Can, ChipProfile, MrzKey};
use crate::document::{CardFiles, FileId};

mod access;
mod channel;
mod files;
mod manager;
mod memory;
mod odd;
mod perso;
mod proof;
mod scp;
mod store;
mod tear;
mod terminal;

use access::Pace;
use channel::Channel;
#[cfg(test)]
use manager::REHEARSAL_TRIPLE_DES;
pub use manager::{REHEARSAL_MASTER, rehearsal_master};
pub use memory::LifeCycle;
use memory::Memory;
pub use odd::Oddity;
pub use proof::{ActiveKey, AgreementKey, Keys};
pub use terminal::Refused;
use terminal::Terminal;

/// The application identifier of the eMRTD application.
const APPLICATION: [u8; 7] = [0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01];
/// The application identifier of the card manager (GlobalPlatform).
const CARD_MANAGER: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
/// What secure messaging may add to the longest command data.
const PROTECTION_BYTES: usize = 64;

/// Data and status, or a status alone.
type Outcome = Result<(Vec<u8>, Status), Status>;

/// One chip. What it remembers without power is serialized; sessions are not.
#[derive(Deserialize, Serialize)]
pub struct Chip {
    memory: Memory,
    #[serde(skip)]
    session: Session,
}

/// What a finished card of others holds.
pub struct Issue {
    /// Its files, EF.CardSecurity among them if it has one.
    pub files: CardFiles,
    /// What opens it.
    pub mrz: MrzKey,
    /// What opens it, too.
    pub can: Option<Can>,
    /// Its keys.
    pub keys: Keys,
}

impl std::fmt::Debug for Issue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issue")
            .field("files", &self.files.keys())
            .finish_non_exhaustive()
    }
}

/// What a chip forgets without power.
#[derive(Default)]
struct Session {
    powered: bool,
    place: Place,
    file: Option<u16>,
    /// Set exactly while access is granted, except for the moment in which a protected command is carried out.
    channel: Option<Channel>,
    access: bool,
    challenge: Option<[u8; 8]>,
    pace: Pace,
    /// The card manager's, from INITIALIZE UPDATE on.
    manager: Option<scp::Session>,
    /// Of the session that is open, or was the last.
    data_key: Option<scp::DataKey>,
    /// From INSTALL [for personalization] to the last block.
    stream: Option<store::Stream>,
    /// Units of writing until power is lost, if it is about to be.
    units: Option<usize>,
    /// After MSE:Set AT for chip authentication.
    agreement: Option<Cipher>,
    /// The channel that begins with the next command.
    next: Option<Channel>,
    /// How terminal authentication names this chip in this session.
    identity: Option<Vec<u8>>,
    terminal: Terminal,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Place {
    /// The card manager, which is also the master file.
    #[default]
    Root,
    Application,
}

impl Chip {
    /// A chip as its maker delivers it: applet installed, nothing written.
    #[must_use]
    pub fn blank(serial: u32, batch: u16, profile: &ChipProfile) -> Self {
        Self {
            memory: Memory::blank(serial, batch, profile),
            session: Session::default(),
        }
    }

    /// Enters the field: answers to reset.
    pub fn power_on(&mut self) -> Vec<u8> {
        self.session = Session {
            powered: true,
            ..Session::default()
        };
        self.memory.atr()
    }

    /// Leaves the field: sessions are forgotten.
    pub fn power_off(&mut self) {
        self.session = Session::default();
    }

    /// Answers a command. Without power there is no answer, which is no bytes at all.
    pub fn transmit(&mut self, command: &[u8]) -> Vec<u8> {
        if !self.session.powered {
            return Vec::new();
        }
        let Ok(command) = Command::parse(command) else {
            return plain(Err(Status::WrongLength));
        };
        if !self.takes_length(&command) {
            return plain(Err(Status::WrongLength));
        }
        if command.cla & 0x0C == 0x0C {
            return self.transmit_protected(&command);
        }
        if command.cla & 0x0C == 0x04 && self.memory.manager.is_some() {
            return self.transmit_managed(&command);
        }
        if self.session.channel.is_some() {
            // An unprotected command ends the channel and takes the rights with it (Doc 9303-11, section 9.8).
            self.abort();
        }
        plain(self.execute(&command))
    }

    /// A finished card that somebody else made: these files and keys, opened with this zone (and this card access
    /// number), and locked.
    #[must_use]
    pub fn issued(profile: &ChipProfile, issue: Issue) -> Self {
        let mut chip = Self::blank(1, 1, profile);
        let mut files = issue.files;
        chip.memory.card_security = files.remove(&FileId::CardSecurity);
        chip.memory.files = files
            .into_iter()
            .map(|(file, contents)| (file.fid(), contents))
            .collect();
        let mrz = &issue.mrz;
        let fields = [mrz.document(), mrz.birth(), mrz.expiry()];
        chip.memory.mrz = Some(fields.map(str::to_owned));
        chip.memory.can = issue
            .can
            .map(|can| can.digits().iter().map(|digit| char::from(*digit)).collect());
        chip.memory.keys = issue.keys;
        chip.memory.life_cycle = LifeCycle::Locked;
        chip
    }

    /// CPLC data, 42 bytes.
    #[must_use]
    pub fn cplc(&self) -> &[u8] {
        &self.memory.cplc
    }

    /// How far it has come.
    #[must_use]
    pub fn life_cycle(&self) -> LifeCycle {
        self.memory.life_cycle
    }

    /// The contents of a file as physics knows them, past all access conditions: for judges of a rehearsal.
    #[must_use]
    pub fn file(&self, file: FileId) -> Option<&[u8]> {
        self.memory.files.get(&file.fid()).map(Vec::as_slice)
    }

    fn transmit_protected(&mut self, command: &Command<'_>) -> Vec<u8> {
        let Some(mut channel) = self.session.channel.take() else {
            return plain(Err(Status::SecurityStatus));
        };
        let opened = match channel.open(command) {
            Ok(opened) => opened,
            Err(status) => {
                self.abort();
                return plain(Err(status));
            }
        };
        let inner = Command {
            cla: command.cla & !0x0C,
            data: &opened.data,
            le: opened.le,
            ..*command
        };
        let (data, status) = self.execute(&inner).unwrap_or_else(|status| (Vec::new(), status));
        let answer = channel.close(data, status, command.ins, command.le.unwrap_or(0));
        self.session.channel = Some(self.session.next.take().unwrap_or(channel));
        answer
    }

    fn execute(&mut self, command: &Command<'_>) -> Outcome {
        match (command.cla, command.ins) {
            (0x00, 0xA4) => self.select(command),
            (0x00, 0xB0 | 0xB1) => self.read_binary(command),
            (0x00, 0xE0) => self.create_file(command),
            (0x00, 0xD6) => self.update_binary(command),
            (0x00, 0xDA) => self.put_data(command),
            (0x00, 0x84) => self.get_challenge(command),
            (0x00, 0x82) => self.external_authenticate(command),
            (0x00, 0x22) => self.set_authentication_template(command),
            (0x00 | 0x10, 0x86) => self.general_authenticate(command),
            (0x00, 0x88) => self.internal_authenticate(command),
            (0x00, 0x2A) => self.verify_certificate(command),
            (0x80, 0xCA) => self.get_data(command),
            (0x80, _) if self.memory.manager.is_some() => self.ask_manager(command),
            (0x00 | 0x80, _) => Err(Status::UnknownInstruction),
            _ => Err(Status::UnknownClass),
        }
    }

    fn get_data(&self, command: &Command<'_>) -> Outcome {
        match (self.session.place, command.p1, command.p2) {
            (Place::Root, 0x9F, 0x7F) => {
                let mut answer = vec![0x9F, 0x7F, 0x2A];
                answer.extend(&self.memory.cplc);
                Ok((answer, Status::Success))
            }
            _ => Err(Status::UnknownInstruction),
        }
    }

    fn takes_length(&self, command: &Command<'_>) -> bool {
        let lengths = self.memory.profile.apdu;
        if lengths.command_data_max <= 255 {
            return command.data.len() <= 255 && command.le.is_none_or(|le| le <= 256);
        }
        command.data.len() <= lengths.command_data_max + PROTECTION_BYTES
    }

    /// Forgets keys and rights.
    fn abort(&mut self) {
        self.session = Session {
            powered: true,
            place: self.session.place,
            ..Session::default()
        };
    }

    fn is_locked(&self) -> bool {
        self.memory.life_cycle == LifeCycle::Locked
    }
}

fn plain(outcome: Outcome) -> Vec<u8> {
    let (mut answer, status) = outcome.unwrap_or_else(|status| (Vec::new(), status));
    answer.extend(status.word().to_be_bytes());
    answer
}

impl std::fmt::Debug for Chip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chip")
            .field("life_cycle", &self.memory.life_cycle)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
