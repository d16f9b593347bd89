//! Basic Access Control (Doc 9303-11, section 4.3): kept for chips without PACE until 2027-12-31.

use rand_chacha::rand_core::Rng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::apdu::{Command, Status};
use super::cipher::{Cipher, Session, Suite};
use super::fault;
use super::kdf::{self, Key};
use super::link::Card;
use super::password::MrzKey;
use super::sm::SecureChannel;
use crate::base::Fault;

/// What one side contributes: its challenge and its half of the session key.
#[derive(Clone)]
pub struct Share {
    /// The challenge, RND.IFD or RND.IC.
    pub challenge: [u8; 8],
    /// The key half, K.IFD or K.IC.
    pub key: Key,
}

impl Share {
    /// A fresh one.
    pub fn random(random: &mut impl Rng) -> Self {
        let mut share = Self {
            challenge: [0; 8],
            key: Zeroizing::new(vec![0; 16]),
        };
        random.fill_bytes(&mut share.challenge);
        random.fill_bytes(&mut share.key);
        share
    }
}

/// The keys that both sides derive from the machine-readable zone.
#[derive(Debug)]
pub struct Keys(Suite);

impl Keys {
    /// From the MRZ.
    #[must_use]
    pub fn new(mrz: &MrzKey) -> Self {
        Self(Suite::derive(
            Cipher::TripleDes,
            &kdf::bac_seed(&mrz.information()),
        ))
    }

    /// One side's proof: `E(own challenge ‖ peer's challenge ‖ own key) ‖ MAC`.
    #[must_use]
    pub fn seal(&self, own: &Share, peer: &[u8; 8]) -> [u8; 40] {
        let mut proof = [0; 40];
        proof[..8].copy_from_slice(&own.challenge);
        proof[8..16].copy_from_slice(peer);
        proof[16..32].copy_from_slice(&own.key);
        self.0.encrypt(&[0; 16], &mut proof[..32]);
        let checksum = self.0.checksum(&[&proof[..32]]);
        proof[32..].copy_from_slice(&checksum);
        proof
    }

    /// Opens the other side's proof: its share, and the challenge it answers. Nothing if the keys differ.
    #[must_use]
    pub fn open(&self, proof: &[u8]) -> Option<(Share, [u8; 8])> {
        let (cryptogram, checksum) = proof.split_first_chunk::<32>()?;
        if !bool::from(self.0.checksum(&[cryptogram]).ct_eq(checksum)) {
            return None;
        }
        let mut plain = Zeroizing::new(*cryptogram);
        self.0.decrypt(&[0; 16], &mut *plain);
        let mut share = Share {
            challenge: [0; 8],
            key: Zeroizing::new(vec![0; 16]),
        };
        let mut answered = [0; 8];
        share.challenge.copy_from_slice(&plain[..8]);
        answered.copy_from_slice(&plain[8..16]);
        share.key.copy_from_slice(&plain[16..]);
        Some((share, answered))
    }
}

/// The session that both shares make.
#[must_use]
pub fn session(ifd: &Share, ic: &Share) -> Session {
    let mut seed = ifd.key.clone();
    for (mine, theirs) in seed.iter_mut().zip(ic.key.iter()) {
        *mine ^= theirs;
    }
    let mut counter = [0; 8];
    counter[..4].copy_from_slice(&ic.challenge[4..]);
    counter[4..].copy_from_slice(&ifd.challenge[4..]);
    Session::after_bac(&seed, counter)
}

