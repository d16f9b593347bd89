//! EF.SOD: the hashes of all data groups, signed (Doc 9303-10, section 4.6.2 and appendix D; CMS, RFC 5652).
//!
//! Writing has two halves with the HSM between them: [`SodDraft::new`] fixes the signed bytes and their digest, which
//! are stored before the HSM is asked, and [`SodDraft::finish`] wraps exactly those bytes with the signature. Reading
//! ([`Sod::parse`], [`passive_authentication`]) takes foreign documents too.

mod authentication;
mod cms;
pub mod fault;
mod read;
mod signed;

pub(crate) use authentication::signed_message;
pub use authentication::{Check, CheckName, Verdict, passive_authentication, worst};
pub use read::Sod;
pub use signed::{SignedMessage, SignerId};

use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use der::asn1::{Any, AnyRef, OctetStringRef, PrintableStringRef, SetOfVec};
use der::{Decode, Encode, EncodeValue, Tag, Tagged};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_cert::attr::Attribute;

use cms::{
    CONTENT_TYPE, ContentInfo, DataGroupHash, EncapsulatedContent, IssuerAndSerial, LDS_SECURITY_OBJECT,
    MESSAGE_DIGEST, SIGNED_DATA, SIGNING_TIME, SecurityObject, SignedData, SignerInfo, VersionInfo, WRAPPER,
    context,
};

use crate::base::Fault;
use crate::pki::{asn1, ecdsa};

/// The version of the LDS security object.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LdsVersion {
    /// LDS 1.7: goes with an EF.COM that says 0107.
    V0,
    /// LDS 1.8: repeats the versions of EF.COM (0108, Unicode 4.0.0) under the signature.
    V1,
}

/// An EF.SOD that waits for its signature. Store it whole: what was signed is never rebuilt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SodDraft {
    /// LDSSecurityObject, DER.
    pub lds: Vec<u8>,
    /// The signed attributes as they are signed: DER SET OF, tag 31.
    pub signed_attributes: Vec<u8>,
    /// SHA-256 of the signed attributes, which the document signer signs (ECDSA P-256).
    pub digest: [u8; 32],
}

impl SodDraft {
    /// Fixes what is signed. `hashes` are SHA-256 of whole elementary files, outer tag and length included, by data
    /// group number. The signing time is optional in Doc 9303-10, so a profile may leave it out.
    ///
    /// # Errors
    /// `SOD-001` unless there are 2 to 16 data groups numbered 1 to 16, `SOD-005` for a signing time before 1970.
    pub fn new(
        hashes: &BTreeMap<u8, [u8; 32]>,
        version: LdsVersion,
        signing_time: Option<OffsetDateTime>,
    ) -> Result<Self, Fault> {
        if !(2..=16).contains(&hashes.len()) || !hashes.keys().all(|number| (1..=16).contains(number)) {
            return Err(Fault::new(
                &fault::DATA_GROUPS_REFUSED,
                format!("{:?}", hashes.keys()),
            ));
        }
        Self::over(security_object(hashes, version).map_err(encoding)?, signing_time)
    }

    fn over(lds: Vec<u8>, signing_time: Option<OffsetDateTime>) -> Result<Self, Fault> {
        let time = signing_time
            .map(|at| asn1::time(at).map_err(|fault| Fault::new(&fault::SIGNING_TIME, fault.detail)))
            .transpose()?;
        let attributes = || -> der::Result<Vec<u8>> {
            let mut attributes = SetOfVec::new();
            attributes.insert(attribute(CONTENT_TYPE, &LDS_SECURITY_OBJECT)?)?;
            let digest = Sha256::digest(&lds);
            attributes.insert(attribute(MESSAGE_DIGEST, &OctetStringRef::new(&digest)?)?)?;
            if let Some(time) = time {
                attributes.insert(attribute(SIGNING_TIME, &time)?)?;
            }
            attributes.to_der()
        };
        let signed_attributes = attributes().map_err(encoding)?;
        let digest = Sha256::digest(&signed_attributes).into();
        Ok(Self {
            lds,
            signed_attributes,
            digest,
        })
    }

