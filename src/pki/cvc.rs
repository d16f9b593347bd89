//! Card-verifiable certificates: by which a chip knows who may read fingerprints (BSI TR-03110-3, appendix C).
//!
//! A CVCA (one a country) certifies document verifiers, these certify terminals; the chip keeps the CVCA's key and
//! checks the rest itself. Only elliptic curves are supported.

use const_oid::ObjectIdentifier;
use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};

use super::elliptic::EllipticCurve;
use super::fault;
use super::signature::Hash;
use crate::base::Fault;

/// A certificate with authority, holder, key and rights; nobody has verified it yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CvCertificate {
    /// The name of the key that signed it.
    pub authority: Vec<u8>,
    /// The name of the key that it certifies.
    pub holder: Vec<u8>,
    /// How signatures by the certified key are hashed (id-TA-ECDSA-SHA-…).
    pub hash: Hash,
    /// The curve, which only a CVCA's certificate names.
    pub curve: Option<EllipticCurve>,
    /// The certified point, uncompressed.
    pub point: Vec<u8>,
    /// What the holder is.
    pub role: CvRole,
    /// Rights of an inspection system.
    pub rights: Rights,
    /// First day, as six digits YYMMDD, each in a byte.
    pub effective: [u8; 6],
    /// Last day.
    pub expires: [u8; 6],
    /// What is signed, tag 7F4E and length included.
    pub body: Vec<u8>,
    /// The plain signature `r ‖ s`.
    pub signature: Vec<u8>,
}

/// What the holder of a certificate is (BSI TR-03110-3, appendix C.4.1), the two highest bits of its rights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CvRole {
    /// Country verifying certification authority.
    Authority,
    /// Document verifier of the own country.
    DomesticVerifier,
    /// Document verifier of another country.
    ForeignVerifier,
    /// Terminal.
    Terminal,
}

/// Rights of an inspection system (id-IS).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    /// May read DG3, fingerprints.
    pub fingerprints: bool,
    /// May read DG4, irises.
    pub irises: bool,
}

impl Rights {
    /// What both may.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            fingerprints: self.fingerprints && other.fingerprints,
            irises: self.irises && other.irises,
        }
    }
}

