//! The elliptic-curve arithmetic of PACE, over octet strings (TR-03111, section 3.2.1; points uncompressed).
//!
//! Both curves have prime order, so a point that is on the curve and not the point at infinity is in the right group.

use elliptic_curve::group::{Curve as _, Group as _};
use elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use elliptic_curve::{
    AffinePoint, CurveArithmetic, Field, FieldBytes, FieldBytesSize, PrimeField, ProjectivePoint,
};
use rand_chacha::rand_core::Rng;
use zeroize::Zeroizing;

/// A point: `04 ‖ x ‖ y`.
pub type Point = [u8; 65];
/// A private number, big-endian.
pub type Scalar = Zeroizing<[u8; 32]>;

/// The curves that are supported, both of 256 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// brainpoolP256r1 (RFC 5639).
    BrainpoolP256r1,
}

/// Runs a function of [`Group`] on the curve that is meant.
macro_rules! on {
    ($curve:expr, $function:ident($($argument:expr),*)) => {
        match $curve {
            Curve::P256 => Group::<p256::NistP256>::$function($($argument),*),
            Curve::BrainpoolP256r1 => Group::<bp256::BrainpoolP256r1>::$function($($argument),*),
        }
    };
}

impl Curve {
    /// By the number of standardized domain parameters (TR-03110-3, table 4).
    #[must_use]
    pub fn from_parameter_id(id: u8) -> Option<Self> {
        match id {
            12 => Some(Self::P256),
            13 => Some(Self::BrainpoolP256r1),
            _ => None,
        }
    }

    /// A private number from 1 to the order less 1, uniformly.
    pub fn random_scalar(self, random: &mut impl Rng) -> Scalar {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            random.fill_bytes(&mut *bytes);
            // Drawn again if out of range: at worst one time in three, so the loop ends at once.
            if on!(self, is_scalar(&bytes)) {
                return bytes;
            }
        }
    }

    /// The public point of a private number; nothing if the number is out of range.
    #[must_use]
    pub fn public(self, scalar: &[u8; 32]) -> Option<Point> {
        on!(self, public(scalar))
    }

    /// A multiple of a point; nothing if the point is not on the curve or anything is zero.
    #[must_use]
    pub fn multiply(self, scalar: &[u8; 32], point: &Point) -> Option<Point> {
        on!(self, multiply(scalar, point))
    }

    /// Generic mapping (9303-11, section 4.4.3.3.1): the ephemeral generator `nonce × G + scalar × peer`.
    #[must_use]
    pub fn map(self, nonce: &[u8; 16], scalar: &[u8; 32], peer: &Point) -> Option<Point> {
        on!(self, map(nonce, scalar, peer))
    }
}

struct Group<C>(std::marker::PhantomData<C>);

impl<C> Group<C>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    FieldBytes<C>: From<[u8; 32]>,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    fn is_scalar(bytes: &[u8; 32]) -> bool {
        Self::scalar(bytes).is_some()
    }

    fn public(scalar: &[u8; 32]) -> Option<Point> {
        let scalar = Zeroizing::new(Self::scalar(scalar)?);
        Self::encode(&ProjectivePoint::<C>::mul_by_generator(&scalar))
    }

    fn multiply(scalar: &[u8; 32], point: &Point) -> Option<Point> {
        let scalar = Zeroizing::new(Self::scalar(scalar)?);
        Self::encode(&(Self::decode(point)? * *scalar))
    }

    fn map(nonce: &[u8; 16], scalar: &[u8; 32], peer: &Point) -> Option<Point> {
        let mut wide = Zeroizing::new([0; 32]);
        wide[16..].copy_from_slice(nonce);
        let nonce = Zeroizing::new(C::Scalar::from_repr((*wide).into()).into_option()?);
        let scalar = Zeroizing::new(Self::scalar(scalar)?);
        let shared = Self::decode(peer)? * *scalar;
        Self::encode(&(ProjectivePoint::<C>::mul_by_generator(&nonce) + shared))
    }

    fn scalar(bytes: &[u8; 32]) -> Option<C::Scalar> {
        C::Scalar::from_repr((*bytes).into())
            .into_option()
            .filter(|scalar| !bool::from(Field::is_zero(scalar)))
    }

    fn decode(point: &Point) -> Option<ProjectivePoint<C>> {
        // Any other first byte is a compressed or hybrid form of some other length.
        (point[0] == 0x04).then_some(())?;
        AffinePoint::<C>::from_sec1_bytes(point).ok().map(Into::into)
    }

    fn encode(point: &ProjectivePoint<C>) -> Option<Point> {
        if bool::from(point.is_identity()) {
            return None;
        }
        point.to_affine().to_sec1_point(false).as_bytes().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    #[test]
    fn both_sides_reach_the_same_point() {
        let mut random = ChaCha20Rng::from_seed([7; 32]);
        for curve in [Curve::P256, Curve::BrainpoolP256r1] {
            let (a, b) = (curve.random_scalar(&mut random), curve.random_scalar(&mut random));
            let (pub_a, pub_b) = (curve.public(&a).unwrap(), curve.public(&b).unwrap());
            assert_eq!(curve.multiply(&a, &pub_b), curve.multiply(&b, &pub_a));
            assert_eq!(curve.map(&[9; 16], &a, &pub_b), curve.map(&[9; 16], &b, &pub_a));
        }
    }

    #[test]
    fn points_and_numbers_outside_the_group_are_refused() {
        let one = {
            let mut one = [0; 32];
            one[31] = 1;
            one
        };
        for curve in [Curve::P256, Curve::BrainpoolP256r1] {
            let mut point = curve.public(&one).unwrap();
            assert_eq!(curve.multiply(&[0; 32], &point), None);
            assert_eq!(curve.multiply(&[0xFF; 32], &point), None);
            point[64] ^= 1;
            assert_eq!(curve.multiply(&one, &point), None);
            assert_eq!(curve.map(&[1; 16], &one, &point), None);
            assert_eq!(curve.multiply(&one, &[0; 65]), None);
        }
        // A point of the other curve.
        let foreign = Curve::P256.public(&one).unwrap();
        assert_eq!(Curve::BrainpoolP256r1.multiply(&one, &foreign), None);
    }

    #[test]
    fn an_ephemeral_generator_at_infinity_is_refused() {
        // nonce × G + scalar × peer with peer = -(nonce × G) and scalar 1.
        let mut one = [0; 32];
        one[31] = 1;
        let mut minus = Curve::P256.public(&one).unwrap();
        let order = p256::FieldBytes::from(-p256::Scalar::ONE);
        assert_ne!(Curve::P256.public(&order.into()).unwrap(), minus);
        minus = Curve::P256.public(&order.into()).unwrap();
        let mut nonce = [0; 16];
        nonce[15] = 1;
        assert_eq!(Curve::P256.map(&nonce, &one, &minus), None);
    }
}
