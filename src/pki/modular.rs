//! Numbers modulo an odd number, as octet strings of its length.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd};
use zeroize::Zeroizing;

/// `base ^ exponent mod modulus`, as long as the modulus; nothing if the modulus is even or the base is not below it.
#[must_use]
pub fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    if exponent.is_empty() {
        return None;
    }
    let ring = Ring::new(modulus)?;
    let exponent = Zeroizing::new(BoxedUint::from_be_slice_vartime(exponent));
    Some(ring.octets(&ring.element(base)?.pow(&exponent)))
}

/// `a × b mod modulus`, likewise.
#[must_use]
pub fn product(a: &[u8], b: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    let ring = Ring::new(modulus)?;
    Some(ring.octets(&ring.element(a)?.mul(&ring.element(b)?)))
}

/// `number mod modulus`, of a number of any length.
#[must_use]
pub fn remainder(number: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    let ring = Ring::new(modulus)?;
    Some(ring.octets(&ring.reduced(number)?))
}

/// `(modulus − 1) / divisor` for a divisor of that, as long as the modulus.
#[must_use]
pub(super) fn quotient(modulus: &[u8], divisor: &[u8]) -> Option<Vec<u8>> {
    let number = |octets: &[u8]| BoxedUint::from_be_slice(octets, bits(modulus.len())?).ok();
    let divisor = NonZero::new(number(divisor)?).into_option()?;
    // The modulus itself leaves 1: the quotient is the same.
    let (quotient, _) = number(modulus)?.div_rem(&divisor);
    let octets = quotient.to_be_bytes();
    Some(octets[octets.len() - modulus.len()..].to_vec())
}

/// A modulus and the numbers below it.
pub(super) struct Ring {
    parameters: BoxedMontyParams,
    modulus: NonZero<BoxedUint>,
    length: usize,
}

impl Ring {
    /// Nothing if the modulus is even.
    pub(super) fn new(modulus: &[u8]) -> Option<Self> {
        let number = BoxedUint::from_be_slice(modulus, bits(modulus.len())?).ok()?;
        let odd = Odd::new(number).into_option()?;
        Some(Self {
            modulus: odd.as_nz_ref().clone(),
            parameters: BoxedMontyParams::new_vartime(odd),
            length: modulus.len(),
        })
    }

    /// A number, if it is below the modulus.
    pub(super) fn element(&self, octets: &[u8]) -> Option<BoxedMontyForm> {
        let number = BoxedUint::from_be_slice(octets, bits(self.length)?).ok()?;
        (number < *self.modulus).then(|| self.form(number))
    }

    /// What a longer number leaves.
    pub(super) fn reduced(&self, octets: &[u8]) -> Option<BoxedMontyForm> {
        let number = Zeroizing::new(BoxedUint::from_be_slice(octets, bits(octets.len())?).ok()?);
        Some(self.form(number.rem(&self.modulus)))
    }

    /// The number one.
    pub(super) fn one(&self) -> BoxedMontyForm {
        BoxedMontyForm::one(&self.parameters)
    }

    /// The modulus itself.
    pub(super) fn modulus(&self) -> &BoxedUint {
        &self.modulus
    }

    /// As long as the modulus: precision is rounded up to whole limbs, and the zeros in front are not the number's.
    pub(super) fn octets(&self, element: &BoxedMontyForm) -> Vec<u8> {
        let octets = element.retrieve().to_be_bytes();
        octets[octets.len() - self.length..].to_vec()
    }

    fn form(&self, number: BoxedUint) -> BoxedMontyForm {
        BoxedMontyForm::new(number, &self.parameters)
    }
}

fn bits(octets: usize) -> Option<u32> {
    u32::try_from(octets.checked_mul(8)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers() {
        // 7^5 mod 33 = 16807 mod 33 = 10; 4^13 mod 497 = 445.
        assert_eq!(power(&[7], &[5], &[33]), Some(vec![10]));
        assert_eq!(power(&[0, 4], &[13], &[0x01, 0xF1]), Some(vec![0x01, 0xBD]));
        assert_eq!(product(&[7], &[5], &[33]), Some(vec![2]));
        for (base, exponent, modulus) in [
            (&[33][..], &[5][..], &[33][..]),
            (&[7], &[5], &[32]),
            (&[7], &[], &[33]),
            (&[], &[5], &[]),
        ] {
            assert_eq!(power(base, exponent, modulus), None);
        }
        assert_eq!(product(&[33], &[1], &[33]), None);
        let ring = Ring::new(&[33]).unwrap();
        assert_eq!(ring.octets(&ring.reduced(&[1, 0]).unwrap()), [25]);
        assert_eq!(ring.octets(&ring.one()), [1]);
    }
}
