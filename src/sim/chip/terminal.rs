//! Terminal authentication, the chip's side (BSI TR-03110-1, section 4.4; TR-03110-3, section B.3): who may read
//! fingerprints.

use std::collections::BTreeSet;

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::access::DATA_NOT_FOUND;
use super::proof::object;
use super::{Chip, Outcome, Place};
use crate::chip::apdu::{Command, Status};
use crate::pki::{CvCertificate, CvRole, EllipticCurve, Hash, Rights};

/// Whom the chip trusts, kept without power.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(super) struct TrustPoints {
    points: Vec<TrustPoint>,
    /// The latest day that the chip knows of, YYMMDD: it has no clock.
    today: [u8; 6],
    /// Places that personalization has filled.
    #[serde(default)]
    filled: BTreeSet<u8>,
}

/// Places for certificates that are trusted from the first day on.
const PLACES: std::ops::RangeInclusive<u8> = 1..=2;

/// The key of a CVCA.
#[derive(Clone, Deserialize, Serialize)]
struct TrustPoint {
    holder: Vec<u8>,
    parameters: u32,
    point: Vec<u8>,
    rights: [bool; 2],
    expires: [u8; 6],
}

/// What a chip knows of the terminal in this session.
#[derive(Default)]
pub(super) struct Terminal {
    /// The x coordinate of the reader's key in chip authentication.
    pub(super) session_key: Option<Vec<u8>>,
    /// Which key the next certificate was signed with.
    named: Option<Vec<u8>>,
    /// The last certificate that was verified.
    verified: Option<Issuer>,
    /// The terminal said that it will sign.
    announced: bool,
    challenge: Option<[u8; 8]>,
    granted: Rights,
    /// One terminal authentication a session, whether it went well or not.
    over: bool,
}

/// A key that the chip trusts to sign what comes next.
#[derive(Clone)]
struct Issuer {
    holder: Vec<u8>,
    curve: EllipticCurve,
    hash: Hash,
    point: Vec<u8>,
    role: CvRole,
    rights: Rights,
}

impl Chip {
    /// Brings in the CVCA that this chip trusts from now on, as personalization does.
    ///
    /// # Errors
    /// Nothing is changed if it is no certificate of a CVCA that names its curve.
    pub fn trust(&mut self, cvca: &[u8]) -> Result<(), Refused> {
        let certificate = CvCertificate::parse(cvca).map_err(|_| Refused)?;
        self.memory.terminal.take_in(&certificate).ok_or(Refused)
    }

    /// PUT DATA 64: the body of a CVCA's certificate. The applet fills each place once; a card manager may do it again.
    pub(super) fn put_trust_point(&mut self, place: u8, body: &[u8]) -> Result<(), Status> {
        if !PLACES.contains(&place) {
            return Err(Status::WrongParameters);
        }
        if self.memory.manager.is_none() && self.memory.terminal.filled.contains(&place) {
            return Err(Status::Conditions);
        }
        let certificate = CvCertificate::parse_body(body).map_err(|_| Status::WrongData)?;
        self.burn(1)?;
        let trust = &mut self.memory.terminal;
        trust.take_in(&certificate).ok_or(Status::WrongData)?;
        trust.filled.insert(place);
        Ok(())
    }

    pub(super) fn may_read_biometrics(&self, fid: u16) -> bool {
        let granted = self.session.terminal.granted;
        match fid {
            0x0103 => granted.fingerprints,
            0x0104 => granted.irises,
            _ => false,
        }
    }

    /// MSE:Set DST and MSE:Set AT.
    pub(super) fn set_terminal(&mut self, command: &Command<'_>) -> Outcome {
        self.may_authenticate()?;
        let name = object(command, 0x83).ok_or(Status::WrongData)?.to_vec();
        if command.p2 == 0xB6 {
            if self.issuer(&name).is_none() {
                return Err(DATA_NOT_FOUND);
            }
            self.session.terminal.named = Some(name);
        } else {
            let terminal = &mut self.session.terminal;
            let verified = terminal
                .verified
                .as_ref()
                .filter(|last| last.role == CvRole::Terminal);
            if verified.is_none_or(|last| last.holder != name) {
                return Err(DATA_NOT_FOUND);
            }
            terminal.announced = true;
        }
        Ok((Vec::new(), Status::Success))
    }

