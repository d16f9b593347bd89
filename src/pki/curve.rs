//! Elliptic curves in certificates, named or with their parameters written out; P-256 keys are written in both ways.
//!
//! Doc 9303-12, section 4.4 (via BSI TR-03111) asks for explicit parameters, an uncompressed base point and the
//! cofactor; many tools only take names. On reading both count, explicit parameters only if every one of them equals
//! the curve's: we compute with our own constants and never with a certificate's (CVE-2020-0601).

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use serde::{Deserialize, Serialize};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::asn1;
use super::elliptic::EllipticCurve;
use super::fault;
use super::signature::STANDARDIZED_PARAMETERS;
use crate::base::Fault;

/// How a certificate says which curve its key is on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// By its parameters, as Doc 9303-12 asks.
    #[default]
    Explicit,
    /// By its object identifier, for tools that refuse parameters (OpenSSL 3 builds no path through them).
    Named,
}

impl Curve {
    /// The SubjectPublicKeyInfo of this P-256 point (uncompressed, 65 bytes).
    ///
    /// # Errors
    /// `PKI-001` if the point is not on the curve.
    pub fn spki(self, point: &[u8; 65]) -> Result<Vec<u8>, Fault> {
        self.spki_on(EllipticCurve::P256, point)
    }

    /// The SubjectPublicKeyInfo of an uncompressed point of this curve.
    ///
    /// # Errors
    /// `PKI-001` if the point is not on the curve.
    pub fn spki_on(self, curve: EllipticCurve, point: &[u8]) -> Result<Vec<u8>, Fault> {
        if !curve.has(point) {
            return Err(Fault::new(
                &fault::KEY_REFUSED,
                format!("the point is not on {curve:?}"),
            ));
        }
        let spki = || -> der::Result<Vec<u8>> {
            let name = name(curve);
            let parameters = match self {
                Self::Explicit => AnyRef::from_der(parameters(curve))?,
                Self::Named => AnyRef::from(&name),
            };
            SubjectPublicKeyInfoRef {
                algorithm: AlgorithmIdentifierRef {
                    oid: asn1::EC_PUBLIC_KEY,
                    parameters: Some(parameters),
                },
                subject_public_key: BitStringRef::from_bytes(point)?,
            }
            .to_der()
        };
        spki().map_err(|error| asn1::encoding("SubjectPublicKeyInfo", error))
    }
}

/// Which curve EC parameters mean, and how they say it; nothing if it is none we know or they differ in any number.
pub(crate) fn recognize(
    algorithm: ObjectIdentifier,
    parameters: AnyRef<'_>,
) -> Option<(EllipticCurve, Curve)> {
    if algorithm == STANDARDIZED_PARAMETERS {
        let curve = EllipticCurve::from_parameter_id(parameters.decode_as().ok()?)?;
        return Some((curve, Curve::Named));
    }
    if let Ok(oid) = parameters.decode_as::<ObjectIdentifier>() {
        let curve = EllipticCurve::ALL.into_iter().find(|curve| name(*curve) == oid)?;
        return Some((curve, Curve::Named));
    }
    let given = parameters.decode_as::<SpecifiedCurve<'_>>().ok()?;
    EllipticCurve::ALL
        .into_iter()
        .find(|curve| explicit(*curve).is_ok_and(|known| known.is_same_curve(&given)))
        .map(|curve| (curve, Curve::Explicit))
}

fn explicit(curve: EllipticCurve) -> der::Result<SpecifiedCurve<'static>> {
    SpecifiedCurve::from_der(parameters(curve))
}

/// The ECParameters of a curve, without seed.
fn parameters(curve: EllipticCurve) -> &'static [u8] {
    match curve {
        EllipticCurve::P256 => &P256_PARAMETERS,
        EllipticCurve::P384 => &P384_PARAMETERS,
        EllipticCurve::BrainpoolP256r1 => BRAINPOOL_P256R1_PARAMETERS,
        EllipticCurve::BrainpoolP384r1 => BRAINPOOL_P384R1_PARAMETERS,
    }
}

fn name(curve: EllipticCurve) -> ObjectIdentifier {
    match curve {
        EllipticCurve::P256 => SECP256R1,
        EllipticCurve::P384 => SECP384R1,
        EllipticCurve::BrainpoolP256r1 => BRAINPOOL_P256R1,
        EllipticCurve::BrainpoolP384r1 => BRAINPOOL_P384R1,
    }
}

