//! A chip's own key pairs, for active and for chip authentication, made off-card and injected.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use super::fault;
use super::profile::PutData;
use crate::base::{Fault, Secret};
use crate::pki::EllipticCurve;

/// The private keys of one chip, on P-256.
#[derive(Debug, Default)]
pub struct OwnKeys {
    /// Signs challenges.
    pub active_authentication: Option<Secret<[u8; 32]>>,
    /// Agrees on new session keys.
    pub chip_authentication: Option<Secret<[u8; 32]>>,
}

impl OwnKeys {
    /// The chip has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active_authentication.is_none() && self.chip_authentication.is_none()
    }

    /// As a bundle holds them: each key behind the tag by which the chip takes it.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // In one piece, so that no copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * ENCODED));
        for (what, key) in [
            (PutData::ActiveAuthentication, &self.active_authentication),
            (PutData::ChipAuthentication, &self.chip_authentication),
        ] {
            if let Some(key) = key {
                bytes.push(what.tag());
                bytes.extend(key.expose());
            }
        }
        bytes
    }

    /// From that form; nothing if it is not.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut keys = Self::default();
        while let Some((tag, behind)) = bytes.split_first() {
            let (key, rest) = behind.split_first_chunk()?;
            let is = |what: PutData| *tag == what.tag();
            let place = if is(PutData::ActiveAuthentication) {
                &mut keys.active_authentication
            } else if is(PutData::ChipAuthentication) {
                &mut keys.chip_authentication
            } else {
                return None;
            };
            if place.replace(Secret::new(*key)).is_some() {
                return None;
            }
            bytes = rest;
        }
        Some(keys)
    }
}

/// Bytes of one key in its bundle.
const ENCODED: usize = 1 + 32;

/// A P-256 key pair from a uniformly random seed, with a pairwise consistency test: another library derives the public
/// point from the private key and finds the same.
///
/// # Errors
/// `CHIP-004` if the test fails, which means broken hardware.
pub fn pair(seed: &Secret<[u8; 32]>) -> Result<(Secret<[u8; 32]>, [u8; 65]), Fault> {
    let broken = || Fault::new(&fault::MISUSE, "pairwise consistency test of a chip key");
    let mut random = ChaCha20Rng::from_seed(*seed.expose());
    let scalar = EllipticCurve::P256.random_scalar(&mut random);
    let point = EllipticCurve::P256.public(&scalar).ok_or_else(broken)?;
    let scalar = Secret::new(<[u8; 32]>::try_from(scalar.as_slice()).map_err(|_| broken())?);
    let point = <[u8; 65]>::try_from(point).map_err(|_| broken())?;
    EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        scalar.expose(),
        &point,
        &SystemRandom::new(),
    )
    .map_err(|_| broken())?;
    Ok((scalar, point))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_seeds_make_different_keys() {
        let (a, point_a) = pair(&Secret::new([1; 32])).unwrap();
        let (b, point_b) = pair(&Secret::new([2; 32])).unwrap();
        assert_ne!(a.expose(), b.expose());
        assert_ne!(point_a, point_b);
        assert_eq!(pair(&Secret::new([1; 32])).unwrap().1, point_a);
    }

    #[test]
    fn keys_come_out_of_their_bundle_as_they_went_in() {
        let key = |mark| Some(Secret::new([mark; 32]));
        let told = |keys: &OwnKeys| {
            let [active, agreement] = [&keys.active_authentication, &keys.chip_authentication];
            [active, agreement].map(|key| key.as_ref().map(|key| *key.expose()))
        };
        for (active, agreement) in [(key(1), key(2)), (key(1), None), (None, key(2)), (None, None)] {
            let keys = OwnKeys {
                active_authentication: active,
                chip_authentication: agreement,
            };
            let bytes = keys.encode();
            assert_eq!(told(&OwnKeys::decode(&bytes).unwrap()), told(&keys));
            assert_eq!(keys.is_empty(), bytes.is_empty());
            for cut in (1..bytes.len()).filter(|cut| *cut != ENCODED) {
                assert!(OwnKeys::decode(&bytes[..cut]).is_none(), "cut at {cut}");
            }
            if !keys.is_empty() {
                assert!(OwnKeys::decode(&[&bytes[..], &bytes[..ENCODED]].concat()).is_none());
            }
        }
        assert!(OwnKeys::decode(&[0x62; ENCODED]).is_none());
    }
}
