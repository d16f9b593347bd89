//! STORE DATA: data groupings as they come in blocks (GlobalPlatform Card Specification 2.3.1, section 11.11; EMV Card
//! Personalization Specification 1.1, section 2.4.4).

use super::{Chip, LifeCycle, Outcome};
use crate::chip::apdu::Status;
use crate::chip::profile::PutData;

/// One personalization between INSTALL and the last block.
#[derive(Default)]
pub(super) struct Stream {
    next: u8,
    head: Vec<u8>,
    open: Option<Grouping>,
}

/// A grouping whose value is coming in.
struct Grouping {
    name: u16,
    /// Bytes that have come.
    at: usize,
    /// Bytes that are still to come.
    left: usize,
    /// The value, unless it goes straight into a file.
    value: Vec<u8>,
}

impl Chip {
    pub(super) fn store_data(&mut self, p1: u8, number: u8, data: &[u8]) -> Outcome {
        // An application that was locked meanwhile takes nothing.
        if self.memory.life_cycle == LifeCycle::Locked {
            return Err(Status::Conditions);
        }
        let mut stream = self.session.stream.take().ok_or(Status::Conditions)?;
        // Groupings, in plain or all encrypted; whatever is wrong ends the personalization.
        if p1 & 0x18 != 0x08 || !matches!(p1 & 0x60, 0x00 | 0x60) || number != stream.next {
            return Err(Status::WrongParameters);
        }
        let encrypted = p1 & 0x60 != 0;
        self.take(&mut stream, data, encrypted)?;
        if p1 & 0x80 != 0 {
            if stream.open.is_some() || !stream.head.is_empty() {
                return Err(Status::WrongData);
            }
            self.lock_application()?;
        } else {
            stream.next = stream.next.wrapping_add(1);
            self.session.stream = Some(stream);
        }
        Ok((Vec::new(), Status::Success))
    }

    fn take(&mut self, stream: &mut Stream, mut data: &[u8], encrypted: bool) -> Result<(), Status> {
        while !data.is_empty() {
            let Some(grouping) = &mut stream.open else {
                let (&byte, rest) = data.split_first().ok_or(Status::WrongData)?;
                stream.head.push(byte);
                data = rest;
                if let Some((name, length)) = head(&stream.head) {
                    stream.head.clear();
                    stream.open = self.begin(name, length, encrypted)?;
                }
                continue;
            };
            let (now, rest) = data.split_at(grouping.left.min(data.len()));
            data = rest;
            let (name, at) = (grouping.name, grouping.at);
            grouping.at += now.len();
            grouping.left -= now.len();
            let complete = grouping.left == 0;
            if encrypted {
                grouping.value.extend(now);
            } else {
                self.burn_file(name, at, now)?;
            }
            if complete && let Some(grouping) = stream.open.take() {
                self.finish(&grouping, encrypted)?;
            }
        }
        Ok(())
    }

    /// A file's room is made when its length is known.
    fn begin(&mut self, name: u16, length: usize, encrypted: bool) -> Result<Option<Grouping>, Status> {
        if !encrypted {
            self.memory.files.remove(&name);
            self.make_file(name, length)?;
        } else if self.named(name).is_none() || length == 0 {
            return Err(Status::WrongData);
        }
        Ok(Some(Grouping {
            name,
            at: 0,
            left: length,
            value: Vec::new(),
        }))
    }

    fn finish(&mut self, grouping: &Grouping, encrypted: bool) -> Result<(), Status> {
        if !encrypted {
            return Ok(());
        }
        let (secret, place) = self.named(grouping.name).ok_or(Status::WrongData)?;
        let plain = self.open_secret(&grouping.value).ok_or(Status::WrongData)?;
        self.put_secret(secret, place, &plain)
    }

    /// Which secret a grouping of this name is, and in which place it goes.
    fn named(&self, name: u16) -> Option<(PutData, u8)> {
        let [high, tag] = name.to_be_bytes();
        let place = high.checked_sub(0x80)?;
        self.known_secret(place, tag).map(|secret| (secret, place))
    }
}

/// Name and length, once enough bytes are there.
fn head(bytes: &[u8]) -> Option<(u16, usize)> {
    let (&[high, low], rest) = bytes.split_first_chunk()?;
    let name = u16::from_be_bytes([high, low]);
    match *rest {
        [0xFF, high, low] => Some((name, usize::from(u16::from_be_bytes([high, low])))),
        [length] if length != 0xFF => Some((name, usize::from(length))),
        _ => None,
    }
}
