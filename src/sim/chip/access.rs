//! BAC, PACE and active authentication, the chip's side (Doc 9303-11, sections 4.3, 4.4 and 6.1).

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use rand_chacha::rand_core::Rng;

use super::channel::Channel;
use super::{Chip, Outcome, Place};
use crate::chip::apdu::{Command, Status};
use crate::chip::curve::{Curve, Point, Scalar};
use crate::chip::kdf::Key;
use crate::chip::pace::{Agreement, ECDH_GM_AES_128, Ephemeral, encrypt_nonce};
use crate::chip::password::{Can, MrzKey, Password};
use crate::chip::{bac, tlv};

const DATA_NOT_FOUND: Status = Status::NotFound;

/// How far a run of PACE has come.
#[derive(Default)]
pub(super) enum Pace {
    #[default]
    Idle,
    /// After MSE:Set AT.
    Chosen { curve: Curve, password: Key },
    /// The encrypted nonce was given out.
    Nonce { curve: Curve, nonce: [u8; 16] },
    /// The ephemeral generator is known.
    Mapped {
        curve: Curve,
        generator: Point,
        private: Scalar,
    },
    /// The keys are known, their proof is due.
    Agreed {
        agreement: Agreement,
        own: Point,
        peer: Point,
    },
}

impl Chip {
    pub(super) fn get_challenge(&mut self, command: &Command<'_>) -> Outcome {
        if self.session.place != Place::Application || self.memory.mrz.is_none() || self.session.access {
            return Err(Status::Conditions);
        }
        if command.le != Some(8) {
            return Err(Status::WrongLength);
        }
        let mut challenge = [0; 8];
        self.memory.random().fill_bytes(&mut challenge);
        self.session.challenge = Some(challenge);
        Ok((challenge.to_vec(), Status::Success))
    }

    pub(super) fn external_authenticate(&mut self, command: &Command<'_>) -> Outcome {
        // A challenge is good for one try.
        let challenge = self.session.challenge.take().ok_or(Status::Conditions)?;
        let keys = bac::Keys::new(&self.mrz().ok_or(Status::Conditions)?);
        if command.data.len() != 40 {
            return Err(Status::WrongLength);
        }
        let (reader, answered) = keys.open(command.data).ok_or(Status::VerificationFailed)?;
        if answered != challenge {
            return Err(Status::VerificationFailed);
        }
        let own = bac::Share {
            challenge,
            ..bac::Share::random(&mut self.memory.random())
        };
        let proof = keys.seal(&own, &reader.challenge);
        self.grant(Channel::new(bac::session(&reader, &own)));
        Ok((proof.to_vec(), Status::Success))
    }

    pub(super) fn set_authentication_template(&mut self, command: &Command<'_>) -> Outcome {
        self.session.pace = Pace::Idle;
        if (command.p1, command.p2) != (0xC1, 0xA4) || self.session.access {
            return Err(Status::WrongParameters);
        }
        let offered = self.offered().ok_or(Status::Conditions)?;
        let (mut protocol, mut password) = (None, None);
        for object in tlv::objects(command.data) {
            let object = object.map_err(|_| Status::WrongData)?;
            match (object.tag, object.value) {
                (0x80, value) => protocol = Some(value),
                (0x83, &[reference]) => password = Some(reference),
                (0x84, &[id]) if id != offered => return Err(DATA_NOT_FOUND),
                // Objects that are not known are passed over.
                _ => {}
            }
        }
        if protocol != Some(&ECDH_GM_AES_128[..]) {
            return Err(Status::WrongData);
        }
        let password = match password {
            Some(1) => self.mrz().map(Password::Mrz),
            Some(2) => self
                .memory
                .can
                .as_deref()
                .and_then(|can| Can::new(can).ok())
                .map(Password::Can),
            _ => None,
        };
        self.session.pace = Pace::Chosen {
            curve: Curve::from_parameter_id(offered).ok_or(Status::Conditions)?,
            password: password.ok_or(DATA_NOT_FOUND)?.pace_key(),
        };
        Ok((Vec::new(), Status::Success))
    }

