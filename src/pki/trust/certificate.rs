//! A certificate as another library reads it.

use der::asn1::{AnyRef, PrintableStringRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use time::OffsetDateTime;
use x509_cert::ext::pkix::PrivateKeyUsagePeriod;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate, X509Extension, X509Version};

use super::name::DistinguishedName;
use super::signature_of;
use crate::base::Fault;
use crate::base::limits::ELEMENTARY_FILE_BYTES_MAX;
use crate::pki::asn1;
use crate::pki::certificate::{DOCUMENT_TYPE_LIST, USAGE_PERIOD};
use crate::pki::fault;
use crate::pki::name::says_rehearsal;
use crate::pki::signature::{PublicKey, SignatureAlgorithm};

/// A CSCA or document signer certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate as it came.
    pub der: Vec<u8>,
    /// Whose it is.
    pub subject: DistinguishedName,
    /// Who issued it.
    pub issuer: DistinguishedName,
    /// Its number, without leading zeros.
    pub serial: Vec<u8>,
    /// The certified key.
    pub key: PublicKey,
    /// Beginning of validity.
    pub not_before: OffsetDateTime,
    /// End of validity.
    pub not_after: OffsetDateTime,
    /// When the private key may sign, where the certificate says so. An open end is the end of validity.
    pub usage_period: Option<(OffsetDateTime, OffsetDateTime)>,
    /// The document types that may be signed, empty where the certificate does not say.
    pub document_types: Vec<String>,
    /// Subject key identifier.
    pub subject_key: Option<Vec<u8>>,
    /// Authority key identifier.
    pub authority_key: Option<Vec<u8>>,
    rehearsal: bool,
    extensions: Extensions,
    body: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
}

/// What the remaining extensions say.
#[derive(Clone, Debug, Default)]
struct Extensions {
    authority: bool,
    signs_documents: Option<bool>,
    signs_certificates: Option<bool>,
    signs_crls: Option<bool>,
    alternative_name: Option<Vec<u8>>,
    /// Critical extensions that readers refuse, by object identifier.
    refused: Vec<String>,
}

