//! The personalization commands of the open eMRTD applet, and its life cycle.

use super::proof::AgreementKey;
use super::{Chip, LifeCycle, Outcome, Place};
use crate::chip::apdu::{Command, Status};
use crate::chip::perso::{P_256, RSA_BYTES};
use crate::chip::profile::{Dialect, PutData, Recreate};
use crate::chip::tlv;
use crate::document::FileId;
use crate::pki::EllipticCurve;

/// Memory for files.
const MEMORY_BYTES: usize = 80 * 1024;

impl Chip {
    pub(super) fn create_file(&mut self, command: &Command<'_>) -> Outcome {
        self.may_write()?;
        let &[0x63, 0x04, size_high, size_low, high, low] = command.data else {
            return Err(Status::WrongData);
        };
        let size = usize::from(u16::from_be_bytes([size_high, size_low]));
        let fid = u16::from_be_bytes([high, low]);
        match (self.memory.files.contains_key(&fid), self.open_dialect()) {
            (false, _) => self.make_file(fid, size)?,
            (true, Some(Recreate::WithinFirstSize)) => self.resize(fid, size)?,
            (true, _) => return Err(Status::FileExists),
        }
        Ok((Vec::new(), Status::Success))
    }

    /// A file that exists gets another size, within the room that was made for it first.
    fn resize(&mut self, fid: u16, size: usize) -> Result<(), Status> {
        let first = *self.memory.rooms.get(&fid).ok_or(Status::NotAllowed)?;
        if size == 0 || size > first {
            return Err(Status::NoSpace);
        }
        self.burn(1)?;
        if let Some(file) = self.memory.files.get_mut(&fid) {
            file.resize(size, 0);
        }
        Ok(())
    }

    /// Room for a file: one object, so it is made or not.
    pub(super) fn make_file(&mut self, fid: u16, size: usize) -> Result<(), Status> {
        if size == 0 || !self.knows(fid) {
            return Err(Status::WrongData);
        }
        let used: usize = self.memory.files.values().map(Vec::len).sum();
        if used + size > MEMORY_BYTES {
            return Err(Status::NoSpace);
        }
        self.burn(1)?;
        self.memory.files.insert(fid, vec![0; size]);
        self.memory.rooms.insert(fid, size);
        Ok(())
    }

    pub(super) fn update_binary(&mut self, command: &Command<'_>) -> Outcome {
        self.may_write()?;
        let fid = self.session.file.ok_or(Status::NotAllowed)?;
        if command.p1 & 0x80 != 0 {
            return Err(Status::WrongParameters);
        }
        let offset = usize::from(u16::from_be_bytes([command.p1, command.p2]));
        self.burn_file(fid, offset, command.data)?;
        Ok((Vec::new(), Status::Success))
    }

    pub(super) fn put_data(&mut self, command: &Command<'_>) -> Outcome {
        self.may_write()?;
        match (command.p1, command.p2) {
            (0xDE, 0xAF) => self.declare_personalized()?,
            (0xDE, 0xAD) => self.lock()?,
            (place, tag) => {
                let known = self.known_secret(place, tag).ok_or(Status::WrongParameters)?;
                self.put_secret(known, place, command.data)?;
            }
        }
        Ok((Vec::new(), Status::Success))
    }

    fn may_write(&self) -> Result<(), Status> {
        match (self.session.place, self.memory.life_cycle) {
            (Place::Root, _) => Err(Status::UnknownInstruction),
            // Behind a card manager there is no other way in.
            _ if self.memory.manager.is_some() => Err(Status::SecurityStatus),
            (Place::Application, LifeCycle::Locked) => Err(self.locked_status()),
            (Place::Application, LifeCycle::Prepersonalized | LifeCycle::Personalized) => Ok(()),
        }
    }

    fn declare_personalized(&mut self) -> Result<(), Status> {
        if self.steps_to_lock() < 2 {
            return Err(Status::WrongParameters);
        }
        if self.memory.mrz.is_none() {
            return Err(Status::Conditions);
        }
        self.burn(1)?;
        self.memory.life_cycle = LifeCycle::Personalized;
        Ok(())
    }

    fn lock(&mut self) -> Result<(), Status> {
        let ready = match self.memory.life_cycle {
            LifeCycle::Prepersonalized => self.steps_to_lock() < 2,
            LifeCycle::Personalized => true,
            LifeCycle::Locked => false,
        };
        if !ready {
            return Err(Status::Conditions);
        }
        self.lock_application()
    }

