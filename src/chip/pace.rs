//! Password Authenticated Connection Establishment, ECDH with generic mapping and AES-128 (Doc 9303-11, section 4.4;
//! TR-03110-3, section A.3).

use aes::Aes128;
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use rand_chacha::rand_core::Rng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::apdu::{Command, Status};
use super::cipher::Session;
use super::curve::{Curve, Point, Scalar};
use super::kdf::{self, Key, Purpose};
use super::link::Card;
use super::password::Password;
use super::sm::SecureChannel;
use super::{fault, tlv};
use crate::base::Fault;

/// id-PACE-ECDH-GM-AES-CBC-CMAC-128, contents of the OBJECT IDENTIFIER.
pub const ECDH_GM_AES_128: [u8; 10] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x04, 0x02, 0x02];

/// One way of PACE that a chip offers and this reader supports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Offer {
    /// The curve.
    pub curve: Curve,
    /// Its number of standardized domain parameters.
    pub parameter_id: u8,
    /// The chip offers the same protocol over several curves, so the one that is meant must be named.
    pub ambiguous: bool,
}

/// The first way in EF.CardAccess that is supported; nothing if there is none, or the file is malformed.
#[must_use]
pub fn offer(card_access: &[u8]) -> Option<Offer> {
    let infos: Option<Vec<_>> = tlv::objects(tlv::only(0x31, card_access)?)
        .map(|info| pace_info(info.ok()?.value))
        .collect();
    let ours: Vec<u8> = infos?.into_iter().flatten().collect();
    let (parameter_id, curve) = ours
        .iter()
        .find_map(|id| Some((*id, Curve::from_parameter_id(*id)?)))?;
    Some(Offer {
        curve,
        parameter_id,
        ambiguous: ours.len() > 1,
    })
}

/// The parameter id of a PACEInfo of our protocol, `Some(None)` for any other SecurityInfo, nothing if it is malformed.
fn pace_info(info: &[u8]) -> Option<Option<u8>> {
    let protocol = tlv::read(info)?;
    if protocol.tag != 0x06 {
        return None;
    }
    if protocol.value != ECDH_GM_AES_128 {
        return Some(None);
    }
    let version = tlv::read(protocol.rest)?;
    if (version.tag, version.value) != (0x02, &[2]) {
        return Some(None);
    }
    match tlv::only(0x02, version.rest) {
        Some(&[id]) => Some(Some(id)),
        _ => Some(None),
    }
}

/// The private numbers of one side, fresh for every run.
#[derive(Clone)]
pub struct Ephemeral {
    /// For the mapping.
    pub map: Scalar,
    /// For the key agreement.
    pub agree: Scalar,
}

impl Ephemeral {
    /// Fresh ones.
    pub fn random(curve: Curve, random: &mut impl Rng) -> Self {
        Self {
            map: curve.random_scalar(random),
            agree: curve.random_scalar(random),
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
pub fn encrypt_nonce(password: &Key, nonce: &[u8; 16]) -> [u8; 16] {
    let mut block = Block::<Aes128>::from(*nonce);
    Aes128::new((&**password).into()).encrypt_block(&mut block);
    block.into()
}

/// Decrypts the nonce: the reader's first step.
#[must_use]
pub fn decrypt_nonce(password: &Key, encrypted: &[u8; 16]) -> Zeroizing<[u8; 16]> {
    let mut block = Block::<Aes128>::from(*encrypted);
    Aes128::new((&**password).into()).decrypt_block(&mut block);
    Zeroizing::new(block.into())
}

/// What both sides agreed on.
pub struct Agreement {
    secret: Zeroizing<[u8; 32]>,
}

impl Agreement {
    /// From the shared point, of which only x counts.
    #[must_use]
    pub fn new(shared: &Point) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&shared[1..33]);
        Self { secret }
    }

    /// The token by which one side proves that it knows the keys: over the *other* side's ephemeral public key.
    #[must_use]
    pub fn token(&self, public: &Point) -> [u8; 8] {
        let key = kdf::derive(&*self.secret, Purpose::Authenticate);
        let mut mac = Cmac::<Aes128>::new((&*key).into());
        mac.update(&[0x7F, 0x49, 0x4F, 0x06, 0x0A]);
        mac.update(&ECDH_GM_AES_128);
        mac.update(&[0x86, 0x41]);
        mac.update(public);
        let mut token = [0; 8];
        token.copy_from_slice(&mac.finalize().into_bytes()[..8]);
        token
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::aes(&*self.secret)
    }
}

impl std::fmt::Debug for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Agreement(…)")
    }
}

