//! Chip Authentication (Doc 9303-11, section 6.2; BSI TR-03110-1, section 4.3, version 1): the chip proves that it
//! holds the static key that the state signed, and both sides move to new session keys.

use rand_chacha::rand_core::Rng;

use super::apdu::{Command, Status};
use super::cipher::{Cipher, Session};
use super::link::Card;
use super::sm::SecureChannel;
use super::tlv;
use crate::base::Fault;
use crate::document::security_info::{SecurityInfo, SecurityInfos};
use crate::pki::PublicKey;
use crate::pki::elliptic::{EllipticCurve, Point};

/// id-CA-ECDH, contents of the OBJECT IDENTIFIER without its last arc (cipher): 0.4.0.127.0.7.2.2.3.2.
pub const ID_CA_ECDH: [u8; 9] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x03, 0x02];

/// One way of chip authentication that a chip offers and this reader supports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// The curve of the static key.
    pub curve: EllipticCurve,
    /// The static public key.
    pub key: Point,
    /// What protects the session afterwards.
    pub cipher: Cipher,
    /// Which of several keys.
    pub key_id: Option<u32>,
}

/// What EF.DG14 says of chip authentication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Offered {
    /// Nothing: the chip has no key for it.
    Absent,
    /// A key or a protocol that is not supported here, such as Diffie-Hellman in a prime field.
    Unsupported,
    /// This.
    Supported(Offer),
}

/// The way of chip authentication that these infos offer, the strongest cipher first.
#[must_use]
pub fn offered(infos: &SecurityInfos) -> Offered {
    let keys: Vec<_> = infos
        .infos()
        .iter()
        .filter_map(|info| match info {
            SecurityInfo::ChipAuthenticationPublicKey { key, key_id, .. } => Some((key, *key_id)),
            _ => None,
        })
        .collect();
    if keys.is_empty() {
        return Offered::Absent;
    }
    let mut offers: Vec<Offer> = keys
        .iter()
        .filter_map(|(key, key_id)| {
            let PublicKey::Elliptic { curve, point, .. } = PublicKey::from_spki(key).ok()? else {
                return None;
            };
            Some(Offer {
                curve,
                key: point,
                cipher: cipher_of(infos, *key_id)?,
                key_id: *key_id,
            })
        })
        .collect();
    offers.sort_by_key(|offer| offer.cipher.arc());
    offers.pop().map_or(Offered::Unsupported, Offered::Supported)
}

/// The strongest cipher that is offered with this key. A key without a protocol means 3DES, as the first chips had it
/// (BSI TR-03110-3, section A.1.1.2).
fn cipher_of(infos: &SecurityInfos, id: Option<u32>) -> Option<Cipher> {
    let protocols: Vec<_> = infos
        .infos()
        .iter()
        .filter_map(|info| match info {
            SecurityInfo::ChipAuthentication { protocol, key_id } if *key_id == id => Some(protocol),
            _ => None,
        })
        .collect();
    if protocols.is_empty() {
        return Some(Cipher::TripleDes);
    }
    protocols
        .iter()
        .filter_map(|protocol| match protocol.as_bytes().strip_prefix(&ID_CA_ECDH)? {
            &[arc] => Cipher::from_arc(arc),
            _ => None,
        })
        .max_by_key(|cipher| cipher.arc())
}

/// Runs the protocol. On success everything that follows goes through the new keys, and the ephemeral public key by
/// which terminal authentication names this session is returned; nothing if the chip refuses. Whether the chip could
/// follow shows only with the next command.
pub(super) async fn run(
    card: &mut Card,
    offer: &Offer,
    random: &mut impl Rng,
) -> Result<Option<Point>, Fault> {
    let private = offer.curve.random_scalar(random);
    let agreed = offer.curve.agree(&private, &offer.key);
    let (Some(public), Some(secret)) = (offer.curve.public(&private), agreed) else {
        return Ok(None);
    };
    let status = match offer.cipher {
        Cipher::TripleDes => set_key_agreement(card, offer, &public).await?,
        Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256 => {
            general_authenticate(card, offer, &public).await?
        }
    };
    if status != Status::Success {
        return Ok(None);
    }
    card.secure(SecureChannel::new(Session::new(offer.cipher, &secret)));
    Ok(Some(public))
}

/// MSE:Set KAT, which carries the ephemeral key itself.
async fn set_key_agreement(card: &mut Card, offer: &Offer, public: &[u8]) -> Result<Status, Fault> {
    let mut data = Vec::with_capacity(100);
    tlv::push(&mut data, 0x91, public);
    push_key_id(&mut data, offer.key_id);
    let command = Command::new(0, 0x22, 0x41, 0xA6).data(&data);
    Ok(card.send(&command).await?.1)
}

