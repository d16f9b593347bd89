//! A signed message of CMS with one signer and signed attributes (RFC 5652, section 5): what EF.SOD and EF.CardSecurity
//! are, our own and foreign ones.
//!
//! Tolerant where issuers differ (NULL parameters, old digests, unsorted attributes, several certificates), strict
//! where it matters: what was signed is taken byte for byte.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use spki::AlgorithmIdentifierRef;
use time::OffsetDateTime;
use x509_cert::time::Time;

use super::cms::{
    AttributeRef, CONTENT_TYPE, ContentInfo, EncapsulatedContent, IssuerAndSerial, MESSAGE_DIGEST,
    SIGNED_DATA, SIGNING_TIME, context, issuer_and_serial,
};
use crate::base::limits::ELEMENTARY_FILE_BYTES_MAX;
use crate::pki::asn1::instant;
use crate::pki::{Hash, SignatureAlgorithm};

/// A signed message that was read. Nothing about it is verified yet.
#[derive(Clone, Debug)]
pub struct SignedMessage {
    /// What the content is declared as.
    pub kind: ObjectIdentifier,
    /// The content, as hashed.
    pub content: Vec<u8>,
    /// How the content is hashed into the signed attributes.
    pub digest: Hash,
    /// The digest of the content, from the signed attributes.
    pub message_digest: Vec<u8>,
    /// The signed attributes as signed: under the tag SET OF.
    pub signed_attributes: Vec<u8>,
    /// When it was signed, where it says so.
    pub signing_time: Option<OffsetDateTime>,
    /// How the signature was made.
    pub algorithm: SignatureAlgorithm,
    /// The signature's value.
    pub signature: Vec<u8>,
    /// Who signed.
    pub signer: SignerId,
    /// The embedded certificates, DER.
    pub certificates: Vec<Vec<u8>>,
}

/// How a message names its signer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignerId {
    /// Issuer (DER of the name) and serial number (contents of the INTEGER).
    IssuerAndSerial {
        /// The issuer's name.
        issuer: Vec<u8>,
        /// The serial number.
        serial: Vec<u8>,
    },
    /// Subject key identifier.
    SubjectKey(Vec<u8>),
}

impl SignedMessage {
    /// Reads a message, DER; nothing if it is none.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        (der.len() <= ELEMENTARY_FILE_BYTES_MAX)
            .then(|| Self::read(der).ok().flatten())
            .flatten()
    }

    /// The embedded certificate of the signer. An issuer's name may be written in two ways, so the serial number
    /// decides where it fits one certificate only; the signature proves the choice.
    #[must_use]
    pub fn certificate(&self) -> Option<&[u8]> {
        match &self.signer {
            SignerId::IssuerAndSerial { issuer, serial } => {
                let with_serial: Vec<_> = self
                    .certificates
                    .iter()
                    .filter_map(|der| Some((der, issuer_and_serial(der).ok()?)))
                    .filter(|(_, named)| named.serial.value() == serial)
                    .collect();
                with_serial
                    .iter()
                    .find(|(_, named)| named.issuer.to_der().is_ok_and(|name| name == *issuer))
                    .or_else(|| with_serial.first().filter(|_| with_serial.len() == 1))
                    .map(|(der, _)| der.as_slice())
            }
            SignerId::SubjectKey(key) => self
                .certificates
                .iter()
                .find(|der| {
                    crate::pki::Certificate::parse(der)
                        .is_ok_and(|certificate| certificate.subject_key.as_ref() == Some(key))
                })
                .map(Vec::as_slice),
        }
    }

    /// `None` where the DER is sound but says something else than a signed message with attributes.
    pub(super) fn read(der: &[u8]) -> der::Result<Option<Self>> {
        let content_info = ContentInfo::from_der(der)?;
        if content_info.kind != SIGNED_DATA {
            return Ok(None);
        }
        let data = SignedDataRef::read(content_info.content)?;
        let Some(signer) = items(data.signers)?.first().copied() else {
            return Ok(None);
        };
        let signer = SignerInfoRef::read(signer)?;
        let (Some(digest), Some(attributes)) = (Hash::from_oid(signer.digest.oid), signer.signed_attributes)
        else {
            return Ok(None);
        };
        let signed_attributes = AnyRef::new(Tag::Set, attributes)?.to_der()?;
        let Some(read) =
            Attributes::read(&signed_attributes).filter(|read| read.content_type == data.content.kind)
        else {
            return Ok(None);
        };
        let certificates = items(data.certificates)?
            .into_iter()
            .filter(|item| item.tag() == Tag::Sequence)
            .map(|item| item.to_der())
            .collect::<der::Result<Vec<_>>>()?;
        Ok(Some(Self {
            kind: data.content.kind,
            content: data.content.content.as_bytes().to_vec(),
            digest,
            message_digest: read.message_digest.to_vec(),
            signing_time: read.signing_time,
            algorithm: SignatureAlgorithm::read(signer.algorithm, Some(digest)),
            signature: signer.signature.as_bytes().to_vec(),
            signer: signer.id,
            signed_attributes,
            certificates,
        }))
    }
}

