//! The frame around biometric records (Doc 9303-10, section 4.7.2.1: nested templates of the Common Biometric Exchange
//! File Format, ISO/IEC 7816-11): a group that counts its templates, each a header and a record.

use crate::document::tlv::{self, Malformed, Reader};

/// Format owner ISO/IEC JTC 1/SC 37.
const OWNER: [u8; 2] = [0x01, 0x01];
/// So many instances fit in the count.
pub(super) const INSTANCES_MAX: usize = u8::MAX as usize;

/// A kind of biometric record.
pub(super) struct Kind {
    /// CBEFF biometric type.
    pub(super) biometric: u8,
    /// CBEFF format type.
    pub(super) format: u16,
    /// What is said of a template of another kind.
    pub(super) other: &'static str,
}

/// One template.
pub(super) struct Instance<'a> {
    /// CBEFF biometric subtype; 0 if none is given.
    pub(super) subtype: u8,
    /// The biometric record.
    pub(super) record: &'a [u8],
}

/// The group of these templates.
pub(super) fn group(kind: &Kind, instances: &[Instance<'_>]) -> Vec<u8> {
    debug_assert!(instances.len() <= INSTANCES_MAX);
    let [.., count] = instances.len().to_be_bytes();
    let mut group = tlv::object(tlv::INTEGER, &[count]);
    for instance in instances {
        let mut header = Vec::with_capacity(14);
        tlv::push(&mut header, 0x81, &[kind.biometric]);
        tlv::push(&mut header, 0x82, &[instance.subtype]);
        tlv::push(&mut header, 0x87, &OWNER);
        tlv::push(&mut header, 0x88, &kind.format.to_be_bytes());
        let mut template = tlv::object(0xA1, &header);
        tlv::push(&mut template, 0x5F2E, instance.record);
        tlv::push(&mut group, 0x7F60, &template);
    }
    tlv::object(0x7F61, &group)
}

/// The templates of a group, as many as it counts; what follows them is not looked at.
pub(super) fn templates<'a>(kind: &Kind, group: &'a [u8]) -> Result<Vec<Instance<'a>>, Malformed> {
    let mut group = Reader::new(group);
    let count = tlv::number(group.expect(tlv::INTEGER)?)?;
    let mut instances = Vec::new();
    for _ in 0..count {
        let mut template = Reader::new(group.expect(0x7F60)?);
        let subtype = check_header(kind, template.expect(0xA1)?)?;
        let record = template.expect(0x5F2E)?;
        template.finish()?;
        instances.push(Instance { subtype, record });
    }
    Ok(instances)
}

/// Only format owner and type matter; all other elements are optional. The subtype, if there is one.
fn check_header(kind: &Kind, header: &[u8]) -> Result<u8, Malformed> {
    let (mut owner, mut format, mut subtype) = (None, None, 0);
    let mut reader = Reader::new(header);
    while !reader.is_empty() {
        let element = reader.read()?;
        match (element.tag, element.value) {
            (0x82, [value]) => subtype = *value,
            (0x87, value) => owner = Some(value),
            (0x88, value) => format = Some(value),
            _ => {}
        }
    }
    if owner == Some(&OWNER) && format == Some(&kind.format.to_be_bytes()) {
        Ok(subtype)
    } else {
        Err(Malformed::Content(kind.other))
    }
}

/// Fields of fixed size, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(*field)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (field, rest) = self.0.split_at_checked(count).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(field)
    }
}