impl CvCertificate {
    /// Reads a certificate, DER.
    ///
    /// # Errors
    /// `PKI-039` if it is none, or says something that is not supported here.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        let fault = |why: String| Fault::new(&fault::CV_CERTIFICATE_UNREADABLE, why);
        Self::read(der)
            .map_err(|error| fault(error.kind().to_string()))?
            .ok_or_else(|| fault("not one for inspection systems on a curve that is known here".into()))
    }

    /// Reads body and signature, which is what a terminal shows to a chip.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_contents(contents: &[u8]) -> Result<Self, Fault> {
        let wrapped = AnyRef::new(CERTIFICATE, contents).and_then(|any| any.to_der());
        Self::parse(&wrapped.map_err(|error| super::asn1::encoding("CV certificate", error))?)
    }

    /// Reads the body alone, 7F4E: chips take in the certificate that they trust from the first day without a
    /// signature. It has an empty one here, which nobody made.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_body(body: &[u8]) -> Result<Self, Fault> {
        let unsigned = AnyRef::new(SIGNATURE, &[]).and_then(|any| any.to_der());
        let unsigned = unsigned.map_err(|error| super::asn1::encoding("CV certificate", error))?;
        Self::parse_contents(&[body, &unsigned].concat())
    }

    /// The certified key signed itself.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.authority == self.holder
    }

    /// Whether this key signed it.
    #[must_use]
    pub fn is_signed_by(&self, curve: EllipticCurve, hash: Hash, point: &[u8]) -> bool {
        curve.verifies(point, &hash.digest(&self.body), &self.signature)
    }

    /// Body and signature without the wrapper 7F21, as PSO:VERIFY CERTIFICATE takes them.
    ///
    /// # Errors
    /// `PKI-018` if it does not encode.
    pub fn contents(&self) -> Result<Vec<u8>, Fault> {
        let signature = AnyRef::new(SIGNATURE, &self.signature).and_then(|any| any.to_der());
        let signature = signature.map_err(|error| super::asn1::encoding("CV certificate", error))?;
        Ok([&self.body[..], &signature].concat())
    }

    fn read(der: &[u8]) -> der::Result<Option<Self>> {
        let outer = AnyRef::from_der(der)?;
        outer.tag().assert_eq(CERTIFICATE)?;
        let [body, signature] = fields(outer.value(), [BODY, SIGNATURE])?;
        let [_, authority, key, holder, template, effective, expires] = fields(
            body.value(),
            [
                PROFILE, AUTHORITY, PUBLIC_KEY, HOLDER, TEMPLATE, EFFECTIVE, EXPIRES,
            ],
        )?;
        let [kind, rights] = fields(template.value(), [Tag::ObjectIdentifier, DISCRETIONARY])?;
        let kind: ObjectIdentifier = kind.decode_as()?;
        let (Some(key), Some((role, rights)), Some(effective), Some(expires)) = (
            CertifiedKey::read(key.value())?,
            role(rights.value()).filter(|_| kind == INSPECTION_SYSTEM),
            date(effective.value()),
            date(expires.value()),
        ) else {
            return Ok(None);
        };
        Ok(Some(Self {
            authority: authority.value().to_vec(),
            holder: holder.value().to_vec(),
            hash: key.hash,
            curve: key.curve,
            point: key.point,
            role,
            rights,
            effective,
            expires,
            body: body.to_der()?,
            signature: signature.value().to_vec(),
        }))
    }
}

/// A certificate that is to be signed.
#[derive(Clone, Debug)]
pub struct CvPlan<'a> {
    /// The name of the key that signs: country, mnemonic, sequence number, at most 16 characters.
    pub authority: &'a str,
    /// The name of the key that is certified.
    pub holder: &'a str,
    /// The curve of both keys.
    pub curve: EllipticCurve,
    /// The certified point, uncompressed.
    pub point: &'a [u8],
    /// What the holder is. Only an authority's certificate tells the curve.
    pub role: CvRole,
    /// What the holder may, or may pass on.
    pub rights: Rights,
    /// First day, YYMMDD.
    pub effective: [u8; 6],
    /// Last day, YYMMDD.
    pub expires: [u8; 6],
}

impl CvPlan<'_> {
    /// The certificate, signed with ECDSA over SHA-256 by whoever is asked: digest in, `r ‖ s` out.
    ///
    /// # Errors
    /// `PKI-018` if it does not encode.
    pub fn issue(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, Fault> {
        let issue = || -> der::Result<Vec<u8>> {
            let body = self.body()?;
            let signature = sign(&Hash::Sha256.digest(&body));
            let contents = [body, AnyRef::new(SIGNATURE, &signature)?.to_der()?].concat();
            AnyRef::new(CERTIFICATE, &contents)?.to_der()
        };
        issue().map_err(|error| super::asn1::encoding("CV certificate", error))
    }

    fn body(&self) -> der::Result<Vec<u8>> {
        let object = |tag, value: &[u8]| AnyRef::new(tag, value)?.to_der();
        let mut key = TA_ECDSA_SHA256.to_der()?;
        if self.role == CvRole::Authority {
            for (number, parameter) in (1..=5).zip(super::curve::numbers(self.curve)?) {
                key.extend(object(primitive(number), &parameter)?);
            }
        }
        key.extend(object(primitive(6), self.point)?);
        if self.role == CvRole::Authority {
            key.extend(object(primitive(7), &[1])?);
        }
        let rights =
            self.role.bits() << 6 | u8::from(self.rights.irises) << 1 | u8::from(self.rights.fingerprints);
        let template = [INSPECTION_SYSTEM.to_der()?, object(DISCRETIONARY, &[rights])?].concat();
        let body = [
            object(PROFILE, &[0])?,
            object(AUTHORITY, self.authority.as_bytes())?,
            object(PUBLIC_KEY, &key)?,
            object(HOLDER, self.holder.as_bytes())?,
            object(TEMPLATE, &template)?,
            object(EFFECTIVE, &self.effective)?,
            object(EXPIRES, &self.expires)?,
        ]
        .concat();
        object(BODY, &body)
    }
}

