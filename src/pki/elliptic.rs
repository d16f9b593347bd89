//! The elliptic curves of travel documents, over octet strings (BSI TR-03111, section 3.2.1; points uncompressed): key
//! agreement, the mapping of PACE, and ECDSA where ring does not know the curve or the digest.
//!
//! All have prime order and cofactor 1, so a point that is on the curve and not at infinity is in the right group.

mod encode;

use ecdsa::hazmat::{sign_prehashed_rfc6979, verify_prehashed};
use ecdsa::{EcdsaCurve, Signature};
use elliptic_curve::group::{Curve as _, Group as _};
use elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use elliptic_curve::{
    AffinePoint, CurveArithmetic, Field, FieldBytes, FieldBytesSize, NonZeroScalar, PrimeField,
    ProjectivePoint,
};
use rand_chacha::rand_core::Rng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// A point: `04 ‖ x ‖ y`.
pub type Point = Vec<u8>;
/// A private number, big-endian, as long as a coordinate.
pub type Scalar = Zeroizing<Vec<u8>>;

/// The curves that are known here.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EllipticCurve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// brainpoolP256r1 (RFC 5639).
    BrainpoolP256r1,
    /// brainpoolP384r1.
    BrainpoolP384r1,
}

/// Runs a function of [`Group`] on the curve that is meant.
macro_rules! on {
    ($curve:expr, $function:ident($($argument:expr),*)) => {
        match $curve {
            EllipticCurve::P256 => Group::<p256::NistP256>::$function($($argument),*),
            EllipticCurve::P384 => Group::<p384::NistP384>::$function($($argument),*),
            EllipticCurve::BrainpoolP256r1 => Group::<bp256::BrainpoolP256r1>::$function($($argument),*),
            EllipticCurve::BrainpoolP384r1 => Group::<bp384::BrainpoolP384r1>::$function($($argument),*),
        }
    };
}

impl EllipticCurve {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::P256,
        Self::P384,
        Self::BrainpoolP256r1,
        Self::BrainpoolP384r1,
    ];

    /// By the number of standardized domain parameters (BSI TR-03110-3, table 4).
    #[must_use]
    pub fn from_parameter_id(id: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|curve| u32::from(curve.parameter_id()) == id)
    }

    /// The number of standardized domain parameters.
    #[must_use]
    pub fn parameter_id(self) -> u8 {
        match self {
            Self::P256 => 12,
            Self::BrainpoolP256r1 => 13,
            Self::P384 => 15,
            Self::BrainpoolP384r1 => 16,
        }
    }

    /// Bytes of a coordinate, and of a private number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::P256 | Self::BrainpoolP256r1 => 32,
            Self::P384 | Self::BrainpoolP384r1 => 48,
        }
    }

    /// A private number from 1 to the order less 1, uniformly.
    pub fn random_scalar(self, random: &mut impl Rng) -> Scalar {
        let mut bytes = Zeroizing::new(vec![0; self.bytes()]);
        loop {
            random.fill_bytes(&mut bytes);
            // Drawn again if out of range: at worst one time in two, so the loop ends at once.
            if on!(self, is_scalar(&bytes)) {
                return bytes;
            }
        }
    }

    /// Is this a point of the curve, and not the one at infinity?
    #[must_use]
    pub fn has(self, point: &[u8]) -> bool {
        on!(self, has(point))
    }

    /// The public point of a private number; nothing if the number is out of range.
    #[must_use]
    pub fn public(self, scalar: &[u8]) -> Option<Point> {
        on!(self, public(scalar))
    }

    /// A multiple of a point; nothing if the point is not on the curve or anything is zero.
    #[must_use]
    pub fn multiply(self, scalar: &[u8], point: &[u8]) -> Option<Point> {
        on!(self, multiply(scalar, point))
    }

    /// ECDH: the x coordinate of the shared point.
    #[must_use]
    pub fn agree(self, scalar: &[u8], peer: &[u8]) -> Option<Scalar> {
        let shared = Zeroizing::new(self.multiply(scalar, peer)?);
        x_coordinate(&shared).map(|x| Zeroizing::new(x.to_vec()))
    }

    /// Generic mapping (Doc 9303-11, section 4.4.3.3.1): the ephemeral generator `nonce × G + scalar × peer`.
    #[must_use]
    pub fn map(self, nonce: &[u8], scalar: &[u8], peer: &[u8]) -> Option<Point> {
        on!(self, map(nonce, scalar, peer))
    }

    /// The point of a pseudo-random number, for integrated mapping (Doc 9303-11, section 4.4.3.3.2).
    #[must_use]
    pub fn encode(self, number: &[u8]) -> Option<Point> {
        encode::encode(self, number)
    }

    /// Whether this is the plain signature `r ‖ s` over a digest.
    #[must_use]
    pub fn verifies(self, point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
        on!(self, verifies(point, digest, signature)).is_some()
    }

    /// The plain signature `r ‖ s` over a digest, deterministic (RFC 6979); nothing if the number is out of range.
    #[must_use]
    pub fn sign(self, scalar: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
        on!(self, sign(scalar, digest))
    }
}

