//! From the signer's certificate to a trust anchor (RFC 5280, section 6, for the short chains of a registry).
//!
//! Certificates are read with x509-parser, a reader that shares no code with the writers of this project, and their
//! signatures checked with p256. Only ECDSA with SHA-256 on P-256 is known.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use crate::base::{Code, Fault};
use crate::dossier::fault;

/// Signer, one intermediate CA, and the anchor itself if somebody sends it along.
pub const CERTIFICATES_MAX: usize = 3;

/// Who signed.
#[derive(Debug)]
pub struct Signer {
    /// The key the signature must verify with.
    pub key: VerifyingKey,
    /// The subject of the certificate, for the journal.
    pub subject: String,
}

/// Checks a chain, the signer's certificate first, against trust anchors.
///
/// Every certificate must be valid at `now`; the signer's must be for digital signatures and no CA; every issuer must
/// be a CA that may sign certificates and allows the length of the path; no critical extension may be unknown. The
/// last certificate must be an anchor or be issued by one.
///
/// # Errors
/// What is wrong and with which certificate of the chain (0 is the signer's).
pub fn check(chain: &[Vec<u8>], trust: &[Vec<u8>], now: OffsetDateTime) -> Result<Signer, Fault> {
    let now = ASN1Time::from_timestamp(now.unix_timestamp())
        .map_err(|_| Fault::new(&fault::CERTIFICATE_EXPIRED, "time"))?;
    let certificates = chain
        .iter()
        .take(CERTIFICATES_MAX)
        .enumerate()
        .map(|(index, der)| read(der).map_err(|fault| fault.at(index)))
        .collect::<Result<Vec<_>, _>>()?;
    // Anchors are the facility's own configuration; one that cannot be read anchors nothing.
    let anchors: Vec<_> = trust.iter().filter_map(|der| read(der).ok()).collect();

    let mut certificates = certificates.iter().enumerate();
    let Some((_, leaf)) = certificates.next() else {
        return Err(Fault::new(&fault::CERTIFICATE_UNTRUSTED, ""));
    };
    check_validity(leaf, now)
        .and_then(|()| check_signer(leaf))
        .map_err(|fault| fault.at(0))?;
    let mut subject = leaf;
    // CAs passed on the way, the anchor not counted.
    let mut below = 0;
    loop {
        if let Some(anchor) = anchors.iter().find(|anchor| issued(anchor, subject)) {
            check_validity(anchor, now)
                .and_then(|()| check_issuer(anchor, below))
                .map_err(|fault| fault.at("anchor"))?;
            return Ok(Signer {
                key: key_of(leaf)?,
                subject: leaf.subject().to_string(),
            });
        }
        let Some((index, issuer)) = certificates.next() else {
            return Err(Fault::new(&fault::CERTIFICATE_UNTRUSTED, ""));
        };
        if !issued(issuer, subject) {
            return Err(Fault::new(&fault::CERTIFICATE_UNTRUSTED, "").at(index));
        }
        check_validity(issuer, now)
            .and_then(|()| check_issuer(issuer, below))
            .map_err(|fault| fault.at(index))?;
        subject = issuer;
        below += 1;
    }
}

fn read(der: &[u8]) -> Result<X509Certificate<'_>, Fault> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(refuse(&fault::CERTIFICATE_UNREADABLE, "DER")),
    }
}

/// Did this certificate's key sign that one, and do their names say so?
fn issued(issuer: &X509Certificate<'_>, subject: &X509Certificate<'_>) -> bool {
    let verified = || {
        let key = key_of(issuer).ok()?;
        if subject.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256
            || subject.signature_algorithm != subject.tbs_certificate.signature
        {
            return None;
        }
        let signature = DerSignature::from_bytes(&subject.signature_value.data).ok()?;
        let digest = Sha256::digest(subject.tbs_certificate.as_ref());
        key.verify_prehash(&digest, &signature).ok()
    };
    issuer.subject().as_raw() == subject.issuer().as_raw() && verified().is_some()
}

fn check_validity(certificate: &X509Certificate<'_>, now: ASN1Time) -> Result<(), Fault> {
    if certificate.validity().is_valid_at(now) {
        Ok(())
    } else {
        Err(refuse(&fault::CERTIFICATE_EXPIRED, ""))
    }
}

fn check_signer(certificate: &X509Certificate<'_>) -> Result<(), Fault> {
    check_extensions(certificate)?;
    let may_sign = matches!(certificate.key_usage(), Ok(Some(usage)) if usage.value.digital_signature());
    if certificate.is_ca() || !may_sign {
        return Err(refuse(&fault::CERTIFICATE_USAGE, "keyUsage"));
    }
    Ok(())
}

fn check_issuer(certificate: &X509Certificate<'_>, below: u32) -> Result<(), Fault> {
    check_extensions(certificate)?;
    let may_sign = matches!(certificate.key_usage(), Ok(Some(usage)) if usage.value.key_cert_sign());
    let long_enough = matches!(certificate.basic_constraints(), Ok(Some(constraints))
        if constraints.value.ca && constraints.value.path_len_constraint.is_none_or(|length| below <= length));
    if may_sign && long_enough {
        Ok(())
    } else {
        Err(refuse(&fault::CERTIFICATE_USAGE, "CA"))
    }
}

fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), Fault> {
    let known = certificate.extensions().iter().all(|extension| {
        !extension.critical
            || matches!(
                extension.parsed_extension(),
                ParsedExtension::BasicConstraints(_) | ParsedExtension::KeyUsage(_)
            )
    });
    // Two extensions of one kind are not to be interpreted at all (RFC 5280, section 4.2).
    if known && certificate.extensions_map().is_ok() {
        Ok(())
    } else {
        Err(refuse(&fault::CERTIFICATE_USAGE, "extension"))
    }
}

fn key_of(certificate: &X509Certificate<'_>) -> Result<VerifyingKey, Fault> {
    let info = certificate.public_key();
    let curve = info
        .algorithm
        .parameters
        .as_ref()
        .and_then(|curve| curve.as_oid().ok());
    if info.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
        return Err(refuse(&fault::CERTIFICATE_UNREADABLE, "key"));
    }
    VerifyingKey::from_sec1_bytes(&info.subject_public_key.data)
        .map_err(|_| refuse(&fault::CERTIFICATE_UNREADABLE, "key"))
}

fn refuse(code: &'static Code, what: &str) -> Fault {
    Fault::new(code, what)
}

#[cfg(test)]
pub(in crate::dossier) mod tests;