impl CvRole {
    fn bits(self) -> u8 {
        match self {
            Self::Authority => 3,
            Self::DomesticVerifier => 2,
            Self::ForeignVerifier => 1,
            Self::Terminal => 0,
        }
    }
}

fn role(rights: &[u8]) -> Option<(CvRole, Rights)> {
    let &[bits] = rights else {
        return None;
    };
    let role = match bits >> 6 {
        3 => CvRole::Authority,
        2 => CvRole::DomesticVerifier,
        1 => CvRole::ForeignVerifier,
        _ => CvRole::Terminal,
    };
    let rights = Rights {
        fingerprints: bits & 1 != 0,
        irises: bits & 2 != 0,
    };
    Some((role, rights))
}

/// A public key in a certificate.
struct CertifiedKey {
    hash: Hash,
    curve: Option<EllipticCurve>,
    point: Vec<u8>,
}

impl CertifiedKey {
    /// Nothing if it is none that is supported.
    fn read(contents: &[u8]) -> der::Result<Option<Self>> {
        let mut reader = SliceReader::new(contents)?;
        let protocol: ObjectIdentifier = reader.decode()?;
        let (mut numbers, mut point) = (Vec::new(), None);
        while !reader.is_finished() {
            let object: AnyRef<'_> = reader.decode()?;
            match object.tag() {
                tag if tag == primitive(6) => point = Some(object.value().to_vec()),
                tag if (1..=5).any(|number| tag == primitive(number)) => numbers.push(object.value()),
                _ => {}
            }
        }
        let hash = match protocol.as_bytes().strip_prefix(&TA_ECDSA) {
            Some([1]) => Hash::Sha1,
            Some([2]) => Hash::Sha224,
            Some([3]) => Hash::Sha256,
            Some([4]) => Hash::Sha384,
            Some([5]) => Hash::Sha512,
            _ => return Ok(None),
        };
        let curve = if numbers.is_empty() {
            None
        } else {
            // As with certificates of documents: every number must be that of a curve that is known here.
            let known = EllipticCurve::ALL.into_iter().find(|curve| {
                super::curve::numbers(*curve).is_ok_and(|known| known.iter().eq(numbers.iter().copied()))
            });
            if known.is_none() {
                return Ok(None);
            }
            known
        };
        Ok(point
            .filter(|point| curve.is_none_or(|curve| curve.has(point)))
            .map(|point| Self { hash, curve, point }))
    }
}

/// Six digits, each in a byte.
fn date(digits: &[u8]) -> Option<[u8; 6]> {
    <[u8; 6]>::try_from(digits)
        .ok()
        .filter(|digits| digits.iter().all(|digit| *digit <= 9))
}

/// The fields that these contents consist of, in this order; ones that are not known may follow (extensions).
fn fields<const N: usize>(contents: &[u8], tags: [Tag; N]) -> der::Result<[AnyRef<'_>; N]> {
    let mut reader = SliceReader::new(contents)?;
    let mut fields = [AnyRef::NULL; N];
    for (field, tag) in fields.iter_mut().zip(tags) {
        let object: AnyRef<'_> = reader.decode()?;
        object.tag().assert_eq(tag)?;
        *field = object;
    }
    while !reader.is_finished() {
        let _extension: AnyRef<'_> = reader.decode()?;
    }
    Ok(fields)
}

