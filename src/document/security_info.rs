//! SecurityInfos: what a chip says of its own protocols, in EF.CardAccess and in EF.DG14 (Doc 9303-11).
//!
//! EF.CardAccess is read before any protection, so DG14, which is signed, holds every entry of it byte for byte: a
//! reader that compares them finds out whether PACE was tampered with.

use der::asn1::ObjectIdentifier;

use crate::base::Fault;
use crate::document::file::FileId;
use crate::document::profile::ChipAuthenticationProtocol;
use crate::document::tlv::{self, Malformed, Reader};

/// id-PACE-ECDH-GM-AES-CBC-CMAC-128.
pub const PACE_ECDH_GM_AES_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.4.2.2");
/// id-CA-ECDH-AES-CBC-CMAC-128.
pub const CA_ECDH_AES_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.3.2.2");
/// id-CA-ECDH-AES-CBC-CMAC-192.
const CA_ECDH_AES_192: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.3.2.3");
/// id-CA-ECDH-AES-CBC-CMAC-256.
const CA_ECDH_AES_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.3.2.4");
/// id-PK-ECDH.
pub const PK_ECDH: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.1.2");
/// ecdsa-plain-SHA256.
pub const ECDSA_PLAIN_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.127.0.7.1.1.4.1.3");

/// id-icao-mrtd-security-aaProtocolObject.
const ACTIVE_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.136.1.1.5");
/// bsi-de protocols smartcard, DER content: 0.4.0.127.0.7.2.2.
const SMARTCARD: [u8; 7] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02];

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SecurityInfo {
    /// PACEInfo, version 2.
    Pace {
        /// Mapping and cipher.
        protocol: ObjectIdentifier,
        /// Standardized domain parameters (BSI TR-03110-3, table 4).
        parameter_id: Option<u32>,
    },
    /// ActiveAuthenticationInfo, version 1.
    ActiveAuthentication {
        /// Signature algorithm.
        algorithm: ObjectIdentifier,
    },
    /// ChipAuthenticationInfo, version 1.
    ChipAuthentication {
        /// Key agreement and cipher.
        protocol: ObjectIdentifier,
        /// Which key.
        key_id: Option<u32>,
    },
    /// ChipAuthenticationPublicKeyInfo.
    ChipAuthenticationPublicKey {
        /// Kind of key agreement.
        protocol: ObjectIdentifier,
        /// SubjectPublicKeyInfo in DER.
        key: Vec<u8>,
        /// Which key.
        key_id: Option<u32>,
    },
    /// Any other entry: the SEQUENCE in DER.
    Other(Vec<u8>),
}

/// The entries of one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecurityInfos(Vec<SecurityInfo>);

impl ChipAuthenticationProtocol {
    /// Its name in ChipAuthenticationInfo.
    #[must_use]
    pub fn oid(self) -> ObjectIdentifier {
        match self {
            Self::EcdhAes128 => CA_ECDH_AES_128,
            Self::EcdhAes192 => CA_ECDH_AES_192,
            Self::EcdhAes256 => CA_ECDH_AES_256,
        }
    }
}

