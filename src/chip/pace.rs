//! Password Authenticated Connection Establishment over elliptic curves and prime fields, with generic, integrated or
//! chip-authentication mapping (Doc 9303-11, section 4.4; BSI TR-03110-3, section A.3).

mod group;
mod integrated;

use rand_chacha::rand_core::Rng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::apdu::{Command, Status};
use super::cipher::{Cipher, Session, Suite, unpad};
use super::link::Card;
use super::password::Password;
use super::sm::SecureChannel;
use super::{fault, tlv};
use crate::base::Fault;
use crate::document::security_info::{SecurityInfo, SecurityInfos};
use crate::pki::elliptic::{Point, Scalar};

pub use group::Group;

/// id-PACE, contents of the OBJECT IDENTIFIER without its last two arcs (mapping, cipher): 0.4.0.127.0.7.2.2.4.
const ID_PACE: [u8; 8] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x04];

/// How the nonce becomes a generator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mapping {
    /// Generic mapping: by a key agreement.
    Generic,
    /// Integrated mapping: it is hashed to one, together with a nonce of the reader.
    Integrated,
    /// Generic mapping, after which the chip proves that it knows the private key of EF.CardSecurity.
    ChipAuthentication,
}

/// What kind of group the keys are of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Elliptic curves (ECDH).
    Elliptic,
    /// Prime fields (DH).
    Modp,
}

/// One of the protocols.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Protocol {
    /// What kind of group the keys are of.
    pub family: Family,
    /// How the nonce becomes a generator.
    pub mapping: Mapping,
    /// What protects the session.
    pub cipher: Cipher,
}

impl Protocol {
    /// id-PACE-ECDH-GM-AES-CBC-CMAC-128.
    pub const GM_AES_128: Self = Self {
        family: Family::Elliptic,
        mapping: Mapping::Generic,
        cipher: Cipher::Aes128,
    };

    /// By the contents of its OBJECT IDENTIFIER.
    #[must_use]
    pub fn from_oid(oid: &[u8]) -> Option<Self> {
        let &[mapping, cipher] = oid.strip_prefix(&ID_PACE)? else {
            return None;
        };
        let (family, mapping) = match mapping {
            1 => (Family::Modp, Mapping::Generic),
            2 => (Family::Elliptic, Mapping::Generic),
            3 => (Family::Modp, Mapping::Integrated),
            4 => (Family::Elliptic, Mapping::Integrated),
            6 => (Family::Elliptic, Mapping::ChipAuthentication),
            _ => return None,
        };
        let cipher = Cipher::from_arc(cipher)?;
        // The proof of chip-authentication mapping is defined for AES only.
        (mapping != Mapping::ChipAuthentication || cipher != Cipher::TripleDes).then_some(Self {
            family,
            mapping,
            cipher,
        })
    }

    /// The contents of its OBJECT IDENTIFIER.
    #[must_use]
    pub fn oid(self) -> [u8; 10] {
        let mut oid = [0; 10];
        oid[..8].copy_from_slice(&ID_PACE);
        oid[8] = match (self.family, self.mapping) {
            (Family::Modp, Mapping::Generic) => 1,
            (Family::Elliptic, Mapping::Generic) => 2,
            (Family::Modp, Mapping::Integrated) => 3,
            (Family::Elliptic, Mapping::Integrated) => 4,
            // Of prime fields there is none.
            (_, Mapping::ChipAuthentication) => 6,
        };
        oid[9] = self.cipher.arc();
        oid
    }
}

/// One way of PACE that a chip offers and this reader supports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Offer {
    /// Mapping and cipher.
    pub protocol: Protocol,
    /// The group, of the protocol's family.
    pub group: Group,
    /// The chip offers the same protocol over several groups, so the one that is meant must be named.
    pub ambiguous: bool,
}

impl std::fmt::Display for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Protocol { mapping, cipher, .. } = self.protocol;
        let mapping = match mapping {
            Mapping::Generic => "generic mapping",
            Mapping::Integrated => "integrated mapping",
            Mapping::ChipAuthentication => "chip-authentication mapping",
        };
        write!(f, "PACE with {mapping}, {}, {cipher:?}", self.group)
    }
}

/// The ways in EF.CardAccess that are supported, in the order of the file; nothing if the file is malformed.
#[must_use]
pub fn offers(card_access: &[u8]) -> Option<Vec<Offer>> {
    let infos = SecurityInfos::from_card_access(card_access).ok()?;
    let named: Vec<_> = infos
        .infos()
        .iter()
        .filter_map(|info| match info {
            SecurityInfo::Pace {
                protocol,
                parameter_id,
            } => Some((protocol.as_bytes(), *parameter_id)),
            _ => None,
        })
        .collect();
    let offers = named.iter().filter_map(|(oid, id)| {
        let protocol = Protocol::from_oid(oid)?;
        Some(Offer {
            protocol,
            group: Group::from_parameter_id(protocol.family, (*id)?)?,
            ambiguous: named.iter().filter(|(other, _)| other == oid).count() > 1,
        })
    });
    Some(offers.collect())
}

