//! The structures of EF.SOD: the few of CMS (RFC 5652) that it uses, and the LDS security object (Doc 9303-10, appendix
//! D).

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};
use spki::AlgorithmIdentifierRef;

#[derive(Sequence)]
pub(super) struct ContentInfo<'a> {
    pub(super) kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: AnyRef<'a>,
}

/// SignedData as we write it: certificates present, CRLs absent.
#[derive(Sequence)]
pub(super) struct SignedData<'a> {
    pub(super) version: u8,
    /// SET OF AlgorithmIdentifier.
    pub(super) digests: AnyRef<'a>,
    pub(super) content: EncapsulatedContent<'a>,
    /// `[0] IMPLICIT SET OF Certificate`.
    pub(super) certificates: AnyRef<'a>,
    /// SET OF SignerInfo.
    pub(super) signers: AnyRef<'a>,
}

#[derive(Sequence)]
pub(super) struct EncapsulatedContent<'a> {
    pub(super) kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: &'a OctetStringRef,
}

/// SignerInfo as we write it.
#[derive(Sequence)]
pub(super) struct SignerInfo<'a> {
    pub(super) version: u8,
    pub(super) signer: IssuerAndSerial<'a>,
    pub(super) digest: AlgorithmIdentifierRef<'a>,
    /// `[0] IMPLICIT SET OF Attribute`.
    pub(super) signed_attributes: AnyRef<'a>,
    pub(super) algorithm: AlgorithmIdentifierRef<'a>,
    pub(super) signature: &'a OctetStringRef,
}

#[derive(Clone, Copy, Eq, PartialEq, Sequence)]
pub(super) struct IssuerAndSerial<'a> {
    pub(super) issuer: AnyRef<'a>,
    pub(super) serial: AnyRef<'a>,
}

/// An attribute as others write it: the values are not required to be sorted.
#[derive(Sequence)]
pub(super) struct AttributeRef<'a> {
    pub(super) kind: ObjectIdentifier,
    /// SET OF ANY.
    pub(super) values: AnyRef<'a>,
}

/// LDSSecurityObject.
#[derive(Sequence)]
pub(super) struct SecurityObject<'a> {
    pub(super) version: u8,
    pub(super) algorithm: AlgorithmIdentifierRef<'a>,
    pub(super) hashes: Vec<DataGroupHash<'a>>,
    /// Only and always in version 1.
    #[asn1(optional = "true")]
    pub(super) versions: Option<VersionInfo<'a>>,
}

#[derive(Sequence)]
pub(super) struct DataGroupHash<'a> {
    pub(super) number: u8,
    pub(super) hash: &'a OctetStringRef,
}

/// LDSVersionInfo: two PrintableStrings.
#[derive(Sequence)]
pub(super) struct VersionInfo<'a> {
    pub(super) lds: AnyRef<'a>,
    pub(super) unicode: AnyRef<'a>,
}

/// Issuer and serial number of a certificate, byte for byte as it has them.
pub(super) fn issuer_and_serial(certificate: &[u8]) -> der::Result<IssuerAndSerial<'_>> {
    let outer = AnyRef::from_der(certificate)?;
    outer.tag().assert_eq(Tag::Sequence)?;
    let body: AnyRef<'_> = SliceReader::new(outer.value())?.decode()?;
    body.tag().assert_eq(Tag::Sequence)?;
    let mut fields = SliceReader::new(body.value())?;
    let mut serial: AnyRef<'_> = fields.decode()?;
    if serial.tag() == context(0) {
        serial = fields.decode()?;
    }
    serial.tag().assert_eq(Tag::Integer)?;
    let _algorithm: AnyRef<'_> = fields.decode()?;
    let issuer: AnyRef<'_> = fields.decode()?;
    issuer.tag().assert_eq(Tag::Sequence)?;
    Ok(IssuerAndSerial { issuer, serial })
}

/// A constructed context-specific tag.
pub(super) const fn context(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

/// The wrapper of EF.SOD, 77.
pub(super) const WRAPPER: Tag = Tag::Application {
    constructed: true,
    number: TagNumber(23),
};
/// id-icao-mrtd-security-ldsSecurityObject.
pub(super) const LDS_SECURITY_OBJECT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.136.1.1.1");
pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(super) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(super) const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
