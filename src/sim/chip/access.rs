//! BAC and PACE, the chip's side (Doc 9303-11, sections 4.3 and 4.4).

use rand_chacha::rand_core::Rng;

use super::channel::Channel;
use super::{Chip, Outcome, Place};
use crate::chip::apdu::{Command, Status};
use crate::chip::pace::{Agreement, Ephemeral, Group, Mapping, Protocol, encrypt_nonce};
use crate::chip::password::{Can, MrzKey, Password};
use crate::chip::{bac, tlv};
use crate::pki::elliptic::{Point, Scalar};

pub(super) const DATA_NOT_FOUND: Status = Status::NotFound;

/// How far a run of PACE has come.
#[derive(Default)]
pub(super) enum Pace {
    #[default]
    Idle,
    /// After MSE:Set AT.
    Chosen { way: Way, password: Password },
    /// The encrypted nonce was given out.
    Nonce { way: Way, nonce: Vec<u8> },
    /// The ephemeral generator is known.
    Mapped {
        way: Way,
        generator: Point,
        private: Scalar,
        /// What leads from the static key to the mapping key.
        proof: Option<Scalar>,
    },
    /// The keys are known, their proof is due.
    Agreed {
        agreement: Agreement,
        group: Group,
        own: Point,
        peer: Point,
        proof: Option<Scalar>,
    },
}

/// What EF.CardAccess offers and the reader chose.
#[derive(Clone, Copy)]
pub(super) struct Way {
    protocol: Protocol,
    group: Group,
}

impl Chip {
    pub(super) fn get_challenge(&mut self, command: &Command<'_>) -> Outcome {
        if command.le == Some(8)
            && let Some(challenge) = self.challenge_terminal()
        {
            return Ok((challenge, Status::Success));
        }
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
        if self.session.access {
            return self.authenticate_terminal(command);
        }
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
        // After BAC the chip is known by its document number and check digit.
        self.session.identity = self
            .mrz()
            .and_then(|mrz| mrz.information().get(..=mrz.document().len()).map(<[u8]>::to_vec));
        Ok((proof.to_vec(), Status::Success))
    }

