//! How a chip proves itself: active and chip authentication, the chip's side (Doc 9303-11, sections 6.1 and 6.2).

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::access::{DATA_NOT_FOUND, Pace};
use super::channel::Channel;
use super::{Chip, Outcome, Place};
use crate::chip::apdu::{Command, Status};
use crate::chip::cipher::{Cipher, Session};
use crate::chip::{chip_auth, tlv};
use crate::document::FileId;
use crate::pki::{EllipticCurve, Hash, modular};

/// Keys that a chip may have beside those of the line's own cards: cards that others made.
#[derive(Clone, Default, Deserialize, Serialize)]
pub struct Keys {
    /// For chip authentication.
    pub chip_authentication: Option<AgreementKey>,
    /// For chip-authentication mapping, on the curve that EF.CardAccess names for it.
    pub mapping: Option<Vec<u8>>,
    /// For active authentication, instead of the one that was put.
    pub active: Option<ActiveKey>,
}

/// A key for chip authentication.
#[derive(Clone, Deserialize, Serialize)]
pub struct AgreementKey {
    /// The number of its standardized domain parameters.
    pub parameters: u32,
    /// The private number.
    pub private: Vec<u8>,
    /// Its name, if it has one.
    pub id: Option<u8>,
}

/// A key for active authentication.
#[derive(Clone, Deserialize, Serialize)]
pub enum ActiveKey {
    /// ECDSA, with SHA-256 on curves of 256 bits and SHA-384 beyond.
    Elliptic {
        /// The number of the curve's standardized domain parameters.
        parameters: u32,
        /// The private number.
        private: Vec<u8>,
    },
    /// RSA with message recovery (ISO/IEC 9796-2, scheme 1).
    Rsa {
        /// The modulus, big-endian.
        modulus: Vec<u8>,
        /// The private exponent, big-endian.
        exponent: Vec<u8>,
        /// SHA-1 with its short trailer, as the first chips had it, instead of SHA-256.
        sha1: bool,
    },
}

// Keys are not shown, not even those of invented cards.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl std::fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AgreementKey(…)")
    }
}

impl std::fmt::Debug for ActiveKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ActiveKey(…)")
    }
}

impl Chip {
    pub(super) fn set_authentication_template(&mut self, command: &Command<'_>) -> Outcome {
        self.session.pace = Pace::Idle;
        self.session.agreement = None;
        match (command.p1, command.p2) {
            (0xC1, 0xA4) => self.set_pace(command),
            (0x41, 0xA4) => self.set_chip_authentication(command),
            (0x41, 0xA6) => self.set_key_agreement(command),
            (0x81, 0xA4 | 0xB6) => self.set_terminal(command),
            _ => Err(Status::WrongParameters),
        }
    }

    pub(super) fn general_authenticate(&mut self, command: &Command<'_>) -> Outcome {
        match self.session.agreement.take() {
            None => self.continue_pace(command),
            Some(cipher) => {
                let peer = tlv::only(0x7C, command.data).and_then(|inner| tlv::only(0x80, inner));
                self.agree(cipher, peer.ok_or(Status::WrongData)?)?;
                Ok((vec![0x7C, 0x00], Status::Success))
            }
        }
    }

    pub(super) fn internal_authenticate(&mut self, command: &Command<'_>) -> Outcome {
        if !self.session.access || self.session.place != Place::Application {
            return Err(Status::SecurityStatus);
        }
        if command.data.len() != 8 {
            return Err(Status::WrongLength);
        }
        let ours = self
            .memory
            .active_authentication
            .map(|private| ActiveKey::Elliptic {
                parameters: 12,
                private: private.to_vec(),
            });
        let key = self
            .memory
            .keys
            .active
            .clone()
            .or(ours)
            .or_else(|| self.put_rsa_key());
        let signature = match key.ok_or(Status::Conditions)? {
            ActiveKey::Elliptic { parameters, private } => {
                let curve = EllipticCurve::from_parameter_id(parameters).ok_or(Status::Conditions)?;
                let hash = if curve.bytes() > 32 {
                    Hash::Sha384
                } else {
                    Hash::Sha256
                };
                curve.sign(&private, &hash.digest(command.data))
            }
            ActiveKey::Rsa {
                modulus,
                exponent,
                sha1,
            } => self.sign_with_recovery(&modulus, &exponent, sha1, command.data),
        };
        Ok((signature.ok_or(Status::Conditions)?, Status::Success))
    }

