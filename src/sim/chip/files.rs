//! SELECT and READ BINARY with their access conditions (Doc 9303-10, section 3; Doc 9303-11, section 4.2).

use std::borrow::Cow;

use super::{APPLICATION, CARD_MANAGER, Chip, Outcome, PROTECTION_BYTES, Place};
use crate::chip::apdu::{Command, LE_MAX, Status};
use crate::chip::profile::CardAccess;
use crate::chip::tlv;
use crate::document::FileId;

const CARD_ACCESS: u16 = 0x011C;
/// EF.CardSecurity in the master file; the application has EF.SOD under it.
const CARD_SECURITY: u16 = 0x011D;
/// EF.ATR/INFO.
const ATR_INFO: u16 = 0x2F01;
/// DG3 and DG4: fingerprints and irises.
const BIOMETRICS: [u16; 2] = [0x0103, 0x0104];

impl Chip {
    pub(super) fn select(&mut self, command: &Command<'_>) -> Outcome {
        match (command.p1, command.data) {
            (0x04, aid) if aid == APPLICATION && !self.memory.no_application => {
                self.enter(Place::Application)
            }
            (0x04, aid) if CARD_MANAGER.starts_with(aid) => {
                let status = self.manager_status();
                self.enter(Place::Root).map(|(data, _)| (data, status))
            }
            (0x04, _) => Err(Status::FileNotFound),
            (0x02, &[high, low]) => {
                let fid = u16::from_be_bytes([high, low]);
                self.may_name(fid)?;
                self.session.file = Some(fid);
                Ok((Vec::new(), Status::Success))
            }
            (0x02, _) => Err(Status::WrongLength),
            _ => Err(Status::WrongParameters),
        }
    }

    pub(super) fn read_binary(&mut self, command: &Command<'_>) -> Outcome {
        let le = command.le.ok_or(Status::WrongLength)?;
        let odd = command.ins == 0xB1;
        let (fid, offset) = match (odd, command.p1, command.p2) {
            (true, 0, 0) => {
                let offset =
                    tlv::only(0x54, command.data).and_then(|offset| <[u8; 2]>::try_from(offset).ok());
                let offset = u16::from_be_bytes(offset.ok_or(Status::WrongData)?);
                (self.session.file.ok_or(Status::NotAllowed)?, usize::from(offset))
            }
            (true, ..) => return Err(Status::WrongParameters),
            (false, p1, offset) if p1 & 0x80 != 0 => (self.by_short_identifier(p1)?, usize::from(offset)),
            (false, p1, p2) => (
                self.session.file.ok_or(Status::NotAllowed)?,
                usize::from(u16::from_be_bytes([p1, p2])),
            ),
        };
        self.may_read(fid)?;
        self.session.file = Some(fid);
        let file = self.contents(fid).ok_or(Status::FileNotFound)?;
        let rest = file.get(offset..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(Status::WrongOffset)?;
        // The wrapping of an odd answer counts.
        let wanted = (if odd { le.saturating_sub(4) } else { le }) as usize;
        let length = rest
            .len()
            .min(wanted)
            .min(self.memory.profile.apdu.read_max as usize);
        // A Le of zeros asks for what fits; any other asks for so many bytes, and the file may have fewer.
        let status = if wanted > rest.len() && !matches!(le, 256 | LE_MAX) {
            Status::EndOfFile
        } else {
            Status::Success
        };
        let mut answer = Vec::with_capacity(length + 4);
        if odd {
            tlv::push(&mut answer, 0x53, &rest[..length]);
        } else {
            answer.extend(&rest[..length]);
        }
        Ok((answer, status))
    }

    fn enter(&mut self, place: Place) -> Outcome {
        self.session.place = place;
        self.session.file = None;
        self.session.challenge = None;
        // A secure channel is with what was selected when it began.
        self.session.manager = None;
        self.session.stream = None;
        Ok((Vec::new(), Status::Success))
    }

    /// SELECT: a locked chip does not even say which files it has, except EF.CardAccess.
    fn may_name(&self, fid: u16) -> Result<(), Status> {
        if fid != CARD_ACCESS && self.session.place == Place::Application && self.is_locked() {
            self.may_read(fid)?;
        }
        if self.is_visible(fid) && self.contents(fid).is_some() {
            Ok(())
        } else {
            Err(Status::FileNotFound)
        }
    }

    fn may_read(&self, fid: u16) -> Result<(), Status> {
        if fid == CARD_ACCESS {
            return if self.is_visible(fid) {
                Ok(())
            } else {
                Err(Status::FileNotFound)
            };
        }
        if (self.session.place, fid) == (Place::Root, ATR_INFO) {
            return Ok(());
        }
        // Fingerprints and irises need terminal authentication.
        if !self.session.access || BIOMETRICS.contains(&fid) && !self.may_read_biometrics(fid) {
            return Err(Status::SecurityStatus);
        }
        if self.is_visible(fid) {
            Ok(())
        } else {
            Err(Status::FileNotFound)
        }
    }

    fn is_visible(&self, fid: u16) -> bool {
        let in_application = self.session.place == Place::Application;
        match (fid, self.memory.profile.applet.card_access) {
            // While it is written it is found where it is written.
            (CARD_ACCESS, Some(CardAccess::MasterFile)) => in_application != self.is_locked(),
            (CARD_ACCESS, None) => false,
            // One reading needs access, the other does not.
            (ATR_INFO | CARD_SECURITY, _) if !in_application => true,
            _ => in_application,
        }
    }

    /// A file of the current place.
    fn contents(&self, fid: u16) -> Option<Cow<'_, [u8]>> {
        match (self.session.place, fid) {
            (Place::Root, ATR_INFO) => self.atr_info().map(Cow::Owned),
            (Place::Root, CARD_SECURITY) => self.memory.card_security.as_deref().map(Cow::Borrowed),
            _ => self
                .memory
                .files
                .get(&fid)
                .map(|file| Cow::Borrowed(file.as_slice())),
        }
    }