impl SecurityInfo {
    /// The SEQUENCE in DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let integer = |number: u32| tlv::object(tlv::INTEGER, &tlv::integer(number));
        let optional = |number: &Option<u32>| number.map(integer).unwrap_or_default();
        let (protocol, data) = match self {
            Self::Other(whole) => return whole.clone(),
            Self::Pace {
                protocol,
                parameter_id,
            } => (protocol, [integer(2), optional(parameter_id)].concat()),
            Self::ActiveAuthentication { algorithm } => (
                &ACTIVE_AUTHENTICATION,
                [
                    integer(1),
                    tlv::object(tlv::OBJECT_IDENTIFIER, algorithm.as_bytes()),
                ]
                .concat(),
            ),
            Self::ChipAuthentication { protocol, key_id } => {
                (protocol, [integer(1), optional(key_id)].concat())
            }
            Self::ChipAuthenticationPublicKey {
                protocol,
                key,
                key_id,
            } => (protocol, [key.clone(), optional(key_id)].concat()),
        };
        let mut content = tlv::object(tlv::OBJECT_IDENTIFIER, protocol.as_bytes());
        content.extend(data);
        tlv::object(tlv::SEQUENCE, &content)
    }

    /// An entry that cannot be written back as it was is kept as bytes.
    fn decode(whole: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(tlv::only(whole, tlv::SEQUENCE)?);
        let protocol = reader.expect(tlv::OBJECT_IDENTIFIER)?;
        let info = ObjectIdentifier::from_bytes(protocol)
            .ok()
            .and_then(|protocol| Self::known(protocol, reader))
            .filter(|info| info.encode() == whole);
        Ok(info.unwrap_or_else(|| Self::Other(whole.to_vec())))
    }

    fn known(protocol: ObjectIdentifier, mut data: Reader<'_>) -> Option<Self> {
        if protocol == ACTIVE_AUTHENTICATION {
            version(&mut data, 1)?;
            let algorithm = ObjectIdentifier::from_bytes(data.expect(tlv::OBJECT_IDENTIFIER).ok()?).ok()?;
            return Some(Self::ActiveAuthentication { algorithm });
        }
        match protocol.as_bytes().strip_prefix(&SMARTCARD)? {
            [4, _, _] => {
                version(&mut data, 2)?;
                let parameter_id = optional(&mut data);
                Some(Self::Pace {
                    protocol,
                    parameter_id,
                })
            }
            [3, _, _] => {
                version(&mut data, 1)?;
                let key_id = optional(&mut data);
                Some(Self::ChipAuthentication { protocol, key_id })
            }
            [1, _] => {
                let key = data.read().ok().filter(|key| key.tag == tlv::SEQUENCE)?;
                Some(Self::ChipAuthenticationPublicKey {
                    protocol,
                    key: key.whole.to_vec(),
                    key_id: optional(&mut data),
                })
            }
            _ => None,
        }
    }
}

/// The version, which must be this one.
fn version(data: &mut Reader<'_>, expected: u32) -> Option<()> {
    let version = data.expect(tlv::INTEGER).ok()?;
    (tlv::number(version) == Ok(expected)).then_some(())
}

/// An optional number at the end; anything else shows when the entry is written back.
fn optional(data: &mut Reader<'_>) -> Option<u32> {
    tlv::number(data.take(tlv::INTEGER).ok()??).ok()
}

impl SecurityInfos {
    /// These entries, in the order of DER, each once.
    #[must_use]
    pub fn new(mut infos: Vec<SecurityInfo>) -> Self {
        infos.sort_by_cached_key(SecurityInfo::encode);
        infos.dedup();
        Self(infos)
    }

    /// EF.CardAccess.
    #[must_use]
    pub fn card_access(&self) -> Vec<u8> {
        let mut entries: Vec<Vec<u8>> = self.0.iter().map(SecurityInfo::encode).collect();
        // DER of a SET OF is sorted by encoding (X.690, 11.6).
        entries.sort();
        tlv::object(tlv::SET, &entries.concat())
    }

    /// EF.DG14.
    #[must_use]
    pub fn dg14(&self) -> Vec<u8> {
        tlv::object(0x6E, &self.card_access())
    }

    /// Reads EF.CardAccess; the entries stay in the order of the file.
    ///
    /// # Errors
    /// `FILE_MALFORMED`.
    pub fn from_card_access(file: &[u8]) -> Result<Self, Fault> {
        Self::read(file).map_err(|why| why.fault(FileId::CardAccess))
    }

    /// Reads EF.DG14; the entries stay in the order of the file.
    ///
    /// # Errors
    /// `FILE_MALFORMED`.
    pub fn from_dg14(file: &[u8]) -> Result<Self, Fault> {
        tlv::only(file, 0x6E)
            .and_then(Self::read)
            .map_err(|why| why.fault(FileId::Dg(14)))
    }

    /// The entries.
    #[must_use]
    pub fn infos(&self) -> &[SecurityInfo] {
        &self.0
    }

    /// Every entry of `other` is here, byte for byte.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|info| self.0.contains(info))
    }

    /// The entries stand in the order of DER, as Doc 9303-11 wants; some published files do not.
    #[must_use]
    pub fn is_in_der_order(&self) -> bool {
        self.0.is_sorted_by_key(SecurityInfo::encode)
    }

    fn read(set: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(tlv::only(set, tlv::SET)?);
        let mut infos = Vec::new();
        while !reader.is_empty() {
            infos.push(SecurityInfo::decode(reader.read()?.whole)?);
        }
        Ok(Self(infos))
    }
}

#[cfg(test)]
mod tests;