/// The numbers of a curve as CV certificates have them (BSI TR-03110-3, appendix D.3.3): p, a, b, G and n.
pub(super) fn numbers(curve: EllipticCurve) -> der::Result<[Vec<u8>; 5]> {
    let known = explicit(curve)?;
    Ok([
        known.field.prime.as_bytes(),
        known.coefficients.a.as_bytes(),
        known.coefficients.b.as_bytes(),
        known.base.as_bytes(),
        known.order.as_bytes(),
    ]
    .map(<[u8]>::to_vec))
}

/// ECParameters (RFC 3279, section 2.3.5).
#[derive(Sequence)]
struct SpecifiedCurve<'a> {
    version: u8,
    field: Field<'a>,
    coefficients: Coefficients<'a>,
    base: &'a OctetStringRef,
    order: UintRef<'a>,
    #[asn1(optional = "true")]
    cofactor: Option<UintRef<'a>>,
}

#[derive(Eq, PartialEq, Sequence)]
struct Field<'a> {
    kind: ObjectIdentifier,
    prime: UintRef<'a>,
}

#[derive(Sequence)]
struct Coefficients<'a> {
    a: &'a OctetStringRef,
    b: &'a OctetStringRef,
    /// Where a and b were drawn from; proves nothing here and is not compared.
    #[asn1(optional = "true")]
    seed: Option<BitStringRef<'a>>,
}

impl SpecifiedCurve<'_> {
    /// p, a, b, G, n and h alike. The version only tells whether a seed follows.
    fn is_same_curve(&self, other: &Self) -> bool {
        self.field == other.field
            && self.coefficients.a == other.coefficients.a
            && self.coefficients.b == other.coefficients.b
            && self.base == other.base
            && self.order == other.order
            && self.cofactor == other.cofactor
    }
}

const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const BRAINPOOL_P256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7");
const BRAINPOOL_P384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11");

/// The ECParameters of the brainpool curves (RFC 5639, section 3) without seed, as OpenSSL writes them.
const BRAINPOOL_P256R1_PARAMETERS: &[u8] = include_bytes!("parameters/brainpoolP256r1.der");
const BRAINPOOL_P384R1_PARAMETERS: &[u8] = include_bytes!("parameters/brainpoolP384r1.der");

/// The ECParameters of P-256 (FIPS 186-4, D.1.2.3) without seed.
pub const P256_PARAMETERS: [u8; 227] = [
    0x30, 0x81, 0xE0, 0x02, 0x01, 0x01, // version 1
    0x30, 0x2C, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x01, 0x01, 0x02, 0x21,
    0x00, // prime field, p
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x30, 0x44,
    0x04, 0x20, // a
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC, 0x04,
    0x20, // b
    0x5A, 0xC6, 0x35, 0xD8, 0xAA, 0x3A, 0x93, 0xE7, 0xB3, 0xEB, 0xBD, 0x55, 0x76, 0x98, 0x86, 0xBC, 0x65,
    0x1D, 0x06, 0xB0, 0xCC, 0x53, 0xB0, 0xF6, 0x3B, 0xCE, 0x3C, 0x3E, 0x27, 0xD2, 0x60, 0x4B, 0x04, 0x41,
    0x04, // G
    0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2, 0x77,
    0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x4F, 0xE3,
    0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE, 0x33,
    0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5, 0x02, 0x21, 0x00, // n
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
    0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51, 0x02, 0x01,
    0x01, // h
];

