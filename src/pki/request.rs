//! Asking the national CSCA for a document signer certificate (PKCS#10, RFC 2986), and taking the answer.

use der::asn1::{AnyRef, SetOfVec};
use der::{Decode, Sequence};
use time::OffsetDateTime;
use x509_cert::attr::Attribute;
use x509_parser::prelude::{FromDer, X509CertificationRequest};

use super::asn1;
use super::curve::Curve;
use super::draft::Draft;
use super::fault;
use super::name::EntityName;
use super::signature::PublicKey;
use super::trust::{self, Certificate, DistinguishedName};
use crate::base::Fault;

/// A certificate request to be made.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// The name asked for.
    pub subject: EntityName,
    /// The public point of the key in the HSM.
    pub point: [u8; 65],
    /// How the point's curve is written.
    pub curve: Curve,
}

/// A certificate request that was read and whose proof of possession holds.
#[derive(Clone, Debug)]
pub struct Request {
    /// The name asked for.
    pub subject: DistinguishedName,
    /// The key to be certified.
    pub key: PublicKey,
}

/// Takes the CSCA's answer for the key with this point.
///
/// # Errors
/// `PKI-017` if the certificate is for another key, `PKI-032` if it states no usage period, `PKI-036` if it lists no
/// document types, and whatever [`trust::verify_issued`] finds.
pub fn accept_certificate(
    der: &[u8],
    point: &[u8; 65],
    csca: &Certificate,
    at: OffsetDateTime,
) -> Result<Certificate, Fault> {
    let certificate = Certificate::parse(der)?;
    if certificate.key.p256_point() != Some(point) {
        return Err(Fault::new(&fault::KEY_MISMATCH, ""));
    }
    trust::verify_issued(&certificate, csca, at)?;
    if certificate.usage_period.is_none() {
        return Err(Fault::new(&fault::USAGE_PERIOD_MISSING, ""));
    }
    if certificate.document_types.is_empty() {
        return Err(Fault::new(&fault::DOCUMENT_TYPE, "no list"));
    }
    Ok(certificate)
}

impl RequestPlan {
    /// The request's body, to be signed with the key itself.
    ///
    /// # Errors
    /// `PKI-007` if the name is refused, `PKI-001` if the point is not on the curve.
    pub fn draft(&self) -> Result<Draft, Fault> {
        let subject = self.subject.to_der()?;
        let spki = self.curve.spki(&self.point)?;
        let any = |bytes| AnyRef::from_der(bytes).map_err(|error| asn1::encoding("request", error));
        let body = Body {
            version: 0,
            subject: any(&subject)?,
            spki: any(&spki)?,
            attributes: SetOfVec::new(),
        };
        asn1::encode("request", &body).map(Draft::new)
    }
}

impl Request {
    /// Reads a request and verifies that whoever made it holds the private key.
    ///
    /// # Errors
    /// `PKI-006` if it cannot be read, `PKI-001` to `PKI-003` if its key or signature fails.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        let unreadable = || Fault::new(&fault::REQUEST_UNREADABLE, "");
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| unreadable())?;
        if !rest.is_empty() {
            return Err(unreadable());
        }
        let info = &request.certification_request_info;
        let key = PublicKey::from_spki(info.subject_pki.raw)?;
        let (algorithm, signature) = trust::signature_of(der).ok_or_else(unreadable)?;
        key.verify(&algorithm, info.raw, &signature)?;
        Ok(Self {
            subject: DistinguishedName::read(&info.subject),
            key,
        })
    }
}

/// CertificationRequestInfo (RFC 2986, section 4.1).
#[derive(Sequence)]
struct Body<'a> {
    version: u8,
    subject: AnyRef<'a>,
    spki: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true")]
    attributes: SetOfVec<Attribute>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pki::testkit::{NOW, OpenSsl, Rehearsal, SoftKey};

    fn request(key: &SoftKey, curve: Curve) -> Vec<u8> {
        let plan = RequestPlan {
            subject: EntityName {
                country: "VN".into(),
                organization: "C06".into(),
                common_name: "DS 2027-01".into(),
            },
            point: key.point(),
            curve,
        };
        key.finish(&plan.draft().unwrap())
    }

    #[test]
    fn openssl_verifies_the_request() {
        for curve in [Curve::Named, Curve::Explicit] {
            let openssl = OpenSsl::new();
            openssl.file("ds.csr", &request(&SoftKey::new(2), curve));
            let said = openssl.succeeds("req -inform DER -in ds.csr -verify -noout -subject");
            assert!(
                said.contains("verify OK") && said.contains("C = VN, O = C06, CN = DS 2027-01"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_request_names_its_subject_and_key() {
        let pki = Rehearsal::new(Curve::Explicit);
        let read = Request::parse(&request(&pki.ds_key, Curve::Named)).unwrap();
        assert_eq!(read.key.p256_point(), pki.ds.key.p256_point());
        assert_ne!(read.key.p256_point(), pki.csca.key.p256_point());
        assert!(read.subject.to_string().contains("DS 2027-01"));
    }

    #[test]
    fn proof_of_possession_is_demanded() {
        let mut der = request(&SoftKey::new(2), Curve::Named);
        let place = der.windows(3).position(|window| window == b"C06").unwrap();
        der[place] = b'D';
        assert_eq!(Request::parse(&der).unwrap_err().code, &fault::SIGNATURE_WRONG);
    }

    #[test]
    fn the_answer_is_taken_for_its_own_key_only() {
        let pki = Rehearsal::new(Curve::Explicit);
        let accept = |point: &[u8; 65], csca, at| accept_certificate(&pki.ds.der, point, csca, at);
        let point = pki.ds_key.point();
        assert_eq!(accept(&point, &pki.csca, NOW).unwrap().serial, pki.ds.serial);
        let other = SoftKey::new(3).point();
        assert_eq!(
            accept(&other, &pki.csca, NOW).unwrap_err().code,
            &fault::KEY_MISMATCH
        );
        assert_eq!(
            accept(&point, &pki.ds, NOW).unwrap_err().code,
            &fault::ISSUER_MISMATCH
        );
        let early = NOW - time::Duration::days(1);
        assert_eq!(
            accept(&point, &pki.csca, early).unwrap_err().code,
            &fault::NOT_VALID_NOW
        );
    }

    proptest! {
        #[test]
        fn damaged_requests_do_not_panic(place in 0usize..310, byte: u8, cut in 0usize..310) {
            let mut der = request(&SoftKey::new(2), Curve::Explicit);
            der[place] = byte;
            let _ = Request::parse(&der);
            let _ = Request::parse(der.get(..cut).unwrap());
        }
    }
}