/// Opens a chip.
pub(super) async fn open(
    card: &mut Card,
    offer: Offer,
    password: &Password,
    own: &Ephemeral,
) -> Result<SecureChannel, Fault> {
    let garbled = |what: &str| Fault::new(&fault::GARBLED, format!("PACE {what}"));
    let curve = offer.curve;
    let mut parameters = Vec::with_capacity(18);
    tlv::push(&mut parameters, 0x80, &ECDH_GM_AES_128);
    tlv::push(&mut parameters, 0x83, &[password.reference()]);
    if offer.ambiguous {
        tlv::push(&mut parameters, 0x84, &[offer.parameter_id]);
    }
    card.expect("MSE:Set AT", &Command::new(0, 0x22, 0xC1, 0xA4).data(&parameters))
        .await?;

    let encrypted: [u8; 16] = general_authenticate(card, None, 0x80).await?;
    let nonce = decrypt_nonce(&password.pace_key(), &encrypted);

    // Our own numbers are in range, so nothing here can only mean the peer's point.
    let mine = curve.public(&own.map).ok_or_else(|| garbled("mapping"))?;
    let theirs: Point = general_authenticate(card, Some((0x81, &mine)), 0x82).await?;
    if mine == theirs {
        return Err(garbled("mapping key is our own"));
    }
    let generator = curve
        .map(&nonce, &own.map, &theirs)
        .ok_or_else(|| garbled("mapping key"))?;

    let mine = curve
        .multiply(&own.agree, &generator)
        .ok_or_else(|| garbled("generator"))?;
    let theirs: Point = general_authenticate(card, Some((0x83, &mine)), 0x84).await?;
    if mine == theirs {
        return Err(garbled("ephemeral key is our own"));
    }
    let shared = curve
        .multiply(&own.agree, &theirs)
        .ok_or_else(|| garbled("ephemeral key"))?;
    let agreement = Agreement::new(&shared);

    let token: [u8; 8] = general_authenticate(card, Some((0x85, &agreement.token(&theirs))), 0x86).await?;
    if !bool::from(token.ct_eq(&agreement.token(&mine))) {
        return Err(Fault::new(&fault::ACCESS_DENIED, "PACE token of the chip"));
    }
    Ok(SecureChannel::new(agreement.session()))
}

/// One GENERAL AUTHENTICATE: an object out, an object of fixed size back.
async fn general_authenticate<const N: usize>(
    card: &mut Card,
    send: Option<(u16, &[u8])>,
    receive: u16,
) -> Result<[u8; N], Fault> {
    let mut inner = Vec::with_capacity(67);
    if let Some((tag, value)) = send {
        tlv::push(&mut inner, tag, value);
    }
    let mut data = Vec::with_capacity(69);
    tlv::push(&mut data, 0x7C, &inner);
    let cla = if receive == 0x86 { 0x00 } else { 0x10 };
    let (answer, status) = card
        .send(&Command::new(cla, 0x86, 0, 0).data(&data).le(256))
        .await?;
    match status {
        Status::Success => {}
        // A chip finds a wrong password only by the token.
        Status::VerificationFailed if receive == 0x86 => {
            return Err(Fault::new(&fault::ACCESS_DENIED, format!("PACE {status}")));
        }
        _ => {
            return Err(Fault::new(
                &fault::REFUSED,
                format!("PACE step {receive:02X} {status}"),
            ));
        }
    }
    tlv::only(0x7C, &answer)
        .and_then(|inner| tlv::only(receive, inner))
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| Fault::new(&fault::GARBLED, format!("PACE step {receive:02X}")))
}

#[cfg(test)]
mod tests;
