//! CSCA and document signer certificates after the profile of Doc 9303-12, section 7.1 (tables 5 to 7).
//!
//! Only rehearsals issue certificates, so a plan whose subject does not say REHEARSAL is refused.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, Ia5String, OctetString, PrintableString, SetOfVec, Uint};
use der::{Decode, Encode, Sequence};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use spki::AlgorithmIdentifierRef;
use time::OffsetDateTime;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, PrivateKeyUsagePeriod,
};
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::asn1;
use super::curve::Curve;
use super::draft::Draft;
use super::fault;
use super::name::{self, EntityName};
use super::trust;
use crate::base::Fault;

/// A certificate to be issued.
#[derive(Clone, Debug)]
pub struct CertificatePlan<'a> {
    /// What the certificate is for, and who issues it.
    pub role: Role<'a>,
    /// Whose it is.
    pub subject: EntityName,
    /// A number the issuer never used: positive, at most 20 octets, random for a CA that has no count.
    pub serial: Vec<u8>,
    /// The subject's public point, uncompressed.
    pub point: [u8; 65],
    /// How the point's curve is written.
    pub curve: Curve,
    /// Beginning of validity; put it an hour back at least, because some readers refuse a signing time equal to it.
    pub not_before: OffsetDateTime,
    /// End of validity: for a document signer its usage period and the longest validity of a card it signs.
    pub not_after: OffsetDateTime,
    /// The private key signs from here…
    pub usage_from: OffsetDateTime,
    /// …to here (Doc 9303-12, section 5: 3 to 5 years for a CSCA, 3 months at most for a document signer).
    pub usage_until: OffsetDateTime,
    /// How to reach the subject.
    pub contact: Contact,
    /// Where the CRL is published.
    pub crl_urls: Vec<String>,
}

/// What a certificate is for.
#[derive(Clone, Debug)]
pub enum Role<'a> {
    /// A country signing CA, signed with its own key.
    Csca,
    /// A document signer, signed with the CSCA's key.
    DocumentSigner {
        /// The CSCA.
        issuer: &'a trust::Certificate,
        /// The document types it may sign, as at the start of the MRZ: one or two letters, such as `ID`.
        document_types: Vec<String>,
    },
}

/// The alternative name: how to reach the holder, and for which state it acts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Contact {
    /// An e-mail address.
    pub email: String,
    /// The state as in the MRZ, three letters.
    pub state: String,
}

impl CertificatePlan<'_> {
    /// The certificate's body, to be signed with the issuer's key.
    ///
    /// # Errors
    /// `PKI-008` if the name does not say REHEARSAL, `PKI-007` if the plan breaks the profile otherwise, `PKI-001` if
    /// the point is not on the curve.
    pub fn draft(&self) -> Result<Draft, Fault> {
        self.check()?;
        let subject = self.subject.to_der()?;
        let issuer = match &self.role {
            Role::Csca => subject.as_slice(),
            Role::DocumentSigner { issuer, .. } => issuer.subject.der(),
        };
        let spki = self.curve.spki(&self.point)?;
        let body = || -> Result<Vec<u8>, Fault> {
            let any = |bytes| AnyRef::from_der(bytes).map_err(|error| asn1::encoding("certificate", error));
            let body = Body {
                version: 2,
                serial: asn1::serial(&self.serial)?,
                algorithm: asn1::bare(asn1::ECDSA_WITH_SHA256),
                issuer: any(issuer)?,
                validity: Validity {
                    not_before: asn1::time(self.not_before)?,
                    not_after: asn1::time(self.not_after)?,
                },
                subject: any(&subject)?,
                spki: any(&spki)?,
                extensions: self.extensions()?,
            };
            asn1::encode("certificate", &body)
        };
        body().map(Draft::new)
    }

    fn check(&self) -> Result<(), Fault> {
        if !self.subject.says_rehearsal() {
            return Err(Fault::new(&fault::NAME_NOT_REHEARSAL, ""));
        }
        ensure(
            self.not_before <= self.usage_from
                && self.usage_from < self.usage_until
                && self.usage_until <= self.not_after,
            "the usage period lies inside the validity",
        )?;
        ensure(!self.crl_urls.is_empty(), "at least one CRL distribution point")?;
        let Role::DocumentSigner {
            issuer,
            document_types,
        } = &self.role
        else {
            return Ok(());
        };
        ensure(issuer.is_rehearsal(), "the CSCA is a rehearsal CSCA")?;
        ensure(issuer.may_sign_certificates(), "the issuer is a CSCA")?;
        ensure(
            issuer.not_before <= self.not_before && self.not_after <= issuer.not_after,
            "the validity lies inside the CSCA's",
        )?;
        ensure(
            issuer
                .subject
                .country()
                .is_some_and(|country| country == self.subject.country),
            "the country is the CSCA's",
        )?;
        ensure(
            !document_types.is_empty()
                && document_types.iter().all(|kind| {
                    (1..=2).contains(&kind.len()) && kind.bytes().all(|letter| letter.is_ascii_uppercase())
                }),
            "document types: one or two upper-case letters each",
        )
    }

    fn extensions(&self) -> Result<Vec<Extension>, Fault> {
        let contact = self.contact.to_der()?;
        let mut extensions = Vec::with_capacity(8);
        let (usages, issuer_contact) = match &self.role {
            Role::Csca => (
                KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
                contact.as_slice(),
            ),
            Role::DocumentSigner { issuer, .. } => {
                extensions.push(authority_key(issuer)?);
                (
                    KeyUsage(KeyUsages::DigitalSignature.into()),
                    issuer.alternative_name().unwrap_or(&contact),
                )
            }
        };
        extensions.push(extension(
            SUBJECT_KEY,
            false,
            &octets(Sha1::digest(self.point).as_slice())?,
        )?);
        extensions.push(extension(KEY_USAGE, true, &usages)?);
        extensions.push(extension(
            USAGE_PERIOD,
            false,
            &PrivateKeyUsagePeriod {
                not_before: Some(asn1::generalized(self.usage_from)?),
                not_after: Some(asn1::generalized(self.usage_until)?),
            },
        )?);
        extensions.push(raw_extension(SUBJECT_ALTERNATIVE, false, contact.as_slice())?);
        extensions.push(raw_extension(ISSUER_ALTERNATIVE, false, issuer_contact)?);
        match &self.role {
            Role::Csca => extensions.push(extension(
                BASIC_CONSTRAINTS,
                true,
                &BasicConstraints {
                    ca: true,
                    path_len_constraint: Some(0),
                },
            )?),
            Role::DocumentSigner { document_types, .. } => {
                extensions.push(extension(
                    DOCUMENT_TYPE_LIST,
                    false,
                    &DocumentTypeList::new(document_types)?,
                )?);
            }
        }
        let points = self
            .crl_urls
            .iter()
            .map(|url| distribution_point(url))
            .collect::<Result<Vec<_>, _>>()?;
        extensions.push(extension(DISTRIBUTION_POINTS, false, &points)?);
        Ok(extensions)
    }
}