/// MSE:Set AT, then GENERAL AUTHENTICATE with the ephemeral key.
async fn general_authenticate(card: &mut Card, offer: &Offer, public: &[u8]) -> Result<Status, Fault> {
    let mut protocol = ID_CA_ECDH.to_vec();
    protocol.push(offer.cipher.arc());
    let mut data = Vec::with_capacity(16);
    tlv::push(&mut data, 0x80, &protocol);
    push_key_id(&mut data, offer.key_id);
    let (_, status) = card.send(&Command::new(0, 0x22, 0x41, 0xA4).data(&data)).await?;
    if status != Status::Success {
        return Ok(status);
    }
    let (mut key, mut data) = (Vec::with_capacity(100), Vec::with_capacity(104));
    tlv::push(&mut key, 0x80, public);
    tlv::push(&mut data, 0x7C, &key);
    let command = Command::new(0, 0x86, 0, 0).data(&data).le(256);
    Ok(card.send(&command).await?.1)
}

/// A reference to one of several keys, as short as it can be written.
fn push_key_id(data: &mut Vec<u8>, key_id: Option<u32>) {
    if let Some(id) = key_id {
        let bytes = id.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
        tlv::push(data, 0x84, bytes.get(zeros..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::cipher::Suite;
    use crate::chip::kdf::{Purpose, derive};
    use hex_literal::hex;

    #[test]
    fn the_keys_of_the_published_agreement() {
        // The key agreement of OpenPACE's example of EAC on brainpoolP256r1.
        let curve = EllipticCurve::BrainpoolP256r1;
        let chip = hex!("7984674CF3B3A524BF929CE8A67FCF22173DA0BAD595EED6DEB72D22C542FA9D");
        let reader = hex!("A6A4D255C5BF7A77EC3D0553DB74F693CF044E18C98364D4977A296108AF19BD");
        let public = hex!(
            "04A44EBE5451DF7AADB01E459B8C928A87746A57927C8C28A6775C97A7E1FE8D9A46FF4A1CC7E4D1389AEA19758E4F75C2\
             8C598FD734AEBEB135337CF95BE12E94"
        );
        assert_eq!(curve.public(&chip).unwrap(), public);
        let secret = curve.agree(&reader, &public).unwrap();
        assert_eq!(
            secret[..],
            hex!("791DA04273CCFE862E52DF60347E2557192E1F8D7517822CE3D306056C1CDEB4")
        );
        let key = |purpose| derive(&secret, purpose, Cipher::Aes128).to_vec();
        assert_eq!(key(Purpose::Encrypt), hex!("74DFF1029B548FA273C13D86CE775A5B"));
        assert_eq!(
            key(Purpose::Authenticate),
            hex!("4AE4F2F70ABC8C4C3DA7588BE9A1C9E2")
        );
        // The example itself is of version 2, which no travel document has: a nonce of the chip goes into the keys, and
        // the chip proves them by a token over the reader's key.
        let with_nonce = [&secret[..], &hex!("4287B3072A3EDC60")].concat();
        let key = |purpose| derive(&with_nonce, purpose, Cipher::Aes128);
        let [encrypt, authenticate] = [Purpose::Encrypt, Purpose::Authenticate].map(key);
        assert_eq!(encrypt[..], hex!("94ABCD271AB7D9A5590BA52CB518B831"));
        assert_eq!(authenticate[..], hex!("78B5709E7ABEDB185B424D0EE3A82499"));
        let own = hex!(
            "045A7A377FC9CAFC03AC7FF45441A8B2909D88EAB8E6B0173847AB49B949DF3799A34EE57EC55268CF8B1C3EC489F8BF4C\
             F4C68D3FD9670E89C0D5D3FFF1AAF89F"
        );
        assert_eq!(curve.public(&reader).unwrap(), own);
        let mut object = Vec::new();
        tlv::push(&mut object, 0x06, &[&ID_CA_ECDH[..], &[2]].concat());
        tlv::push(&mut object, 0x86, &own);
        let mut input = Vec::new();
        tlv::push(&mut input, 0x7F49, &object);
        let token = Suite::new(Cipher::Aes128, &encrypt, &authenticate).token(&input);
        assert_eq!(token, hex!("FF0117D68DEE8E72"));
    }

    #[test]
    fn what_is_not_supported_is_not_absent() {
        // Doc 9303-10: a Diffie-Hellman key in a prime field.
        let infos = |set: &[u8]| SecurityInfos::from_card_access(set).unwrap();
        assert_eq!(offered(&infos(&hex!("3100"))), Offered::Absent);
        let diffie_hellman = hex!("31193017060904007F000702020101300A300506032A0304030100");
        assert_eq!(offered(&infos(&diffie_hellman)), Offered::Unsupported);
    }
}