/// The private numbers of one side, fresh for every run.
#[derive(Clone)]
pub struct Ephemeral {
    /// For the mapping: a private number, or the reader's nonce of integrated mapping.
    pub map: Scalar,
    /// For the key agreement.
    pub agree: Scalar,
}

impl Ephemeral {
    /// Fresh ones.
    pub fn random(protocol: Protocol, group: Group, random: &mut impl Rng) -> Self {
        Self {
            map: protocol.draw(group, random),
            agree: group.random_scalar(random),
        }
    }
}

impl std::fmt::Debug for Ephemeral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ephemeral(…)")
    }
}

/// Encrypts the nonce: the chip's first step.
#[must_use]
pub fn encrypt_nonce(password: &Password, cipher: Cipher, nonce: &[u8]) -> Vec<u8> {
    let mut blocks = nonce.to_vec();
    nonce_suite(password, cipher).encrypt_nonce(&mut blocks);
    blocks
}

/// Decrypts the nonce: the reader's first step.
fn decrypt_nonce(password: &Password, cipher: Cipher, encrypted: Vec<u8>) -> Zeroizing<Vec<u8>> {
    let mut nonce = Zeroizing::new(encrypted);
    nonce_suite(password, cipher).decrypt_nonce(&mut nonce);
    nonce
}

fn nonce_suite(password: &Password, cipher: Cipher) -> Suite {
    let key = password.pace_key(cipher);
    Suite::new(cipher, &key, &key)
}

/// What both sides agreed on.
pub struct Agreement {
    protocol: Protocol,
    secret: Scalar,
}

impl Agreement {
    /// From the shared secret.
    #[must_use]
    pub fn new(protocol: Protocol, secret: Scalar) -> Self {
        Self { protocol, secret }
    }

    /// The token by which one side proves that it knows the keys: over the *other* side's ephemeral public key.
    #[must_use]
    pub fn token(&self, public: &[u8]) -> [u8; 8] {
        self.suite().token(&self.protocol.key_object(public))
    }

    /// Opens the proof of chip-authentication mapping: the number that leads from the static to the mapping key.
    #[must_use]
    pub fn open_proof(&self, mut encrypted: Vec<u8>) -> Option<Scalar> {
        let block = self.protocol.cipher.block();
        if encrypted.is_empty() || !encrypted.len().is_multiple_of(block) {
            return None;
        }
        self.suite().decrypt(&PROOF_COUNTER, &mut encrypted);
        unpad(&mut encrypted, block)?;
        Some(Zeroizing::new(encrypted))
    }

    /// Encrypts that proof: the chip's part.
    #[must_use]
    pub fn seal_proof(&self, number: &[u8]) -> Vec<u8> {
        let mut proof = number.to_vec();
        super::cipher::pad(&mut proof, self.protocol.cipher.block());
        self.suite().encrypt(&PROOF_COUNTER, &mut proof);
        proof
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.protocol.cipher, &self.secret)
    }

    fn suite(&self) -> Suite {
        Suite::derive(self.protocol.cipher, &self.secret)
    }
}

/// The proof of chip-authentication mapping starts at the encrypted block of ones (Doc 9303-11, section 4.4.3.3.3).
const PROOF_COUNTER: [u8; 16] = [0xFF; 16];

impl std::fmt::Debug for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Agreement(…)")
    }
}

/// A run that went well.
pub(super) struct Opened {
    /// What protects the session from now on.
    pub(super) channel: SecureChannel,
    /// The chip's ephemeral public key, by which terminal authentication names it.
    pub(super) ephemeral: Point,
    /// Our own, by which it names this session after chip-authentication mapping.
    pub(super) own: Point,
    /// The chip's mapping key and the number that must lead to it from the static key, if that was the mapping.
    pub(super) proof: Option<(Point, Scalar)>,
}

