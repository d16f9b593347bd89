//! Revocation lists as another library reads them.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, FromDer, ParsedExtension};

use super::certificate::{Certificate, check_authority};
use super::name::DistinguishedName;
use super::signature_of;
use crate::base::Fault;
use crate::pki::asn1;
use crate::pki::fault;
use crate::pki::signature::SignatureAlgorithm;

/// A certificate revocation list.
#[derive(Clone, Debug)]
pub struct Crl {
    /// The CRL as it came.
    pub der: Vec<u8>,
    /// The CSCA that issued it.
    pub issuer: DistinguishedName,
    /// Its number, big-endian without leading zeros; empty if it has none.
    pub number: Vec<u8>,
    /// When it was issued.
    pub this_update: OffsetDateTime,
    /// When the next one is out at the latest.
    pub next_update: Option<OffsetDateTime>,
    /// Serial numbers without leading zeros, and since when they are revoked.
    pub revoked: BTreeMap<Vec<u8>, OffsetDateTime>,
    authority_key: Option<Vec<u8>>,
    /// It has a critical extension: it may be partial or indirect and then says nothing about a missing number.
    restricted: bool,
    body: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
}

/// What the CRLs say about a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Revocation {
    /// A current CRL does not list it.
    Good,
    /// A CRL lists it; that holds even if the CRL is stale.
    Revoked {
        /// Since when.
        since: OffsetDateTime,
    },
    /// Neither can be said (Doc 9303-11, section 5.1: neither pass nor fail).
    Undetermined {
        /// Why not.
        why: String,
    },
}

impl Crl {
    /// Reads a CRL, DER.
    ///
    /// # Errors
    /// `PKI-005` if it cannot be read.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        let unreadable = |why: &str| Fault::new(&fault::CRL_UNREADABLE, why);
        let (rest, crl) = CertificateRevocationList::from_der(der).map_err(|_| unreadable("X.509"))?;
        let body = &crl.tbs_cert_list;
        if !rest.is_empty() || body.signature != crl.signature_algorithm {
            return Err(unreadable("not one CRL with one signature algorithm"));
        }
        body.extensions_map()
            .map_err(|_| unreadable("an extension occurs twice"))?;
        let (algorithm, signature) = signature_of(der).ok_or_else(|| unreadable("signature"))?;
        let instant = |at: x509_parser::time::ASN1Time| {
            OffsetDateTime::from_unix_timestamp(at.timestamp()).map_err(|_| unreadable("time"))
        };
        let mut read = Self {
            der: der.to_vec(),
            issuer: DistinguishedName::read(&body.issuer),
            number: Vec::new(),
            this_update: instant(body.this_update)?,
            next_update: body.next_update.map(instant).transpose()?,
            revoked: BTreeMap::new(),
            authority_key: None,
            restricted: body.extensions().iter().any(|extension| extension.critical),
            body: body.as_ref().to_vec(),
            algorithm,
            signature,
        };
        for entry in &body.revoked_certificates {
            let serial = asn1::strip_zeros(entry.raw_serial()).to_vec();
            read.revoked.insert(serial, instant(entry.revocation_date)?);
        }
        for extension in body.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    read.authority_key = id.key_identifier.as_ref().map(|key| key.0.to_vec());
                }
                ParsedExtension::CRLNumber(number) => {
                    read.number = asn1::strip_zeros(&number.to_bytes_be()).to_vec();
                }
                ParsedExtension::ParseError { .. } => return Err(unreadable("extension")),
                _ => {}
            }
        }
        Ok(read)
    }

    /// Verifies that this CSCA issued this CRL.
    ///
    /// # Errors
    /// `PKI-010`, `PKI-011`, `PKI-002` or `PKI-003`.
    pub fn verify(&self, csca: &Certificate) -> Result<(), Fault> {
        check_authority(&self.issuer, self.authority_key.as_deref(), csca)?;
        if !csca.may_sign_crls() {
            return Err(Fault::new(&fault::ROLE_WRONG, "the issuer may not sign CRLs"));
        }
        csca.key
            .verify(&self.algorithm, &self.body, &self.signature)
            .map_err(|fault| fault.at("CRL"))
    }
}

/// What these CRLs say about a certificate of this CSCA.
pub(super) fn revocation(
    crls: &[Crl],
    certificate: &Certificate,
    csca: &Certificate,
    at: OffsetDateTime,
) -> Revocation {
    let verified: Vec<&Crl> = crls.iter().filter(|crl| crl.verify(csca).is_ok()).collect();
    if let Some(since) = verified
        .iter()
        .filter_map(|crl| crl.revoked.get(&certificate.serial))
        .min()
    {
        return Revocation::Revoked { since: *since };
    }
    let Some(newest) = verified.iter().max_by_key(|crl| crl.this_update) else {
        return undetermined("no CRL of this CSCA is at hand");
    };
    if newest.restricted {
        return undetermined("the CRL has a critical extension and may be partial");
    }
    match newest.next_update {
        _ if at < newest.this_update => undetermined("the CRL is from the future"),
        None => undetermined("the CRL has no next update"),
        Some(next) if at > next => undetermined("the CRL is stale"),
        Some(_) => Revocation::Good,
    }
}

fn undetermined(why: &str) -> Revocation {
    Revocation::Undetermined { why: why.into() }
}
