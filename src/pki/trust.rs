//! The other path: certificates and CRLs read with x509-parser, signatures verified with ring.

mod certificate;
mod crl;
mod name;

pub use certificate::Certificate;
pub use crl::{Crl, Revocation};
pub use name::DistinguishedName;

use der::Decode;
use time::OffsetDateTime;

use super::asn1::Signed;
use super::fault;
use super::signature::SignatureAlgorithm;
use crate::base::Fault;

/// The CSCAs that are trusted, checked out of band before they got here, and the CRLs at hand.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    /// Country signing CAs.
    pub cscas: Vec<Certificate>,
    /// Their revocation lists, old ones included; each is verified when it is asked.
    pub crls: Vec<Crl>,
}

impl TrustStore {
    /// The CSCA that issued this certificate: its name, key identifier, role and signature fit.
    ///
    /// # Errors
    /// `PKI-014` if no trusted CSCA has the issuer's name and key, else the fault of the last one that has
    /// (see [`verify_signed_by`]).
    pub fn issuer_of(&self, certificate: &Certificate) -> Result<&Certificate, Fault> {
        let mut fault = Fault::new(&fault::ISSUER_UNKNOWN, certificate.issuer.to_string());
        for csca in &self.cscas {
            match verify_signed_by(certificate, csca) {
                Ok(()) => return Ok(csca),
                Err(mismatch) if mismatch.code == &fault::ISSUER_MISMATCH => {}
                Err(other) => fault = other,
            }
        }
        Err(fault)
    }

    /// Is this certificate of this CSCA revoked?
    #[must_use]
    pub fn revocation(
        &self,
        certificate: &Certificate,
        csca: &Certificate,
        at: OffsetDateTime,
    ) -> Revocation {
        crl::revocation(&self.crls, certificate, csca, at)
    }

    /// Everything that must hold before a document signer is used: chain, validity and revocation.
    ///
    /// # Errors
    /// The first thing that does not hold; `PKI-016` if no current CRL is at hand.
    pub fn verify(&self, certificate: &Certificate, at: OffsetDateTime) -> Result<&Certificate, Fault> {
        let csca = self.issuer_of(certificate)?;
        verify_issued(certificate, csca, at)?;
        match self.revocation(certificate, csca, at) {
            Revocation::Good => Ok(csca),
            Revocation::Revoked { since } => Err(Fault::new(&fault::REVOKED, since.to_string())),
            Revocation::Undetermined { why } => Err(Fault::new(&fault::REVOCATION_UNKNOWN, why)),
        }
    }
}

/// Verifies that this CSCA issued this document signer certificate and that both are valid at this time.
///
/// # Errors
/// `PKI-010` to `PKI-013`, `PKI-002` or `PKI-003`.
pub fn verify_issued(certificate: &Certificate, csca: &Certificate, at: OffsetDateTime) -> Result<(), Fault> {
    verify_signed_by(certificate, csca)?;
    certificate.check_valid_at(at)?;
    csca.check_valid_at(at)
}

/// Verifies that this CSCA issued this document signer certificate, whatever the time.
///
/// # Errors
/// `PKI-010` if name or key identifier lead elsewhere, `PKI-011` if either is used for what it is not for, `PKI-013`
/// for a critical extension that readers refuse, `PKI-002` or `PKI-003` for the signature.
pub fn verify_signed_by(certificate: &Certificate, csca: &Certificate) -> Result<(), Fault> {
    certificate.check_issued_in_name_of(csca)?;
    if !csca.may_sign_certificates() {
        return Err(Fault::new(&fault::ROLE_WRONG, "the issuer is not a CA"));
    }
    if !certificate.may_sign_documents() {
        return Err(Fault::new(&fault::ROLE_WRONG, "not a document signer"));
    }
    csca.check_critical_extensions()?;
    certificate.check_critical_extensions()?;
    certificate.verify_signature(&csca.key)
}

/// Verifies a CSCA's signature by its own key, its role and its validity. Whether it is the right CSCA is for two
/// people and its fingerprint to say.
///
/// # Errors
/// As [`verify_issued`].
pub fn verify_root(csca: &Certificate, at: OffsetDateTime) -> Result<(), Fault> {
    csca.check_issued_in_name_of(csca)?;
    if !csca.may_sign_certificates() {
        return Err(Fault::new(&fault::ROLE_WRONG, "not a CA"));
    }
    csca.check_critical_extensions()?;
    csca.verify_signature(&csca.key)?;
    csca.check_valid_at(at)
}

/// Algorithm and value of the signature at the end of a certificate, CRL or request.
pub(crate) fn signature_of(der: &[u8]) -> Option<(SignatureAlgorithm, Vec<u8>)> {
    let signed = Signed::from_der(der).ok()?;
    let signature = signed.signature.as_bytes()?.to_vec();
    Some((SignatureAlgorithm::read(signed.algorithm, None), signature))
}

#[cfg(test)]
mod tests;