    pub(super) fn set_pace(&mut self, command: &Command<'_>) -> Outcome {
        if self.session.access {
            return Err(Status::WrongParameters);
        }
        let offered = self.offered().ok_or(Status::Conditions)?;
        let (mut oid, mut password, mut parameters) = (None, None, None);
        for object in tlv::objects(command.data) {
            let object = object.map_err(|_| Status::WrongData)?;
            match (object.tag, object.value) {
                (0x80, value) => oid = Some(value),
                (0x83, &[reference]) => password = Some(reference),
                (0x84, &[id]) => parameters = Some(id),
                // Objects that are not known are passed over.
                _ => {}
            }
        }
        let protocol = Protocol::from_oid(oid.unwrap_or_default()).ok_or(Status::WrongData)?;
        let mut ways: Vec<Way> = offered
            .into_iter()
            .filter(|way| way.protocol == protocol)
            .collect();
        if ways.is_empty() {
            return Err(Status::WrongData);
        }
        ways.retain(|way| parameters.is_none_or(|id| way.group.parameter_id() == id));
        let [way] = ways[..] else {
            return Err(DATA_NOT_FOUND);
        };
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
            way,
            password: password.ok_or(DATA_NOT_FOUND)?,
        };
        Ok((Vec::new(), Status::Success))
    }

    pub(super) fn continue_pace(&mut self, command: &Command<'_>) -> Outcome {
        // Whatever goes wrong ends the run.
        let stage = std::mem::take(&mut self.session.pace);
        let inner = tlv::only(0x7C, command.data).ok_or(Status::WrongData)?;
        let last = matches!(stage, Pace::Agreed { .. });
        if (command.cla == 0x00) != last {
            return Err(Status::Conditions);
        }
        let point = |tag| tlv::only(tag, inner).ok_or(Status::WrongData);
        let refused = Status::VerificationFailed;
        let mut more = None;
        let (tag, answer) = match stage {
            Pace::Idle => return Err(Status::Conditions),
            Pace::Chosen { way, password } => {
                if !inner.is_empty() {
                    return Err(Status::WrongData);
                }
                let mut nonce = vec![0; way.protocol.nonce_bytes()];
                self.memory.random().fill_bytes(&mut nonce);
                let encrypted = encrypt_nonce(&password, way.protocol.cipher, &nonce);
                self.session.pace = Pace::Nonce { way, nonce };
                (0x80, encrypted)
            }
            Pace::Nonce { way, nonce } => {
                let peer = point(0x81)?;
                let private = Ephemeral::random(way.protocol, way.group, &mut self.memory.random());
                let (own, generator, proof) = self.map(way, &nonce, &private.map, peer).ok_or(refused)?;
                self.session.pace = Pace::Mapped {
                    way,
                    generator,
                    private: private.agree,
                    proof,
                };
                (0x82, own)
            }
            Pace::Mapped {
                way: Way { protocol, group },
                generator,
                private,
                proof,
            } => {
                let peer = point(0x83)?.to_vec();
                let own = group.public_over(&private, &generator).ok_or(refused)?;
                let secret = group.agree(&private, &peer).ok_or(refused)?;
                if own == peer {
                    return Err(refused);
                }
                self.session.pace = Pace::Agreed {
                    agreement: Agreement::new(protocol, secret),
                    group,
                    own: own.clone(),
                    peer,
                    proof,
                };
                (0x84, own)
            }
            Pace::Agreed {
                agreement,
                group,
                own,
                peer,
                proof,
            } => {
                if tlv::only(0x85, inner) != Some(&agreement.token(&own)) {
                    return Err(refused);
                }
                self.grant(Channel::new(agreement.session()));
                // After PACE the master file is current and the application is to be selected under protection.
                self.session.place = Place::Root;
                self.session.identity = Some(group.compressed(&own));
                if let Some(number) = proof {
                    more = Some(agreement.seal_proof(&number));
                    // This mapping is chip authentication, too: terminal authentication binds its key.
                    self.session.terminal.session_key = Some(group.compressed(&peer));
                }
                (0x86, agreement.token(&peer).to_vec())
            }
        };
        let mut objects = Vec::new();
        tlv::push(&mut objects, tag, &answer);
        if let Some(proof) = more {
            tlv::push(&mut objects, 0x8A, &proof);
        }
        let mut data = Vec::new();
        tlv::push(&mut data, 0x7C, &objects);
        Ok((data, Status::Success))
    }

    /// Mapping: the public mapping key, the generator, and the number that proves the static key where that is asked.
    /// Then the mapping key is a multiple of the static one by that number, which needs no division.
    fn map(
        &self,
        way: Way,
        nonce: &[u8],
        number: &Scalar,
        peer: &[u8],
    ) -> Option<(Point, Point, Option<Scalar>)> {
        let group = way.group;
        match way.protocol.mapping {
            Mapping::Generic => Some((group.public(number)?, group.map(nonce, number, peer)?, None)),
            // What the reader sent is its nonce, and there is nothing to answer.
            Mapping::Integrated => {
                let generator = group.map_integrated(way.protocol, nonce, peer)?;
                Some((Vec::new(), generator, None))
            }
            Mapping::ChipAuthentication => {
                let curve = group.curve()?;
                let key = self.memory.keys.mapping.as_ref()?;
                let own = curve.multiply(number, &curve.public(key)?)?;
                let shared = curve.multiply(key, peer)?;
                Some((own, curve.map(nonce, number, &shared)?, Some(number.clone())))
            }
        }
    }

    fn grant(&mut self, channel: Channel) {
        self.session.channel = Some(channel);
        self.session.access = true;
        self.session.file = None;
    }

    pub(super) fn mrz(&self) -> Option<MrzKey> {
        let [document, birth, expiry] = self.memory.mrz.as_ref()?;
        MrzKey::new(document, birth, expiry).ok()
    }

    /// What this chip's own EF.CardAccess offers, read as a chip would: it wrote no other form.
    fn offered(&self) -> Option<Vec<Way>> {
        let infos = tlv::only(0x31, self.memory.files.get(&0x011C)?)?;
        let ways = tlv::objects(infos).filter_map(|info| {
            let protocol = tlv::read(info.ok()?.value)?;
            let version = tlv::read(protocol.rest)?;
            let &[id] = tlv::only(0x02, version.rest)? else {
                return None;
            };
            let protocol = Protocol::from_oid(protocol.value)?;
            (version.value == [2]).then_some(Way {
                protocol,
                group: Group::from_parameter_id(protocol.family, id.into())?,
            })
        });
        Some(ways.collect())
    }
}