impl Contact {
    fn to_der(&self) -> Result<Vec<u8>, Fault> {
        let (user, host) = self.email.split_once('@').unwrap_or_default();
        ensure(!user.is_empty() && !host.is_empty(), "contact: an e-mail address")?;
        let state = name::locality(&self.state)?;
        let names = || -> der::Result<Vec<u8>> {
            vec![
                GeneralName::Rfc822Name(Ia5String::new(&self.email)?),
                GeneralName::DirectoryName(Name::from_der(&state)?),
            ]
            .to_der()
        };
        names().map_err(|_| Fault::new(&fault::PLAN_REFUSED, "contact: ASCII"))
    }
}

/// TBSCertificate (RFC 5280, section 4.1), version 3.
#[derive(Sequence)]
struct Body<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial: Uint,
    algorithm: AlgorithmIdentifierRef<'a>,
    issuer: AnyRef<'a>,
    validity: Validity,
    subject: AnyRef<'a>,
    spki: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

#[derive(Sequence)]
struct Validity {
    not_before: Time,
    not_after: Time,
}

/// DocumentTypeListSyntax (Doc 9303-12, section 7.1.1.5).
#[derive(Sequence)]
struct DocumentTypeList {
    version: u8,
    types: SetOfVec<PrintableString>,
}

impl DocumentTypeList {
    fn new(types: &[String]) -> Result<Self, Fault> {
        let mut unique = types.to_vec();
        unique.sort();
        unique.dedup();
        let types = unique
            .iter()
            .map(PrintableString::new)
            .collect::<der::Result<Vec<_>>>()
            .and_then(SetOfVec::try_from)
            .map_err(|error| asn1::encoding("document types", error))?;
        Ok(Self { version: 0, types })
    }
}

/// The authority key identifier that names this issuer's key.
pub(crate) fn authority_key(issuer: &trust::Certificate) -> Result<Extension, Fault> {
    let key = issuer
        .subject_key
        .as_deref()
        .ok_or_else(|| Fault::new(&fault::PLAN_REFUSED, "the CSCA has a subject key identifier"))?;
    extension(
        AUTHORITY_KEY,
        false,
        &AuthorityKeyIdentifier {
            key_identifier: Some(octets(key)?),
            ..AuthorityKeyIdentifier::default()
        },
    )
}

pub(crate) fn extension(
    oid: ObjectIdentifier,
    critical: bool,
    value: &impl Encode,
) -> Result<Extension, Fault> {
    raw_extension(oid, critical, asn1::encode("extension", value)?)
}

fn raw_extension(
    extn_id: ObjectIdentifier,
    critical: bool,
    der: impl Into<Box<[u8]>>,
) -> Result<Extension, Fault> {
    Ok(Extension {
        extn_id,
        critical,
        extn_value: octets(der)?,
    })
}

fn octets(bytes: impl Into<Box<[u8]>>) -> Result<OctetString, Fault> {
    OctetString::new(bytes).map_err(|error| asn1::encoding("octets", error))
}

fn distribution_point(url: &str) -> Result<DistributionPoint, Fault> {
    let url = Ia5String::new(url)
        .ok()
        .filter(|_| url.contains("://"))
        .ok_or_else(|| Fault::new(&fault::PLAN_REFUSED, "CRL distribution point: a URL"))?;
    Ok(DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(vec![
            GeneralName::UniformResourceIdentifier(url),
        ])),
        reasons: None,
        crl_issuer: None,
    })
}

pub(crate) fn ensure(kept: bool, rule: &str) -> Result<(), Fault> {
    if kept {
        Ok(())
    } else {
        Err(Fault::new(&fault::PLAN_REFUSED, rule))
    }
}

const SUBJECT_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
pub(crate) const USAGE_PERIOD: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.16");
const SUBJECT_ALTERNATIVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const ISSUER_ALTERNATIVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.18");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
/// id-icao-mrtd-security-extensions-documentTypeList.
pub(crate) const DOCUMENT_TYPE_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.136.1.1.6.2");

#[cfg(test)]
mod tests;
