//! A set of attributes: type to value, as the C interface carries them (numbers in the machine's byte order).

use std::collections::BTreeMap;

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CK_FALSE, CK_TRUE, CK_ULONG};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Attributes in the order of their types.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Attributes(BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>);

impl Attributes {
    /// The raw value.
    pub(crate) fn bytes(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.0.get(&attribute).map(Vec::as_slice)
    }

    /// A truth value; absent is false.
    pub(crate) fn flag(&self, attribute: CK_ATTRIBUTE_TYPE) -> bool {
        self.bytes(attribute) == Some([CK_TRUE].as_slice())
    }

    /// A number, if it is there and has a number's length.
    pub(crate) fn ulong(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<CK_ULONG> {
        let bytes = self.bytes(attribute)?.try_into().ok()?;
        Some(CK_ULONG::from_ne_bytes(bytes))
    }

    /// Sets a raw value and tells the one it replaced.
    pub(crate) fn set(&mut self, attribute: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) -> Option<Vec<u8>> {
        self.0.insert(attribute, value.into())
    }

    /// Sets a truth value.
    pub(crate) fn set_flag(&mut self, attribute: CK_ATTRIBUTE_TYPE, value: bool) {
        self.set(attribute, [if value { CK_TRUE } else { CK_FALSE }]);
    }

    /// Sets a number.
    pub(crate) fn set_ulong(&mut self, attribute: CK_ATTRIBUTE_TYPE, value: CK_ULONG) {
        self.set(attribute, value.to_ne_bytes());
    }

    /// Takes an attribute out.
    pub(crate) fn take(&mut self, attribute: CK_ATTRIBUTE_TYPE) -> Option<Vec<u8>> {
        self.0.remove(&attribute)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, &[u8])> {
        self.0
            .iter()
            .map(|(attribute, value)| (*attribute, value.as_slice()))
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.iter()
                .map(|(attribute, value)| (format!("{attribute:08x}"), hex(value))),
        )
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<String, String>::deserialize(deserializer)?
            .into_iter()
            .map(|(attribute, value)| {
                let attribute = CK_ATTRIBUTE_TYPE::from_str_radix(&attribute, 16).ok()?;
                Some((attribute, unhex(&value)?))
            })
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| de::Error::custom("attributes are hexadecimal"))
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The inverse of [`hex`].
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use cryptoki_sys::{CKA_LABEL, CKA_SIGN, CKA_VALUE_LEN};

    use super::*;

    #[test]
    fn attributes_survive_the_file() {
        let mut attributes = Attributes::default();
        attributes.set(CKA_LABEL, "ds-01");
        attributes.set_flag(CKA_SIGN, true);
        attributes.set_ulong(CKA_VALUE_LEN, 32);
        let text = serde_json::to_string(&attributes).unwrap();
        assert_eq!(serde_json::from_str::<Attributes>(&text).unwrap(), attributes);
        assert!(attributes.flag(CKA_SIGN));
        assert_eq!(attributes.ulong(CKA_VALUE_LEN), Some(32));
        assert_eq!(attributes.ulong(CKA_LABEL), None);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        for text in [r#"{"zz":"00"}"#, r#"{"00000003":"0"}"#, r#"{"00000003":"é0"}"#] {
            assert!(serde_json::from_str::<Attributes>(text).is_err(), "{text}");
        }
    }
}