const fn application(constructed: bool, number: u32) -> Tag {
    Tag::Application {
        constructed,
        number: TagNumber(number),
    }
}

const fn primitive(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: false,
        number: TagNumber(number),
    }
}

/// 7F21.
const CERTIFICATE: Tag = application(true, 0x21);
/// 7F4E.
const BODY: Tag = application(true, 0x4E);
/// 5F29.
const PROFILE: Tag = application(false, 0x29);
/// 42.
const AUTHORITY: Tag = application(false, 0x02);
/// 7F49.
const PUBLIC_KEY: Tag = application(true, 0x49);
/// 5F20.
const HOLDER: Tag = application(false, 0x20);
/// 7F4C.
const TEMPLATE: Tag = application(true, 0x4C);
/// 53.
const DISCRETIONARY: Tag = application(false, 0x13);
/// 5F25.
const EFFECTIVE: Tag = application(false, 0x25);
/// 5F24.
const EXPIRES: Tag = application(false, 0x24);
/// 5F37.
const SIGNATURE: Tag = application(false, 0x37);

/// id-IS.
const INSPECTION_SYSTEM: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.3.1.2.1");
/// id-TA-ECDSA-SHA-256.
const TA_ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.2.2.3");
/// id-TA-ECDSA, contents of the OBJECT IDENTIFIER without its last arc.
const TA_ECDSA: [u8; 9] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(curve: EllipticCurve, point: &[u8], role: CvRole) -> CvPlan<'_> {
        CvPlan {
            authority: "VNCVCA00001",
            holder: "VNDV000001",
            curve,
            point,
            role,
            rights: Rights {
                fingerprints: true,
                irises: false,
            },
            effective: [2, 6, 1, 1, 2, 2],
            expires: [2, 7, 0, 2, 2, 2],
        }
    }

    #[test]
    fn certificates_read_back_on_every_curve() {
        for curve in EllipticCurve::ALL {
            let key = vec![0x21; curve.bytes()];
            let point = curve.public(&key).unwrap();
            for role in [
                CvRole::Authority,
                CvRole::DomesticVerifier,
                CvRole::ForeignVerifier,
                CvRole::Terminal,
            ] {
                let plan = plan(curve, &point, role);
                let der = plan.issue(|digest| curve.sign(&key, digest).unwrap()).unwrap();
                let read = CvCertificate::parse(&der).unwrap();
                assert_eq!((read.role, read.rights), (role, plan.rights));
                assert_eq!(
                    (&read.authority[..], &read.holder[..]),
                    (&b"VNCVCA00001"[..], &b"VNDV000001"[..])
                );
                assert_eq!(read.curve, (role == CvRole::Authority).then_some(curve));
                assert_eq!((read.effective, read.expires), (plan.effective, plan.expires));
                assert!(read.is_signed_by(curve, Hash::Sha256, &point));
                assert!(!read.is_signed_by(curve, Hash::Sha384, &point));
                let again = CvCertificate::parse_contents(&read.contents().unwrap()).unwrap();
                assert_eq!(again, read);
            }
        }
    }

    #[test]
    fn a_curve_that_is_not_known_is_refused() {
        let curve = EllipticCurve::P256;
        let key = [0x21; 32];
        let point = curve.public(&key).unwrap();
        let der = plan(curve, &point, CvRole::Authority)
            .issue(|digest| curve.sign(&key, digest).unwrap())
            .unwrap();
        let prime = super::super::curve::numbers(curve).unwrap()[0].clone();
        let at = der.windows(32).position(|window| window == prime).unwrap();
        let mut other = der;
        other[at + 31] ^= 2;
        assert_eq!(
            CvCertificate::parse(&other).unwrap_err().code,
            &fault::CV_CERTIFICATE_UNREADABLE
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(CvCertificate::parse(&bytes).is_err());
            prop_assert!(CvCertificate::parse_contents(&bytes).is_err());
        }
    }
}