    pub(super) fn general_authenticate(&mut self, command: &Command<'_>) -> Outcome {
        // Whatever goes wrong ends the run.
        let stage = std::mem::take(&mut self.session.pace);
        let inner = tlv::only(0x7C, command.data).ok_or(Status::WrongData)?;
        let last = matches!(stage, Pace::Agreed { .. });
        if (command.cla == 0x00) != last {
            return Err(Status::Conditions);
        }
        let point = |tag| -> Result<Point, Status> {
            let point = tlv::only(tag, inner).and_then(|point| point.try_into().ok());
            point.ok_or(Status::WrongData)
        };
        let refused = Status::VerificationFailed;
        let (tag, answer) = match stage {
            Pace::Idle => return Err(Status::Conditions),
            Pace::Chosen { curve, password } => {
                if !inner.is_empty() {
                    return Err(Status::WrongData);
                }
                let mut nonce = [0; 16];
                self.memory.random().fill_bytes(&mut nonce);
                self.session.pace = Pace::Nonce { curve, nonce };
                (0x80, encrypt_nonce(&password, &nonce).to_vec())
            }
            Pace::Nonce { curve, nonce } => {
                let peer = point(0x81)?;
                let private = Ephemeral::random(curve, &mut self.memory.random());
                let own = curve.public(&private.map).ok_or(refused)?;
                let generator = curve.map(&nonce, &private.map, &peer).ok_or(refused)?;
                self.session.pace = Pace::Mapped {
                    curve,
                    generator,
                    private: private.agree,
                };
                (0x82, own.to_vec())
            }
            Pace::Mapped {
                curve,
                generator,
                private,
            } => {
                let peer = point(0x83)?;
                let own = curve.multiply(&private, &generator).ok_or(refused)?;
                let shared = curve.multiply(&private, &peer).ok_or(refused)?;
                if own == peer {
                    return Err(refused);
                }
                self.session.pace = Pace::Agreed {
                    agreement: Agreement::new(&shared),
                    own,
                    peer,
                };
                (0x84, own.to_vec())
            }
            Pace::Agreed { agreement, own, peer } => {
                if tlv::only(0x85, inner) != Some(&agreement.token(&own)) {
                    return Err(refused);
                }
                self.grant(Channel::new(agreement.session()));
                // After PACE the master file is current and the application is to be selected under protection.
                self.session.place = Place::Root;
                (0x86, agreement.token(&peer).to_vec())
            }
        };
        let mut object = Vec::new();
        tlv::push(&mut object, tag, &answer);
        let mut data = Vec::new();
        tlv::push(&mut data, 0x7C, &object);
        Ok((data, Status::Success))
    }

    pub(super) fn internal_authenticate(&mut self, command: &Command<'_>) -> Outcome {
        if !self.session.access || self.session.place != Place::Application {
            return Err(Status::SecurityStatus);
        }
        if command.data.len() != 8 {
            return Err(Status::WrongLength);
        }
        let key = self.memory.active_authentication.ok_or(DATA_NOT_FOUND)?;
        let key = SigningKey::from_slice(&key).map_err(|_| DATA_NOT_FOUND)?;
        let signature: Signature = key.sign(command.data);
        Ok((signature.to_bytes().to_vec(), Status::Success))
    }

    fn grant(&mut self, channel: Channel) {
        self.session.channel = Some(channel);
        self.session.access = true;
        self.session.file = None;
    }

    fn mrz(&self) -> Option<MrzKey> {
        let [document, birth, expiry] = self.memory.mrz.as_ref()?;
        MrzKey::new(document, birth, expiry).ok()
    }

    /// The domain parameters that this chip's own EF.CardAccess names for the one protocol it can do.
    fn offered(&self) -> Option<u8> {
        let card_access = self.memory.files.get(&0x011C)?;
        let mut info = vec![0x06, 0x0A];
        info.extend(ECDH_GM_AES_128);
        info.extend([0x02, 0x01, 0x02, 0x02, 0x01]);
        let at = card_access
            .windows(info.len())
            .position(|window| window == info)?;
        let id = *card_access.get(at + info.len())?;
        Curve::from_parameter_id(id).map(|_| id)
    }
}
