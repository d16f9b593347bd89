//! Certificate revocation lists after Doc 9303-12, section 7.1.4: version 2, complete, with number and next update.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, Uint};
use der::{Decode, Sequence};
use spki::AlgorithmIdentifierRef;
use time::{Duration, OffsetDateTime};
use x509_cert::ext::Extension;
use x509_cert::time::Time;

use super::asn1;
use super::certificate::{authority_key, ensure, extension};
use super::draft::Draft;
use super::trust;
use crate::base::Fault;

/// A CRL to be issued.
#[derive(Clone, Debug)]
pub struct CrlPlan<'a> {
    /// The CSCA that signs it.
    pub issuer: &'a trust::Certificate,
    /// Larger than the number of every CRL before.
    pub number: u64,
    /// When it is issued.
    pub this_update: OffsetDateTime,
    /// When the next one is out at the latest, at most 90 days later (Doc 9303-12, section 4.2).
    pub next_update: OffsetDateTime,
    /// Every revoked certificate that has not expired.
    pub revoked: Vec<RevokedEntry>,
}

/// One revoked certificate. No reason is given: Doc 9303-12 allows no entry extensions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevokedEntry {
    /// Its serial number.
    pub serial: Vec<u8>,
    /// Since when it is not to be trusted.
    pub revoked_at: OffsetDateTime,
}

impl CrlPlan<'_> {
    /// The CRL's body, to be signed with the CSCA's key.
    ///
    /// # Errors
    /// `PKI-007` if the plan breaks the profile.
    pub fn draft(&self) -> Result<Draft, Fault> {
        ensure(
            self.issuer.is_rehearsal(),
            "the CSCA is a rehearsal CSCA; the national CSCA issues its own",
        )?;
        ensure(self.issuer.may_sign_crls(), "the issuer is a CSCA")?;
        ensure(
            self.this_update < self.next_update && self.next_update - self.this_update <= LONGEST_INTERVAL,
            "the next update follows within 90 days",
        )?;
        let revoked = self
            .revoked
            .iter()
            .map(|entry| {
                Ok(Entry {
                    serial: asn1::serial(&entry.serial)?,
                    revoked_at: asn1::time(entry.revoked_at)?,
                })
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        let number = Uint::new(&self.number.to_be_bytes()).map_err(|error| asn1::encoding("CRL", error))?;
        let body = Body {
            version: 1,
            algorithm: asn1::bare(asn1::ECDSA_WITH_SHA256),
            issuer: AnyRef::from_der(self.issuer.subject.der())
                .map_err(|error| asn1::encoding("CRL", error))?,
            this_update: asn1::time(self.this_update)?,
            next_update: asn1::time(self.next_update)?,
            revoked: (!revoked.is_empty()).then_some(revoked),
            extensions: vec![
                authority_key(self.issuer)?,
                extension(CRL_NUMBER, false, &number)?,
            ],
        };
        asn1::encode("CRL", &body).map(Draft::new)
    }
}

/// TBSCertList (RFC 5280, section 5.1), version 2.
#[derive(Sequence)]
struct Body<'a> {
    version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    issuer: AnyRef<'a>,
    this_update: Time,
    next_update: Time,
    /// Absent when empty, as RFC 5280 demands.
    #[asn1(optional = "true")]
    revoked: Option<Vec<Entry>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

#[derive(Sequence)]
struct Entry {
    serial: Uint,
    revoked_at: Time,
}

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const LONGEST_INTERVAL: Duration = Duration::days(90);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testkit::{NOW, OpenSsl, Rehearsal};
    use crate::pki::{Curve, fault};

    #[test]
    fn openssl_reads_and_verifies_the_list() {
        let pki = Rehearsal::new(Curve::Named);
        let openssl = OpenSsl::new();
        openssl.certificate("csca.pem", &pki.csca.der);
        let entry = RevokedEntry {
            serial: pki.ds.serial.clone(),
            revoked_at: NOW - Duration::hours(3),
        };
        for (revoked, expected) in [
            (vec![], "No Revoked Certificates."),
            (
                vec![entry],
                "Serial Number: 42\n        Revocation Date: Nov 22 01:00:00 2026 GMT",
            ),
        ] {
            let empty = revoked.is_empty();
            openssl.file("list.crl", &pki.crl(revoked).der);
            let text = openssl.succeeds("crl -inform DER -in list.crl -noout -text -CAfile csca.pem");
            for line in [
                expected,
                "verify OK",
                "Version 2 (0x1)",
                "Next Update: Dec 22 04:00:00 2026 GMT",
                "X509v3 Authority Key Identifier",
                "X509v3 CRL Number: \n                7\n",
            ] {
                assert!(text.contains(line), "{line:?} is missing in\n{text}");
            }
            assert_eq!(text.contains("Revoked Certificates:"), !empty);
            assert!(!text.contains("Reason"));
        }
    }

    #[test]
    fn plans_that_break_the_profile_are_refused() {
        let pki = Rehearsal::new(Curve::Named);
        let plan = CrlPlan {
            issuer: &pki.csca,
            number: 1,
            this_update: NOW,
            next_update: NOW + Duration::days(90),
            revoked: Vec::new(),
        };
        assert!(plan.draft().is_ok());
        for broken in [
            CrlPlan {
                next_update: NOW,
                ..plan.clone()
            },
            CrlPlan {
                next_update: NOW + Duration::days(91),
                ..plan.clone()
            },
            CrlPlan {
                issuer: &pki.ds,
                ..plan
            },
        ] {
            assert_eq!(broken.draft().unwrap_err().code, &fault::PLAN_REFUSED);
        }
    }
}
