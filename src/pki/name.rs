//! Names of certificate holders (Doc 9303-12, table 5: countryName in upper case, others UTF8String).

use const_oid::ObjectIdentifier;
use der::asn1::{Any, PrintableStringRef, Utf8StringRef};
use serde::{Deserialize, Serialize};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use super::asn1;
use super::fault;
use crate::base::Fault;

/// Country, organization and common name of a CSCA or document signer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EntityName {
    /// Two upper-case letters (ISO 3166-1 alpha-2), which readers compare with the issuing state in the MRZ.
    pub country: String,
    /// The organization.
    pub organization: String,
    /// The common name.
    pub common_name: String,
}

impl EntityName {
    /// The DER of the distinguished name: C, O, CN.
    ///
    /// # Errors
    /// `PKI-007` if the country is not two upper-case letters, or a name is empty or longer than 64 characters
    /// (RFC 5280, appendix A.1).
    pub fn to_der(&self) -> Result<Vec<u8>, Fault> {
        if self.country.len() != 2 || !self.country.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Err(Fault::new(
                &fault::PLAN_REFUSED,
                "country: two upper-case letters",
            ));
        }
        for (field, text) in [
            ("organization", &self.organization),
            ("common name", &self.common_name),
        ] {
            if !(1..=64).contains(&text.chars().count()) {
                return Err(Fault::new(
                    &fault::PLAN_REFUSED,
                    format!("{field}: 1 to 64 characters"),
                ));
            }
        }
        let name = || -> der::Result<RdnSequence> {
            let mut name = RdnSequence::default();
            name.push(attribute(
                COUNTRY,
                Any::from(PrintableStringRef::new(&self.country)?),
            )?);
            name.push(attribute(
                ORGANIZATION,
                Any::from(Utf8StringRef::new(&self.organization)?),
            )?);
            name.push(attribute(
                COMMON_NAME,
                Any::from(Utf8StringRef::new(&self.common_name)?),
            )?);
            Ok(name)
        };
        asn1::encode("name", &name().map_err(|error| asn1::encoding("name", error))?)
    }

    /// Does the common name say that this is a rehearsal?
    #[must_use]
    pub fn says_rehearsal(&self) -> bool {
        says_rehearsal(&self.common_name)
    }
}

/// The DER of a name that holds a locality only: the issuing state in alternative names (Doc 9303-12, table 5).
pub(crate) fn locality(state: &str) -> Result<Vec<u8>, Fault> {
    if state.len() != 3 || !state.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(Fault::new(
            &fault::PLAN_REFUSED,
            "state: three upper-case letters as in the MRZ",
        ));
    }
    let name = || -> der::Result<RdnSequence> {
        let mut name = RdnSequence::default();
        name.push(attribute(LOCALITY, Any::from(PrintableStringRef::new(state)?))?);
        Ok(name)
    };
    asn1::encode(
        "locality",
        &name().map_err(|error| asn1::encoding("locality", error))?,
    )
}

/// The word that keeps a rehearsal certificate from passing for a real one.
pub(crate) fn says_rehearsal(text: &str) -> bool {
    text.contains("REHEARSAL")
}

fn attribute(oid: ObjectIdentifier, value: Any) -> der::Result<RelativeDistinguishedName> {
    RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid, value }])
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const LOCALITY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.7");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

#[cfg(test)]
mod tests {
    use super::*;

    fn name(country: &str, organization: &str) -> EntityName {
        EntityName {
            country: country.into(),
            organization: organization.into(),
            common_name: "DS".into(),
        }
    }

    #[test]
    fn the_country_is_printable_and_the_rest_utf8() {
        let der = name("VN", "Bộ").to_der().unwrap();
        assert_eq!(
            crate::base::hex::encode(&der),
            "3029310B300906035504061302564E310D300B060355040A0C0442E1BB99310B300906035504030C024453"
        );
        assert_eq!(
            crate::base::hex::encode(&locality("VNM").unwrap()),
            "300E310C300A06035504071303564E4D"
        );
    }

    #[test]
    fn bad_parts_are_refused() {
        for bad in [
            name("vn", "O"),
            name("VNM", "O"),
            name("VN", ""),
            name("VN", &"x".repeat(65)),
        ] {
            assert_eq!(bad.to_der().unwrap_err().code, &fault::PLAN_REFUSED);
        }
        assert!(locality("VN").is_err());
    }
}