/// What the signed attributes say.
pub(super) struct Attributes<'a> {
    pub(super) content_type: ObjectIdentifier,
    pub(super) message_digest: &'a [u8],
    pub(super) signing_time: Option<OffsetDateTime>,
}

impl<'a> Attributes<'a> {
    /// Reads attributes (tag 31); nothing unless content type and message digest are there, each once.
    pub(super) fn read(set: &'a [u8]) -> Option<Self> {
        let set = AnyRef::from_der(set).ok()?;
        let mut content_type = None;
        let mut message_digest = None;
        let mut signing_time = None;
        for item in items(set.value()).ok()? {
            let attribute: AttributeRef<'a> = item.decode_as().ok()?;
            let values = items(attribute.values.value()).ok()?;
            let [value] = values[..] else {
                return None;
            };
            let known_already = match attribute.kind {
                CONTENT_TYPE => content_type
                    .replace(value.decode_as::<ObjectIdentifier>().ok()?)
                    .is_some(),
                MESSAGE_DIGEST => message_digest
                    .replace(value.decode_as::<&OctetStringRef>().ok()?.as_bytes())
                    .is_some(),
                SIGNING_TIME => {
                    let time: Time = value.decode_as().ok()?;
                    signing_time.replace(instant(time.to_unix_duration())?).is_some()
                }
                _ => false,
            };
            if known_already {
                return None;
            }
        }
        Some(Self {
            content_type: content_type?,
            message_digest: message_digest?,
            signing_time,
        })
    }
}

/// SignedData as others write it.
struct SignedDataRef<'a> {
    content: EncapsulatedContent<'a>,
    /// Contents of the certificates field, empty if absent.
    certificates: &'a [u8],
    /// Contents of the set of signers.
    signers: &'a [u8],
}

impl<'a> SignedDataRef<'a> {
    fn read(signed_data: AnyRef<'a>) -> der::Result<Self> {
        signed_data.sequence(|fields| {
            let _version: u8 = fields.decode()?;
            let _digests: AnyRef<'a> = fields.decode()?;
            let content = fields.decode()?;
            let mut certificates: &[u8] = &[];
            let mut next: AnyRef<'a> = fields.decode()?;
            if next.tag() == context(0) {
                certificates = next.value();
                next = fields.decode()?;
            }
            if next.tag() == context(1) {
                next = fields.decode()?;
            }
            next.tag().assert_eq(Tag::Set)?;
            Ok(Self {
                content,
                certificates,
                signers: next.value(),
            })
        })
    }
}

/// SignerInfo as others write it.
struct SignerInfoRef<'a> {
    id: SignerId,
    digest: AlgorithmIdentifierRef<'a>,
    /// Contents of the set of attributes.
    signed_attributes: Option<&'a [u8]>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: &'a OctetStringRef,
}

impl<'a> SignerInfoRef<'a> {
    fn read(signer: AnyRef<'a>) -> der::Result<Self> {
        signer.sequence(|fields| {
            let _version: u8 = fields.decode()?;
            let id: AnyRef<'a> = fields.decode()?;
            let id = if id.tag() == Tag::Sequence {
                let named: IssuerAndSerial<'a> = id.decode_as()?;
                SignerId::IssuerAndSerial {
                    issuer: named.issuer.to_der()?,
                    serial: named.serial.value().to_vec(),
                }
            } else {
                SignerId::SubjectKey(id.value().to_vec())
            };
            let digest = fields.decode()?;
            let next: AnyRef<'a> = fields.decode()?;
            let (signed_attributes, algorithm) = if next.tag() == context(0) {
                (Some(next.value()), fields.decode()?)
            } else {
                (None, next.decode_as()?)
            };
            let signature = fields.decode()?;
            while !fields.is_finished() {
                let _unsigned_attributes: AnyRef<'a> = fields.decode()?;
            }
            Ok(Self {
                id,
                digest,
                signed_attributes,
                algorithm,
                signature,
            })
        })
    }
}

/// The values in the contents of a SEQUENCE OF or SET OF, in the order found.
fn items(contents: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(contents)?;
    let mut items = Vec::new();
    while !reader.is_finished() {
        items.push(reader.decode()?);
    }
    Ok(items)
}