    /// EF.ATR/INFO of a chip with extended length (ISO/IEC 7816-4, sections 12.1 and 12.7.1): it says how much.
    fn atr_info(&self) -> Option<Vec<u8>> {
        let lengths = self.memory.profile.apdu;
        if lengths.command_data_max <= 255 {
            return None;
        }
        let number = |bytes: usize| {
            u16::try_from(bytes + PROTECTION_BYTES)
                .unwrap_or(u16::MAX)
                .to_be_bytes()
        };
        let (mut extended, mut info) = (Vec::new(), Vec::new());
        tlv::push(&mut extended, 0x02, &number(lengths.command_data_max));
        tlv::push(&mut extended, 0x02, &number(lengths.read_max as usize));
        // Card capabilities: extended length fields, and that these are described here.
        tlv::push(&mut info, 0x47, &[0x00, 0x00, 0x60]);
        tlv::push(&mut info, 0x7F66, &extended);
        Some(info)
    }

    fn by_short_identifier(&self, p1: u8) -> Result<u16, Status> {
        let sfi = p1 & 0x1F;
        if p1 & 0x60 != 0 {
            return Err(Status::WrongParameters);
        }
        if self.session.place == Place::Root {
            let known = [(0x01, ATR_INFO), (0x1C, CARD_ACCESS), (0x1D, CARD_SECURITY)];
            let known = known.into_iter().find(|(short, _)| *short == sfi);
            return known.map(|(_, fid)| fid).ok_or(Status::FileNotFound);
        }
        [FileId::CardAccess, FileId::Com, FileId::Sod]
            .into_iter()
            .chain((1..=16).map(FileId::Dg))
            .find(|file| file.sfi() == sfi)
            .map(FileId::fid)
            .ok_or(Status::WrongParameters)
    }
}