/// The ECParameters of P-384 (FIPS 186-4, D.1.2.4) without seed.
const P384_PARAMETERS: [u8; 324] = [
    0x30, 0x82, 0x01, 0x40, 0x02, 0x01, 0x01, // version 1
    0x30, 0x3C, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x01, 0x01, 0x02, 0x31,
    0x00, // prime field, p
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF,
    0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x30, 0x64, 0x04,
    0x30, // a
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF,
    0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFC, 0x04, 0x30, // b
    0xB3, 0x31, 0x2F, 0xA7, 0xE2, 0x3E, 0xE7, 0xE4, 0x98, 0x8E, 0x05, 0x6B, 0xE3, 0xF8, 0x2D, 0x19, 0x18,
    0x1D, 0x9C, 0x6E, 0xFE, 0x81, 0x41, 0x12, 0x03, 0x14, 0x08, 0x8F, 0x50, 0x13, 0x87, 0x5A, 0xC6, 0x56,
    0x39, 0x8D, 0x8A, 0x2E, 0xD1, 0x9D, 0x2A, 0x85, 0xC8, 0xED, 0xD3, 0xEC, 0x2A, 0xEF, 0x04, 0x61,
    0x04, // G
    0xAA, 0x87, 0xCA, 0x22, 0xBE, 0x8B, 0x05, 0x37, 0x8E, 0xB1, 0xC7, 0x1E, 0xF3, 0x20, 0xAD, 0x74, 0x6E,
    0x1D, 0x3B, 0x62, 0x8B, 0xA7, 0x9B, 0x98, 0x59, 0xF7, 0x41, 0xE0, 0x82, 0x54, 0x2A, 0x38, 0x55, 0x02,
    0xF2, 0x5D, 0xBF, 0x55, 0x29, 0x6C, 0x3A, 0x54, 0x5E, 0x38, 0x72, 0x76, 0x0A, 0xB7, 0x36, 0x17, 0xDE,
    0x4A, 0x96, 0x26, 0x2C, 0x6F, 0x5D, 0x9E, 0x98, 0xBF, 0x92, 0x92, 0xDC, 0x29, 0xF8, 0xF4, 0x1D, 0xBD,
    0x28, 0x9A, 0x14, 0x7C, 0xE9, 0xDA, 0x31, 0x13, 0xB5, 0xF0, 0xB8, 0xC0, 0x0A, 0x60, 0xB1, 0xCE, 0x1D,
    0x7E, 0x81, 0x9D, 0x7A, 0x43, 0x1D, 0x7C, 0x90, 0xEA, 0x0E, 0x5F, 0x02, 0x31, 0x00, // n
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF, 0x58, 0x1A,
    0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A, 0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73, 0x02, 0x01,
    0x01, // h
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hex;
    use crate::pki::PublicKey;
    use crate::pki::testkit::SoftKey;

    fn explicit(change: impl Fn(&mut Vec<u8>)) -> Option<(EllipticCurve, Curve)> {
        let mut parameters = P256_PARAMETERS.to_vec();
        change(&mut parameters);
        recognize(asn1::EC_PUBLIC_KEY, AnyRef::from_der(&parameters).unwrap())
    }

    #[test]
    fn both_forms_give_the_point_back() {
        let key = SoftKey::new(1);
        for (curve, length) in [(Curve::Named, 91), (Curve::Explicit, 311)] {
            let spki = curve.spki(&key.point()).unwrap();
            assert_eq!(spki.len(), length);
            let read = PublicKey::from_spki(&spki).unwrap();
            assert_eq!(
                read,
                PublicKey::Elliptic {
                    curve: EllipticCurve::P256,
                    form: curve,
                    point: key.point().to_vec()
                }
            );
        }
        assert_eq!(Curve::Named.spki(&[4; 65]).unwrap_err().code, &fault::KEY_REFUSED);
    }

    #[test]
    fn one_different_number_is_another_curve() {
        assert_eq!(explicit(|_| ()), Some((EllipticCurve::P256, Curve::Explicit)));
        // The last byte of p, a, b, G, n and h.
        for place in [51, 87, 121, 188, 223, 226] {
            assert_eq!(explicit(|bytes| bytes[place] ^= 2), None, "byte {place}");
        }
    }

    #[test]
    fn the_curves_are_those_of_openssl() {
        let openssl = crate::pki::testkit::OpenSsl::new();
        for (name, curve) in [
            ("prime256v1", EllipticCurve::P256),
            ("secp384r1", EllipticCurve::P384),
            ("brainpoolP256r1", EllipticCurve::BrainpoolP256r1),
            ("brainpoolP384r1", EllipticCurve::BrainpoolP384r1),
        ] {
            for (form, encoding) in [(Curve::Named, "named_curve"), (Curve::Explicit, "explicit")] {
                openssl.succeeds(&format!(
                    "ecparam -name {name} -param_enc {encoding} -outform DER -out parameters"
                ));
                let parameters = openssl.read("parameters");
                let recognized = recognize(asn1::EC_PUBLIC_KEY, AnyRef::from_der(&parameters).unwrap());
                assert_eq!(recognized, Some((curve, form)));
            }
        }
        openssl.succeeds("ecparam -name brainpoolP512r1 -param_enc explicit -outform DER -out parameters");
        assert_eq!(
            recognize(
                asn1::EC_PUBLIC_KEY,
                AnyRef::from_der(&openssl.read("parameters")).unwrap()
            ),
            None
        );
    }

    #[test]
    fn a_seed_is_ignored() {
        let seed = hex::decode("031500C49D360886E704936A6678E1139D26B7819F7E90").unwrap();
        let with_seed = explicit(|bytes| {
            bytes.splice(122..122, seed.iter().copied());
            bytes[2] += 23;
            bytes[53] += 23;
        });
        assert_eq!(with_seed, Some((EllipticCurve::P256, Curve::Explicit)));
    }

    #[test]
    fn a_missing_cofactor_is_refused() {
        let without = explicit(|bytes| {
            bytes.truncate(224);
            bytes[2] -= 3;
        });
        assert_eq!(without, None);
    }
}