    /// The whole EF.SOD, from the document signer's certificate (DER) and its signature over `digest` (raw r‖s).
    ///
    /// # Errors
    /// `SOD-004` if digest, attributes and content do not belong together, `PKI-004` if the certificate cannot be read,
    /// `PKI-009` if the signature is malformed. Whether the signature is right is for [`Self::verify`].
    pub fn finish(&self, ds_der: &[u8], signature: &[u8; 64]) -> Result<Vec<u8>, Fault> {
        self.check()?;
        let signer = cms::issuer_and_serial(ds_der)
            .map_err(|_| Fault::new(&crate::pki::fault::CERTIFICATE_UNREADABLE, "document signer"))?;
        let signature = ecdsa::to_der(signature)?;
        self.wrap(ds_der, signer, &signature).map_err(encoding)
    }

    /// Verifies the HSM's signature with ring before it is used.
    ///
    /// # Errors
    /// `PKI-002` if the signature was not made by the key with this point over these attributes.
    pub fn verify(&self, point: &[u8; 65], signature: &[u8; 64]) -> Result<(), Fault> {
        ecdsa::verify_message(point, &self.signed_attributes, signature)
    }

    /// A stored draft may have been damaged; a signature over something else is worth nothing.
    fn check(&self) -> Result<(), Fault> {
        let message_digest = Sha256::digest(&self.lds);
        let kept = Sha256::digest(&self.signed_attributes).as_slice() == self.digest
            && signed::Attributes::read(&self.signed_attributes)
                .is_some_and(|read| read.message_digest == message_digest.as_slice());
        if kept {
            Ok(())
        } else {
            Err(Fault::new(&fault::DRAFT_CHANGED, ""))
        }
    }

    fn wrap(&self, ds_der: &[u8], signer: IssuerAndSerial<'_>, signature: &[u8]) -> der::Result<Vec<u8>> {
        let sha256 = asn1::bare(asn1::SHA256);
        let signer_info = SignerInfo {
            version: 1,
            signer,
            digest: sha256,
            // The very bytes that were signed, under the tag of their field.
            signed_attributes: AnyRef::new(context(0), AnyRef::from_der(&self.signed_attributes)?.value())?,
            algorithm: asn1::bare(asn1::ECDSA_WITH_SHA256),
            signature: OctetStringRef::new(signature)?,
        }
        .to_der()?;
        let sha256 = sha256.to_der()?;
        let signed = SignedData {
            version: 3,
            digests: AnyRef::new(Tag::Set, &sha256)?,
            content: EncapsulatedContent {
                kind: LDS_SECURITY_OBJECT,
                content: OctetStringRef::new(&self.lds)?,
            },
            certificates: AnyRef::new(context(0), ds_der)?,
            signers: AnyRef::new(Tag::Set, &signer_info)?,
        }
        .to_der()?;
        let content_info = ContentInfo {
            kind: SIGNED_DATA,
            content: AnyRef::from_der(&signed)?,
        }
        .to_der()?;
        AnyRef::new(WRAPPER, &content_info)?.to_der()
    }
}

fn security_object(hashes: &BTreeMap<u8, [u8; 32]>, version: LdsVersion) -> der::Result<Vec<u8>> {
    let hashes = hashes
        .iter()
        .map(|(number, hash)| {
            Ok(DataGroupHash {
                number: *number,
                hash: OctetStringRef::new(hash)?,
            })
        })
        .collect::<der::Result<Vec<_>>>()?;
    SecurityObject {
        version: match version {
            LdsVersion::V0 => 0,
            LdsVersion::V1 => 1,
        },
        algorithm: asn1::bare(asn1::SHA256),
        hashes,
        versions: match version {
            LdsVersion::V0 => None,
            LdsVersion::V1 => Some(VersionInfo {
                lds: PrintableStringRef::new("0108")?.into(),
                unicode: PrintableStringRef::new("040000")?.into(),
            }),
        },
    }
    .to_der()
}

fn attribute(oid: ObjectIdentifier, value: &(impl EncodeValue + Tagged)) -> der::Result<Attribute> {
    let mut values = SetOfVec::new();
    values.insert(Any::encode_from(value)?)?;
    Ok(Attribute { oid, values })
}

fn encoding(error: der::Error) -> Fault {
    Fault::new(&fault::ENCODING, error.to_string())
}

#[cfg(test)]
mod tests;
