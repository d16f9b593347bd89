//! Something to be signed in the HSM.

use der::Encode;
use der::asn1::{AnyRef, BitStringRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::asn1::{self, Signed};
use super::ecdsa;
use crate::base::Fault;

/// The body of a certificate, CRL or request, ready to be signed with ECDSA P-256 and SHA-256.
///
/// It may be stored between asking the HSM and finishing: the bytes that were signed are never rebuilt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Draft {
    /// What is signed, DER.
    pub tbs: Vec<u8>,
    /// Its SHA-256, which the HSM signs.
    pub digest: [u8; 32],
}

impl Draft {
    /// A draft of this body.
    #[must_use]
    pub(crate) fn new(tbs: Vec<u8>) -> Self {
        let digest = Sha256::digest(&tbs).into();
        Self { tbs, digest }
    }

    /// Body, algorithm and signature (raw r‖s) as one DER structure. Whether the signature is right is for
    /// [`super::trust`] to say, which reads the result with another library.
    ///
    /// # Errors
    /// `PKI-009` if r or s is out of range.
    pub fn finish(&self, signature: &[u8; 64]) -> Result<Vec<u8>, Fault> {
        let signature = ecdsa::to_der(signature)?;
        let signed = || -> der::Result<Vec<u8>> {
            Signed {
                body: AnyRef::try_from(self.tbs.as_slice())?,
                algorithm: asn1::bare(asn1::ECDSA_WITH_SHA256),
                signature: BitStringRef::from_bytes(&signature)?,
            }
            .to_der()
        };
        signed().map_err(|error| asn1::encoding("signed structure", error))
    }
}