/// The first coordinate of an uncompressed point.
#[must_use]
pub fn x_coordinate(point: &[u8]) -> Option<&[u8]> {
    point.get(1..point.len().div_ceil(2))
}

struct Group<C>(std::marker::PhantomData<C>);

impl<C> Group<C>
where
    C: CurveArithmetic + EcdsaCurve,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    fn is_scalar(bytes: &[u8]) -> bool {
        Self::scalar(bytes).is_some()
    }

    fn has(point: &[u8]) -> bool {
        Self::decode(point).is_some()
    }

    fn public(scalar: &[u8]) -> Option<Point> {
        let scalar = Zeroizing::new(Self::scalar(scalar)?);
        Self::encode(&ProjectivePoint::<C>::mul_by_generator(&scalar))
    }

    fn multiply(scalar: &[u8], point: &[u8]) -> Option<Point> {
        let scalar = Zeroizing::new(Self::scalar(scalar)?);
        Self::encode(&(Self::decode(point)? * *scalar))
    }

    fn map(nonce: &[u8], scalar: &[u8], peer: &[u8]) -> Option<Point> {
        let radix = C::Scalar::from(0x100);
        let nonce = Zeroizing::new(nonce.iter().fold(C::Scalar::ZERO, |number, byte| {
            number * radix + C::Scalar::from(u64::from(*byte))
        }));
        let scalar = Zeroizing::new(Self::scalar(scalar)?);
        let shared = Self::decode(peer)? * *scalar;
        Self::encode(&(ProjectivePoint::<C>::mul_by_generator(&nonce) + shared))
    }

    fn verifies(point: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
        let signature = Signature::<C>::from_slice(signature).ok()?;
        verify_prehashed::<C>(&Self::decode(point)?, digest, &signature).ok()
    }

    fn sign(scalar: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
        let scalar = FieldBytes::<C>::try_from(scalar).ok()?;
        let scalar = Zeroizing::new(NonZeroScalar::<C>::from_repr(scalar).into_option()?);
        let (signature, _) = sign_prehashed_rfc6979::<C, Sha256>(&scalar, digest, &[]);
        Some(signature.to_bytes().to_vec())
    }

    fn scalar(bytes: &[u8]) -> Option<C::Scalar> {
        C::Scalar::from_repr(FieldBytes::<C>::try_from(bytes).ok()?)
            .into_option()
            .filter(|scalar| !bool::from(Field::is_zero(scalar)))
    }

    fn decode(point: &[u8]) -> Option<ProjectivePoint<C>> {
        // Any other first byte is a compressed or hybrid form, or the point at infinity.
        (point.first() == Some(&0x04)).then_some(())?;
        AffinePoint::<C>::from_sec1_bytes(point).ok().map(Into::into)
    }

    fn encode(point: &ProjectivePoint<C>) -> Option<Point> {
        if bool::from(point.is_identity()) {
            return None;
        }
        Some(point.to_affine().to_sec1_point(false).as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
    use sha2::Digest;

    /// The number one as long as this curve wants it.
    fn one(curve: EllipticCurve) -> Vec<u8> {
        let mut one = vec![0; curve.bytes()];
        *one.last_mut().unwrap() = 1;
        one
    }

    #[test]
    fn both_sides_reach_the_same_point() {
        let mut random = ChaCha20Rng::from_seed([7; 32]);
        for curve in EllipticCurve::ALL {
            let (a, b) = (curve.random_scalar(&mut random), curve.random_scalar(&mut random));
            let (pub_a, pub_b) = (curve.public(&a).unwrap(), curve.public(&b).unwrap());
            assert_eq!(pub_a.len(), 1 + 2 * curve.bytes());
            assert_eq!(curve.multiply(&a, &pub_b), curve.multiply(&b, &pub_a));
            assert_eq!(curve.agree(&a, &pub_b).unwrap().len(), curve.bytes());
            assert_eq!(curve.map(&[9; 16], &a, &pub_b), curve.map(&[9; 16], &b, &pub_a));
            let id = curve.parameter_id();
            assert_eq!(EllipticCurve::from_parameter_id(id.into()), Some(curve));
        }
        assert_eq!(EllipticCurve::from_parameter_id(17), None);
    }

    #[test]
    fn points_and_numbers_outside_the_group_are_refused() {
        for curve in EllipticCurve::ALL {
            let one = one(curve);
            let bytes = curve.bytes();
            let mut point = curve.public(&one).unwrap();
            assert!(curve.has(&point));
            assert_eq!(curve.multiply(&vec![0; bytes], &point), None);
            assert_eq!(curve.multiply(&vec![0xFF; bytes], &point), None);
            assert_eq!(curve.multiply(&one[1..], &point), None);
            assert_eq!(curve.multiply(&one, &point[..2 * bytes]), None);
            point[2 * bytes] ^= 1;
            assert_eq!(curve.multiply(&one, &point), None);
            assert_eq!(curve.map(&[1; 16], &one, &point), None);
            assert_eq!(curve.multiply(&one, &vec![0; 2 * bytes + 1]), None);
            assert!(!curve.has(&[0]) && !curve.has(&[]));
            // A point of another curve.
            for other in EllipticCurve::ALL.into_iter().filter(|other| *other != curve) {
                assert!(!curve.has(&other.public(&self::one(other)).unwrap()));
            }
        }
    }

    #[test]
    fn an_ephemeral_generator_at_infinity_is_refused() {
        // nonce × G + scalar × peer with peer = -(nonce × G) and scalar 1.
        let curve = EllipticCurve::P256;
        let minus_one = p256::FieldBytes::from(-p256::Scalar::ONE);
        let minus = curve.public(&minus_one).unwrap();
        assert_ne!(minus, curve.public(&one(curve)).unwrap());
        let mut nonce = [0; 16];
        nonce[15] = 1;
        assert_eq!(curve.map(&nonce, &one(curve), &minus), None);
    }

    #[test]
    fn only_the_right_signature_verifies() {
        let digest = Sha256::digest(b"sample");
        for curve in EllipticCurve::ALL {
            let key = vec![0x11; curve.bytes()];
            let point = curve.public(&key).unwrap();
            let mut signature = curve.sign(&key, &digest).unwrap();
            assert!(curve.verifies(&point, &digest, &signature));
            assert!(!curve.verifies(&point, &digest[1..], &signature));
            // Short and long digests are numbers, too.
            for digest in [&[7; 20][..], &[7; 64]] {
                assert!(curve.verifies(&point, digest, &curve.sign(&key, digest).unwrap()));
            }
            *signature.last_mut().unwrap() ^= 1;
            assert!(!curve.verifies(&point, &digest, &signature));
            assert!(!curve.verifies(&point, &digest, &[]));
            assert!(!curve.verifies(&point, &digest, &vec![0; 2 * curve.bytes()]));
        }
    }
}
