//! Reading EF.SOD, our own and foreign ones.

use std::collections::BTreeMap;

use der::asn1::AnyRef;
use der::{Decode, Tagged};

use super::cms::{LDS_SECURITY_OBJECT, SecurityObject, WRAPPER};
use super::fault;
use super::signed::SignedMessage;
use crate::base::Fault;
use crate::base::limits::ELEMENTARY_FILE_BYTES_MAX;
use crate::pki::Hash;

/// An EF.SOD that was read. Nothing about it is verified yet.
#[derive(Clone, Debug)]
pub struct Sod {
    /// The message whose content all this is.
    pub message: SignedMessage,
    /// The content is declared as an LDS security object. Some states declare plain data.
    pub declared: bool,
    /// Version of the LDS security object, 0 or 1.
    pub version: u8,
    /// How the data groups are hashed.
    pub hash: Hash,
    /// LDS version such as `0108`, in version 1.
    pub lds_version: Option<String>,
    hashes: BTreeMap<u8, Vec<u8>>,
}

impl Sod {
    /// Reads an EF.SOD, wrapper (77) included.
    ///
    /// # Errors
    /// `SOD-002` if it is not the DER of one signed LDS security object.
    pub fn parse(file: &[u8]) -> Result<Self, Fault> {
        if file.len() > ELEMENTARY_FILE_BYTES_MAX {
            return Err(Fault::new(&fault::UNREADABLE, "too long"));
        }
        Self::read(file)
            .map_err(|error| Fault::new(&fault::UNREADABLE, error.kind().to_string()))?
            .ok_or_else(|| Fault::new(&fault::UNREADABLE, "not a signed LDS security object"))
    }

    /// The hash of each data group, by number.
    #[must_use]
    pub fn hashes(&self) -> &BTreeMap<u8, Vec<u8>> {
        &self.hashes
    }

    /// The embedded certificate of the signer.
    #[must_use]
    pub fn certificate(&self) -> Option<&[u8]> {
        self.message.certificate()
    }

    /// `None` where the DER is sound but says something else than a signed LDS security object.
    fn read(file: &[u8]) -> der::Result<Option<Self>> {
        let wrapper = AnyRef::from_der(file)?;
        wrapper.tag().assert_eq(WRAPPER)?;
        let Some(message) = SignedMessage::read(wrapper.value())? else {
            return Ok(None);
        };
        let object = SecurityObject::from_der(&message.content)?;
        let Some(hash) = Hash::from_oid(object.algorithm.oid) else {
            return Ok(None);
        };
        let mut hashes = BTreeMap::new();
        for entry in &object.hashes {
            let sound = (1..=16).contains(&entry.number) && entry.hash.as_bytes().len() == hash.length();
            if !sound
                || hashes
                    .insert(entry.number, entry.hash.as_bytes().to_vec())
                    .is_some()
            {
                return Ok(None);
            }
        }
        let (version, lds_version) = (
            object.version,
            object
                .versions
                .map(|versions| String::from_utf8_lossy(versions.lds.value()).into_owned()),
        );
        Ok(Some(Self {
            declared: message.kind == LDS_SECURITY_OBJECT,
            version,
            hash,
            lds_version,
            hashes,
            message,
        }))
    }
}