    /// The key whose halves were put: the applet signs with SHA-1, as the first chips did.
    fn put_rsa_key(&self) -> Option<ActiveKey> {
        Some(ActiveKey::Rsa {
            modulus: self.memory.rsa.modulus.clone()?,
            exponent: self.memory.rsa.exponent.clone()?,
            sha1: true,
        })
    }

    /// `6A ‖ own random part ‖ digest ‖ trailer`, to the power of the private exponent.
    fn sign_with_recovery(
        &mut self,
        modulus: &[u8],
        exponent: &[u8],
        sha1: bool,
        challenge: &[u8],
    ) -> Option<Vec<u8>> {
        let (hash, trailer): (Hash, &[u8]) = if sha1 {
            (Hash::Sha1, &[0xBC])
        } else {
            (Hash::Sha256, &[0x34, 0xCC])
        };
        let mut own = vec![0; modulus.len().checked_sub(1 + hash.length() + trailer.len())?];
        self.memory.random().fill_bytes(&mut own);
        let digest = hash.digest(&[&own, challenge].concat());
        modular::power(&[&[0x6A], &own[..], &digest, trailer].concat(), exponent, modulus)
    }

    fn set_chip_authentication(&mut self, command: &Command<'_>) -> Outcome {
        let key = self.chip_key(command)?;
        let oid = object(command, 0x80).ok_or(Status::WrongData)?;
        let offered = self.memory.files.get(&FileId::Dg(14).fid());
        let offers = offered.is_some_and(|dg14| dg14.windows(oid.len()).any(|window| window == oid));
        let cipher = match oid.strip_prefix(&chip_auth::ID_CA_ECDH) {
            Some(&[arc]) if offers && key => Cipher::from_arc(arc),
            _ => None,
        };
        self.session.agreement = Some(cipher.ok_or(DATA_NOT_FOUND)?);
        Ok((Vec::new(), Status::Success))
    }

    fn set_key_agreement(&mut self, command: &Command<'_>) -> Outcome {
        if !self.chip_key(command)? {
            return Err(DATA_NOT_FOUND);
        }
        let peer = object(command, 0x91).ok_or(Status::WrongData)?;
        self.agree(Cipher::TripleDes, peer)?;
        Ok((Vec::new(), Status::Success))
    }

    /// Whether the chip has the key that is named. Chip authentication needs a protected channel.
    fn chip_key(&self, command: &Command<'_>) -> Result<bool, Status> {
        if !self.session.access || self.session.place != Place::Application {
            return Err(Status::Conditions);
        }
        let named = object(command, 0x84);
        Ok(self.memory.keys.chip_authentication.as_ref().is_some_and(|key| {
            let id = key.id.map(|id| vec![id]);
            named.is_none() && id.is_none() || named == id.as_deref()
        }))
    }

    /// The new keys count from the next command on: the answer to this one still goes under the old ones.
    fn agree(&mut self, cipher: Cipher, peer: &[u8]) -> Result<(), Status> {
        let key = self
            .memory
            .keys
            .chip_authentication
            .as_ref()
            .ok_or(Status::Conditions)?;
        let curve = EllipticCurve::from_parameter_id(key.parameters).ok_or(Status::Conditions)?;
        let secret = curve
            .agree(&key.private, peer)
            .ok_or(Status::VerificationFailed)?;
        self.session.next = Some(Channel::new(Session::new(cipher, &secret)));
        self.session.terminal.session_key = crate::pki::elliptic::x_coordinate(peer).map(<[u8]>::to_vec);
        Ok(())
    }
}

/// The contents of the first object with this tag.
pub(super) fn object<'a>(command: &Command<'a>, tag: u16) -> Option<&'a [u8]> {
    tlv::objects(command.data)
        .map_while(Result::ok)
        .find(|object| object.tag == tag)
        .map(|object| object.value)
}