    /// A chip is locked only when it can be opened again.
    pub(super) fn lock_application(&mut self) -> Result<(), Status> {
        if self.memory.mrz.is_none() {
            return Err(Status::Conditions);
        }
        self.burn(1)?;
        self.memory.life_cycle = LifeCycle::Locked;
        self.session.file = None;
        Ok(())
    }

    fn open_dialect(&self) -> Option<Recreate> {
        match &self.memory.profile.dialect {
            Dialect::EmrtdApplet(open) => Some(open.recreate),
            Dialect::GlobalPlatform(_) => None,
        }
    }

    fn locked_status(&self) -> Status {
        match &self.memory.profile.dialect {
            Dialect::EmrtdApplet(open) => open.locked().unwrap_or(Status::Conditions),
            Dialect::GlobalPlatform(_) => Status::Conditions,
        }
    }

    fn steps_to_lock(&self) -> usize {
        match &self.memory.profile.dialect {
            Dialect::EmrtdApplet(open) => open.life_cycle.len(),
            Dialect::GlobalPlatform(_) => 1,
        }
    }

    /// The secret with this tag, if this kind of chip takes it. Only CVCAs have places.
    pub(super) fn known_secret(&self, place: u8, tag: u8) -> Option<PutData> {
        PutData::ALL.into_iter().find(|secret| {
            let placed = *secret == PutData::TrustPoint;
            secret.tag() == tag && placed == (place != 0) && self.memory.profile.takes(*secret)
        })
    }

    /// Takes it in, as one object.
    pub(super) fn put_secret(&mut self, secret: PutData, place: u8, data: &[u8]) -> Result<(), Status> {
        match secret {
            PutData::TrustPoint => self.put_trust_point(place, data),
            _ => {
                self.burn(1)?;
                self.put_key(secret, data).ok_or(Status::WrongData)
            }
        }
    }

    fn put_key(&mut self, secret: PutData, data: &[u8]) -> Option<()> {
        match secret {
            PutData::Mrz => {
                let fields: Option<Vec<String>> = tlv::objects(tlv::only(0x62, data)?)
                    .map(|field| field.ok().filter(|field| field.tag == 0x04))
                    .map(|field| String::from_utf8(field?.value.to_vec()).ok())
                    .collect();
                let fields: [String; 3] = fields?.try_into().ok()?;
                if fields[0].len() < 9 || fields[1].len() != 6 || fields[2].len() != 6 {
                    return None;
                }
                self.memory.mrz = Some(fields);
            }
            PutData::PaceSecret => {
                // 02 is the card access number; PIN and PUK are not for identity cards without eID.
                let (&0x02, can) = tlv::only(0x66, data)?.split_first()? else {
                    return None;
                };
                if can.len() != 6 || !can.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                self.memory.can = String::from_utf8(can.to_vec()).ok();
            }
            PutData::ActiveAuthentication => self.memory.active_authentication = Some(p_256_key(data)?),
            PutData::ChipAuthentication => {
                self.memory.keys.chip_authentication = Some(AgreementKey {
                    parameters: EllipticCurve::P256.parameter_id().into(),
                    private: p_256_key(data)?.to_vec(),
                    id: None,
                });
            }
            PutData::ActiveModulus => self.memory.rsa.modulus = Some(rsa_number(0x60, data)?),
            PutData::ActiveExponent => self.memory.rsa.exponent = Some(rsa_number(0x61, data)?),
            PutData::TrustPoint => return None,
        }
        Some(())
    }

    fn knows(&self, fid: u16) -> bool {
        let applet = &self.memory.profile.applet;
        match fid {
            0x011C => applet.card_access.is_some(),
            0x0103 | 0x0104 => applet.protected_biometrics,
            0x0101..=0x010F => true,
            _ => [FileId::Com, FileId::Sod].map(FileId::fid).contains(&fid),
        }
    }
}

/// The private number of a key whose domain parameters are those of P-256.
fn p_256_key(data: &[u8]) -> Option<[u8; 32]> {
    let objects: Result<Vec<_>, _> = tlv::objects(data).collect();
    let objects = objects.ok()?;
    let (private, domain) = objects.split_last()?;
    let given = domain.iter().map(|object| (object.tag, object.value));
    if private.tag != 0x86 || !given.eq(P_256) {
        return None;
    }
    let private: [u8; 32] = private.value.try_into().ok()?;
    EllipticCurve::P256.public(&private)?;
    Some(private)
}

/// A modulus or an exponent: an empty object with this tag, then the number in its own.
fn rsa_number(tag: u8, data: &[u8]) -> Option<Vec<u8>> {
    let number = tlv::only(0x04, data.strip_prefix(&[tag, 0x00])?)?;
    (number.len() == RSA_BYTES).then(|| number.to_vec())
}