/// Opens a chip.
pub(super) async fn open(
    card: &mut Card,
    offer: Offer,
    password: &Password,
    own: &Ephemeral,
) -> Result<Opened, Fault> {
    let garbled = |what: &str| Fault::new(&fault::GARBLED, format!("PACE {what}"));
    let Offer { protocol, group, .. } = offer;
    let mut parameters = Vec::with_capacity(18);
    tlv::push(&mut parameters, 0x80, &protocol.oid());
    tlv::push(&mut parameters, 0x83, &[password.reference()]);
    if offer.ambiguous {
        tlv::push(&mut parameters, 0x84, &[group.parameter_id()]);
    }
    let set = Command::new(0, 0x22, 0xC1, 0xA4).data(&parameters);
    let set = card.expect("MSE:Set AT", &set).await;
    set.map_err(|fault| match password {
        Password::Can(_) if fault.code == &fault::REFUSED => Fault::new(&fault::NO_CAN, fault.detail),
        _ => fault,
    })?;

    let encrypted = step(card, None, Some(0x80)).await?.value;
    // One or two blocks of AES are what chips draw.
    if ![16, 32].contains(&encrypted.len()) {
        return Err(garbled("nonce"));
    }
    let nonce = decrypt_nonce(password, protocol.cipher, encrypted);
    let (generator, mapping_key) = mapped(card, offer, &nonce, own).await?;

    let mine = group
        .public_over(&own.agree, &generator)
        .ok_or_else(|| garbled("generator"))?;
    let ephemeral = step(card, Some((0x83, &mine)), Some(0x84)).await?.value;
    if mine == ephemeral {
        return Err(garbled("ephemeral key is our own"));
    }
    let secret = group
        .agree(&own.agree, &ephemeral)
        .ok_or_else(|| garbled("ephemeral key"))?;
    let agreement = Agreement::new(protocol, secret);

    let token = agreement.token(&ephemeral);
    let last = step(card, Some((0x85, &token)), Some(LAST)).await?;
    if !bool::from(last.value.ct_eq(&agreement.token(&mine))) {
        return Err(Fault::new(&fault::ACCESS_DENIED, "PACE token of the chip"));
    }
    let proof = match protocol.mapping {
        Mapping::Generic | Mapping::Integrated => None,
        Mapping::ChipAuthentication => {
            let number = last.proof.and_then(|proof| agreement.open_proof(proof));
            Some((
                mapping_key,
                number.ok_or_else(|| garbled("chip authentication data"))?,
            ))
        }
    };
    Ok(Opened {
        channel: SecureChannel::new(agreement.session()),
        ephemeral,
        own: mine,
        proof,
    })
}

/// The mapping: the ephemeral generator, and the chip's mapping key if it has one.
async fn mapped(
    card: &mut Card,
    offer: Offer,
    nonce: &[u8],
    own: &Ephemeral,
) -> Result<(Point, Point), Fault> {
    let garbled = |what: &str| Fault::new(&fault::GARBLED, format!("PACE {what}"));
    let Offer { protocol, group, .. } = offer;
    if protocol.mapping == Mapping::Integrated {
        if nonce.len() != protocol.nonce_bytes() {
            return Err(garbled("nonce"));
        }
        // The chip has nothing to add; some say so with an empty object.
        step(card, Some((0x81, &own.map)), None).await?;
        let generator = group.map_integrated(protocol, nonce, &own.map);
        return Ok((generator.ok_or_else(|| garbled("nonce"))?, Vec::new()));
    }
    // Our own numbers are in range, so nothing here can only mean the peer's value.
    let mine = group.public(&own.map).ok_or_else(|| garbled("mapping"))?;
    let mapping_key = step(card, Some((0x81, &mine)), Some(0x82)).await?.value;
    if mine == mapping_key {
        return Err(garbled("mapping key is our own"));
    }
    let generator = group
        .map(nonce, &own.map, &mapping_key)
        .ok_or_else(|| garbled("mapping key"))?;
    Ok((generator, mapping_key))
}

/// What one step brought.
struct Answer {
    value: Vec<u8>,
    /// Encrypted chip-authentication data, which may come with the last step.
    proof: Option<Vec<u8>>,
}

/// The tag of the last answer: the chip's token.
const LAST: u16 = 0x86;

/// One GENERAL AUTHENTICATE: an object out, an object back, or whatever is back if none is named.
async fn step(card: &mut Card, send: Option<(u16, &[u8])>, receive: Option<u16>) -> Result<Answer, Fault> {
    let mut inner = Vec::with_capacity(100);
    if let Some((tag, value)) = send {
        tlv::push(&mut inner, tag, value);
    }
    let mut data = Vec::with_capacity(102);
    tlv::push(&mut data, 0x7C, &inner);
    let last = receive == Some(LAST);
    let name = receive.map_or_else(|| "of the mapping".to_owned(), |tag| format!("{tag:02X}"));
    let cla = if last { 0x00 } else { 0x10 };
    let (answer, status) = card
        .send(&Command::new(cla, 0x86, 0, 0).data(&data).le(256))
        .await?;
    match status {
        Status::Success => {}
        // A chip finds a wrong password only by the token.
        Status::VerificationFailed | Status::TriesLeft(_) if last => {
            return Err(Fault::new(&fault::ACCESS_DENIED, format!("PACE {status}")));
        }
        _ => {
            return Err(Fault::new(&fault::REFUSED, format!("PACE step {name} {status}")));
        }
    }
    let garbled = || Fault::new(&fault::GARBLED, format!("PACE step {name}"));
    let objects: Result<Vec<_>, _> = tlv::objects(tlv::only(0x7C, &answer).ok_or_else(garbled)?).collect();
    let objects = objects.map_err(|_| garbled())?;
    // Only the last answer may hold more: that data, and the names of the authorities that the chip trusts.
    if objects.len() > 1 && !last {
        return Err(garbled());
    }
    let find = |tag| {
        objects
            .iter()
            .find(|object| object.tag == tag)
            .map(|object| object.value.to_vec())
    };
    let value = match receive {
        Some(tag) => find(tag).ok_or_else(garbled)?,
        None => Vec::new(),
    };
    Ok(Answer {
        value,
        proof: find(0x8A),
    })
}

#[cfg(test)]
mod tests;
