//! A chip's own key pair for active authentication, made off-card and injected.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::fault;
use crate::base::{Fault, Secret};
use crate::pki::EllipticCurve;

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
}