    /// PSO:VERIFY CERTIFICATE.
    pub(super) fn verify_certificate(&mut self, command: &Command<'_>) -> Outcome {
        self.may_authenticate()?;
        if (command.p1, command.p2) != (0x00, 0xBE) {
            return Err(Status::WrongParameters);
        }
        let named = self.session.terminal.named.take().ok_or(Status::Conditions)?;
        let issuer = self.issuer(&named).ok_or(DATA_NOT_FOUND)?;
        let certificate = CvCertificate::parse_contents(command.data).map_err(|_| Status::WrongData)?;
        let in_order = match issuer.role {
            CvRole::Authority => certificate.role != CvRole::Terminal,
            CvRole::DomesticVerifier | CvRole::ForeignVerifier => certificate.role == CvRole::Terminal,
            CvRole::Terminal => false,
        };
        let right = certificate.authority == issuer.holder
            && in_order
            && certificate.is_signed_by(issuer.curve, issuer.hash, &issuer.point)
            && certificate.curve.unwrap_or(issuer.curve).has(&certificate.point);
        if !right {
            return Err(Status::VerificationFailed);
        }
        let trust = &mut self.memory.terminal;
        // A link certificate may be old: it is the way back for a chip that was not shown the newer ones.
        if certificate.expires < trust.today && certificate.role != CvRole::Authority {
            return Err(Status::VerificationFailed);
        }
        // Only what the own country signed may move the chip's day on.
        let domestic = certificate.role != CvRole::ForeignVerifier && issuer.role != CvRole::ForeignVerifier;
        if domestic {
            trust.today = trust.today.max(certificate.effective);
        }
        let curve = certificate.curve.unwrap_or(issuer.curve);
        if certificate.role == CvRole::Authority {
            trust.keep(&certificate, curve);
        }
        self.session.terminal.verified = Some(Issuer {
            curve,
            hash: certificate.hash,
            role: certificate.role,
            rights: match certificate.role {
                CvRole::Authority => certificate.rights,
                _ => issuer.rights.and(certificate.rights),
            },
            holder: certificate.holder,
            point: certificate.point,
        });
        Ok((Vec::new(), Status::Success))
    }

    /// GET CHALLENGE after MSE:Set AT; nothing if this is not about the terminal.
    pub(super) fn challenge_terminal(&mut self) -> Option<Vec<u8>> {
        if !self.session.terminal.announced {
            return None;
        }
        let mut challenge = [0; 8];
        self.memory.random().fill_bytes(&mut challenge);
        self.session.terminal.challenge = Some(challenge);
        Some(challenge.to_vec())
    }

    /// EXTERNAL AUTHENTICATE of a terminal. Whatever comes of it, the channel stays.
    pub(super) fn authenticate_terminal(&mut self, command: &Command<'_>) -> Outcome {
        self.may_authenticate()?;
        let identity = self.session.identity.clone().ok_or(Status::Conditions)?;
        let terminal = &mut self.session.terminal;
        let challenge = terminal.challenge.take().ok_or(Status::Conditions)?;
        let (Some(key), Some(session_key)) = (terminal.verified.take(), terminal.session_key.as_ref()) else {
            return Err(Status::Conditions);
        };
        terminal.over = true;
        let signed = [&identity, &challenge[..], session_key].concat();
        if !key
            .curve
            .verifies(&key.point, &key.hash.digest(&signed), command.data)
        {
            return Err(Status::VerificationFailed);
        }
        terminal.granted = key.rights;
        Ok((Vec::new(), Status::Success))
    }

    /// Terminal authentication follows chip authentication, once a session.
    fn may_authenticate(&self) -> Result<(), Status> {
        let terminal = &self.session.terminal;
        let ready = self.session.access
            && self.session.place == Place::Application
            && terminal.session_key.is_some()
            && !terminal.over;
        if ready { Ok(()) } else { Err(Status::Conditions) }
    }

    fn issuer(&self, holder: &[u8]) -> Option<Issuer> {
        let verified = self.session.terminal.verified.iter().cloned();
        let trusted = self.memory.terminal.points.iter().filter_map(|point| {
            Some(Issuer {
                holder: point.holder.clone(),
                curve: EllipticCurve::from_parameter_id(point.parameters)?,
                hash: Hash::Sha256,
                point: point.point.clone(),
                role: CvRole::Authority,
                rights: Rights {
                    fingerprints: point.rights[0],
                    irises: point.rights[1],
                },
            })
        });
        verified.chain(trusted).find(|issuer| issuer.holder == holder)
    }
}

impl TrustPoints {
    /// Trusts this CVCA from now on; nothing if it is none, or does not name its curve.
    fn take_in(&mut self, certificate: &CvCertificate) -> Option<()> {
        let curve = certificate.curve?;
        (certificate.role == CvRole::Authority).then(|| {
            self.today = self.today.max(certificate.effective);
            self.keep(certificate, curve);
        })
    }

    /// A chip has room for two: the newest, and the one before it as long as it is valid.
    fn keep(&mut self, certificate: &CvCertificate, curve: EllipticCurve) {
        let today = self.today;
        self.points
            .retain(|point| point.expires >= today && point.holder != certificate.holder);
        self.points.push(TrustPoint {
            holder: certificate.holder.clone(),
            parameters: curve.parameter_id().into(),
            point: certificate.point.clone(),
            rights: [certificate.rights.fingerprints, certificate.rights.irises],
            expires: certificate.expires,
        });
        let surplus = self.points.len().saturating_sub(2);
        self.points.drain(..surplus);
    }
}

/// A certificate that a chip does not take as the one it trusts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused;
