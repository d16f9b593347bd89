//! From a pseudo-random number to a point: the encoding of PACE with integrated mapping (Doc 9303-11, appendix B, for
//! primes that leave 3 when divided by 4, as those of all curves here do).

use crypto_bigint::BoxedUint;
use crypto_bigint::modular::BoxedMontyForm;

use super::{EllipticCurve, Point};
use crate::pki::curve;
use crate::pki::modular::Ring;

/// The point of a number, which may be longer than the prime; nothing for the few numbers that have none.
pub(super) fn encode(curve: EllipticCurve, number: &[u8]) -> Option<Point> {
    let [prime, a, b, ..] = curve::numbers(curve).ok()?;
    let field = Ring::new(&prime)?;
    let (t, a, b) = (field.reduced(number)?, field.element(&a)?, field.element(&b)?);
    let inverse = |number: &BoxedMontyForm| number.invert().into_option();

    let alpha = t.square().neg();
    let sum = inverse(&alpha.add(&alpha.square()))?.add(&field.one());
    let x2 = b.neg().mul(&inverse(&a)?).mul(&sum);
    let h2 = x2.square().mul(&x2).add(&a.mul(&x2)).add(&b);
    // A root of h2, if it has one. If not, this leads to the root that appendix B takes of the curve at α·x2.
    let quarter = field.modulus().shr(2).wrapping_add(BoxedUint::one());
    let root = h2.pow(&quarter);
    let (x, y) = if root.square() == h2 {
        (x2, root)
    } else {
        (alpha.mul(&x2), t.square().mul(&t).mul(&root).neg())
    };
    let point = [&[0x04], &field.octets(&x)[..], &field.octets(&y)].concat();
    curve.has(&point).then_some(point)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_has_a_point(number in proptest::collection::vec(any::<u8>(), 96)) {
            for curve in EllipticCurve::ALL {
                prop_assert!(curve.has(&encode(curve, &number).unwrap()));
            }
        }
    }

    #[test]
    fn zero_has_none() {
        for curve in EllipticCurve::ALL {
            assert_eq!(encode(curve, &[0; 96]), None);
        }
    }
}