impl Certificate {
    /// Reads a certificate, DER.
    ///
    /// # Errors
    /// `PKI-004` if it cannot be read, says something twice or contradicts itself, `PKI-001` if its key is malformed.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        let unreadable = |why: &str| Fault::new(&fault::CERTIFICATE_UNREADABLE, why);
        if der.len() > ELEMENTARY_FILE_BYTES_MAX {
            return Err(unreadable("too long"));
        }
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| unreadable("X.509"))?;
        let body = &certificate.tbs_certificate;
        if !rest.is_empty() || body.version != X509Version::V3 {
            return Err(unreadable("not one X.509 version 3 certificate"));
        }
        if body.signature != certificate.signature_algorithm {
            return Err(unreadable("two signature algorithms"));
        }
        body.extensions_map()
            .map_err(|_| unreadable("an extension occurs twice"))?;
        let (algorithm, signature) = signature_of(der).ok_or_else(|| unreadable("signature"))?;
        let instant = |at: x509_parser::time::ASN1Time| {
            OffsetDateTime::from_unix_timestamp(at.timestamp()).map_err(|_| unreadable("validity"))
        };
        let mut read = Self {
            der: der.to_vec(),
            subject: DistinguishedName::read(&body.subject),
            issuer: DistinguishedName::read(&body.issuer),
            serial: asn1::strip_zeros(body.raw_serial()).to_vec(),
            key: PublicKey::from_spki(body.subject_pki.raw)?,
            not_before: instant(body.validity.not_before)?,
            not_after: instant(body.validity.not_after)?,
            usage_period: None,
            document_types: Vec::new(),
            subject_key: None,
            authority_key: None,
            rehearsal: body
                .subject
                .iter_common_name()
                .any(|name| name.as_str().is_ok_and(says_rehearsal)),
            extensions: Extensions::default(),
            body: body.as_ref().to_vec(),
            algorithm,
            signature,
        };
        for extension in body.extensions() {
            read.take(extension).ok_or_else(|| unreadable("extension"))?;
        }
        Ok(read)
    }

    /// Does its name say that it belongs to a rehearsal? Production refuses such, and rehearsals all others.
    #[must_use]
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// A CA whose key usage covers certificates.
    #[must_use]
    pub fn may_sign_certificates(&self) -> bool {
        self.extensions.authority && self.extensions.signs_certificates == Some(true)
    }

    /// A CA whose key usage covers CRLs.
    #[must_use]
    pub fn may_sign_crls(&self) -> bool {
        self.extensions.authority && self.extensions.signs_crls == Some(true)
    }

    /// No CA, and its key usage covers data.
    #[must_use]
    pub fn may_sign_documents(&self) -> bool {
        !self.extensions.authority && self.extensions.signs_documents == Some(true)
    }

    /// The value of its subject alternative name extension, DER.
    #[must_use]
    pub(crate) fn alternative_name(&self) -> Option<&[u8]> {
        self.extensions.alternative_name.as_deref()
    }

    /// # Errors
    /// `PKI-012` outside the validity, both ends included.
    pub fn check_valid_at(&self, at: OffsetDateTime) -> Result<(), Fault> {
        if self.not_before <= at && at <= self.not_after {
            Ok(())
        } else {
            Err(Fault::new(&fault::NOT_VALID_NOW, self.subject.to_string()))
        }
    }

    /// # Errors
    /// `PKI-010` if the issuer's name or key identifier is another's.
    pub(super) fn check_issued_in_name_of(&self, csca: &Self) -> Result<(), Fault> {
        check_authority(&self.issuer, self.authority_key.as_deref(), csca)
    }

    /// # Errors
    /// `PKI-013` names the extensions.
    pub(super) fn check_critical_extensions(&self) -> Result<(), Fault> {
        if self.extensions.refused.is_empty() {
            Ok(())
        } else {
            Err(Fault::new(
                &fault::CRITICAL_EXTENSION,
                self.extensions.refused.join(", "),
            ))
        }
    }

    /// # Errors
    /// `PKI-002` or `PKI-003`.
    pub(super) fn verify_signature(&self, issuer: &PublicKey) -> Result<(), Fault> {
        issuer
            .verify(&self.algorithm, &self.body, &self.signature)
            .map_err(|fault| fault.at("certificate"))
    }

    fn take(&mut self, extension: &X509Extension<'_>) -> Option<()> {
        let known = &mut self.extensions;
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key = id.key_identifier.as_ref().map(|key| key.0.to_vec());
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key = Some(id.0.to_vec()),
            ParsedExtension::KeyUsage(usage) => {
                known.signs_documents = Some(usage.digital_signature());
                known.signs_certificates = Some(usage.key_cert_sign());
                known.signs_crls = Some(usage.crl_sign());
            }
            ParsedExtension::BasicConstraints(constraints) => known.authority = constraints.ca,
            ParsedExtension::SubjectAlternativeName(_) => {
                known.alternative_name = Some(extension.value.to_vec());
            }
            ParsedExtension::IssuerAlternativeName(_) | ParsedExtension::CRLDistributionPoints(_) => {}
            ParsedExtension::ParseError { .. } => return None,
            _ if extension.oid.as_bytes() == USAGE_PERIOD.as_bytes() => {
                let period = PrivateKeyUsagePeriod::from_der(extension.value).ok()?;
                let end = |time: Option<der::asn1::GeneralizedTime>, open| {
                    time.map_or(Some(open), |time| asn1::instant(time.to_unix_duration()))
                };
                self.usage_period = Some((
                    end(period.not_before, self.not_before)?,
                    end(period.not_after, self.not_after)?,
                ));
            }
            _ if extension.oid.as_bytes() == DOCUMENT_TYPE_LIST.as_bytes() => {
                self.document_types = document_types(extension.value).ok()?;
                // We could go on, but many readers do not know it and refuse the card.
                if extension.critical {
                    known.refused.push(extension.oid.to_string());
                }
            }
            _ if extension.critical => known.refused.push(extension.oid.to_string()),
            _ => {}
        }
        Some(())
    }
}

/// The list in a DocumentTypeListSyntax, in whatever order the issuer wrote it.
fn document_types(value: &[u8]) -> der::Result<Vec<String>> {
    AnyRef::from_der(value)?.sequence(|list| {
        let _version: u8 = list.decode()?;
        let types: AnyRef<'_> = list.decode()?;
        types.tag().assert_eq(Tag::Set)?;
        let mut reader = SliceReader::new(types.value())?;
        let mut types = Vec::new();
        while !reader.is_finished() {
            types.push(reader.decode::<PrintableStringRef<'_>>()?.as_str().to_owned());
        }
        Ok(types)
    })
}

/// Do an issuer name and an authority key identifier lead to this CSCA? Without an identifier the name decides.
pub(super) fn check_authority(
    issuer: &DistinguishedName,
    authority_key: Option<&[u8]>,
    csca: &Certificate,
) -> Result<(), Fault> {
    let same_key = match (authority_key, csca.subject_key.as_deref()) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => true,
    };
    if issuer.matches(&csca.subject) && same_key {
        Ok(())
    } else {
        Err(Fault::new(&fault::ISSUER_MISMATCH, issuer.to_string()))
    }
}