/// Opens a chip whose application is selected.
pub(super) async fn open(card: &mut Card, mrz: &MrzKey, own: Share) -> Result<SecureChannel, Fault> {
    let challenge = card
        .expect("GET CHALLENGE", &Command::new(0, 0x84, 0, 0).le(8))
        .await?;
    let challenge =
        <[u8; 8]>::try_from(&challenge[..]).map_err(|_| Fault::new(&fault::GARBLED, "GET CHALLENGE"))?;
    let keys = Keys::new(mrz);
    let proof = keys.seal(&own, &challenge);
    let (answer, status) = card
        .send(&Command::new(0, 0x82, 0, 0).data(&proof).le(40))
        .await?;
    let denied = |why: String| Fault::new(&fault::ACCESS_DENIED, why);
    if status != Status::Success {
        return Err(denied(format!("EXTERNAL AUTHENTICATE {status}")));
    }
    let (peer, answered) = keys
        .open(&answer)
        .ok_or_else(|| denied("proof of the chip".into()))?;
    if peer.challenge != challenge || !bool::from(answered.ct_eq(&own.challenge)) {
        return Err(denied("the chip answers another challenge".into()));
    }
    Ok(SecureChannel::new(session(&own, &peer)))
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Share(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::dialogue::drive;
    use crate::chip::Conversation;
    use hex_literal::hex;

    /// Doc 9303-11, appendix D.3.
    struct AppendixD {
        mrz: MrzKey,
        ifd: Share,
        ic: Share,
    }

    fn appendix_d() -> AppendixD {
        AppendixD {
            mrz: MrzKey::new("L898902C", "690806", "940623").unwrap(),
            ifd: Share {
                challenge: hex!("781723860C06C226"),
                key: hex!("0B795240CB7049B01C19B33E32804F0B").to_vec().into(),
            },
            ic: Share {
                challenge: hex!("4608F91988702212"),
                key: hex!("0B4F80323EB3191CB04970CB4052790B").to_vec().into(),
            },
        }
    }

    const E_IFD: [u8; 40] =
        hex!("72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A7");
    const E_IC: [u8; 40] =
        hex!("46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449");

    #[test]
    fn keys_of_appendix_d_2() {
        let seed = kdf::bac_seed(&appendix_d().mrz.information());
        assert_eq!(
            *kdf::derive(&seed, kdf::Purpose::Encrypt, Cipher::TripleDes),
            hex!("AB94FDECF2674FDFB9B391F85D7F76F2")
        );
        assert_eq!(
            *kdf::derive(&seed, kdf::Purpose::Authenticate, Cipher::TripleDes),
            hex!("7962D9ECE03D1ACD4C76089DCE131543")
        );
    }

    #[test]
    fn both_proofs_of_appendix_d_3() {
        let d = appendix_d();
        let keys = Keys::new(&d.mrz);
        assert_eq!(keys.seal(&d.ifd, &d.ic.challenge), E_IFD);
        assert_eq!(keys.seal(&d.ic, &d.ifd.challenge), E_IC);
        let (peer, answered) = keys.open(&E_IC).unwrap();
        assert_eq!((peer.challenge, answered), (d.ic.challenge, d.ifd.challenge));
        assert_eq!(*peer.key, *d.ic.key);
        let mut wrong = E_IC;
        wrong[39] ^= 1;
        assert!(keys.open(&wrong).is_none() && keys.open(&E_IC[..31]).is_none());
    }

    #[test]
    fn session_keys_of_appendix_d_3() {
        let seed = hex!("0036D272F5C350ACAC50C3F572D23600");
        assert_eq!(
            *kdf::derive(&seed, kdf::Purpose::Encrypt, Cipher::TripleDes),
            hex!("979EC13B1CBFE9DCD01AB0FED307EAE5")
        );
        assert_eq!(
            *kdf::derive(&seed, kdf::Purpose::Authenticate, Cipher::TripleDes),
            hex!("F1CB1F1FB5ADF208806B89DC579DC1F8")
        );
    }

    #[test]
    fn the_conversation_of_appendix_d() {
        let d = appendix_d();
        let mut said = Vec::new();
        let protected = drive(
            &mut Conversation::new(async |mut card| {
                let mut channel = open(&mut card, &d.mrz, d.ifd).await?;
                Ok(channel.protect(&Command::new(0, 0xA4, 2, 0x0C).data(&[0x01, 0x1E])))
            }),
            |command| {
                said.push(command.to_vec());
                Some(match said.len() {
                    1 => hex!("4608F919887022129000").to_vec(),
                    _ => [&E_IC[..], &[0x90, 0]].concat(),
                })
            },
        );
        assert_eq!(
            protected.unwrap(),
            hex!("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800")
        );
        assert_eq!(said[0], hex!("0084000008"));
        assert_eq!(said[1], [&hex!("0082000028")[..], &E_IFD, &[0x28]].concat());
    }
}
