//! Secure messaging, the chip's side (Doc 9303-11, section 9.8).

use crate::chip::apdu::{Command, LE_MAX, Status};
use crate::chip::cipher::{Session, padded};
use crate::chip::tlv;

pub(super) struct Channel(Session);

/// A command taken out of its protection.
pub(super) struct Opened {
    pub(super) data: Vec<u8>,
    pub(super) le: Option<u32>,
}

impl Channel {
    pub(super) fn new(session: Session) -> Self {
        Self(session)
    }

    /// Checks and opens a command: `6987` if an object is missing, `6988` if one is wrong.
    pub(super) fn open(&mut self, command: &Command<'_>) -> Result<Opened, Status> {
        self.0.advance();
        let (mut cryptogram, mut le, mut checksum) = (None, None, None);
        let mut covered = 0;
        for object in tlv::objects(command.data) {
            let object = object.map_err(|_| Status::SmWrong)?;
            if checksum.is_some() {
                return Err(Status::SmWrong);
            }
            match (object.tag, object.value) {
                (0x87, [0x01, value @ ..]) if command.ins.is_multiple_of(2) => cryptogram = Some(value),
                (0x85, value) if !command.ins.is_multiple_of(2) => cryptogram = Some(value),
                (0x97, &[0]) => le = Some(256),
                (0x97, &[low]) => le = Some(u32::from(low)),
                (0x97, &[0, 0]) => le = Some(LE_MAX),
                (0x97, &[high, low]) => le = Some(u32::from(u16::from_be_bytes([high, low]))),
                (0x8E, value) => checksum = Some(value),
                _ => return Err(Status::SmWrong),
            }
            if checksum.is_none() {
                covered += object.whole.len();
            }
        }
        let checksum = checksum.ok_or(Status::SmMissing)?;
        let mut header = command.header().to_vec();
        header.push(0x80);
        header.resize(self.0.block(), 0);
        if self.0.checksum([&header, &command.data[..covered]]) != checksum {
            return Err(Status::SmWrong);
        }
        let mut data = cryptogram.unwrap_or_default().to_vec();
        if cryptogram.is_some() {
            self.0.decrypt(&mut data).ok_or(Status::SmWrong)?;
        }
        Ok(Opened { data, le })
    }

    /// Protects an answer. One that does not fit into what the reader asked for becomes `6700`.
    pub(super) fn close(&mut self, mut data: Vec<u8>, mut status: Status, ins: u8, le: u32) -> Vec<u8> {
        self.0.advance();
        let longest = padded(data.len(), self.0.block()) + 5 + 4 + 10;
        if !data.is_empty() && longest > le as usize {
            data.clear();
            status = Status::WrongLength;
        }
        let word = status.word().to_be_bytes();
        let mut answer = Vec::with_capacity(longest + 2);
        if !data.is_empty() {
            self.0.encrypt(&mut data);
            if ins.is_multiple_of(2) {
                tlv::push_header(&mut answer, 0x87, data.len() + 1);
                answer.push(0x01);
                answer.append(&mut data);
            } else {
                tlv::push(&mut answer, 0x85, &data);
            }
        }
        tlv::push(&mut answer, 0x99, &word);
        let checksum = self.0.checksum([&answer, &[]]);
        tlv::push(&mut answer, 0x8E, &checksum);
        answer.extend(word);
        answer
    }
}
