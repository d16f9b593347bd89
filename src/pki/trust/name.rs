//! Distinguished names as others write them.

use std::fmt;

use x509_parser::x509::X509Name;

/// A distinguished name.
#[derive(Clone, Eq, PartialEq)]
pub struct DistinguishedName {
    der: Vec<u8>,
    text: String,
    country: Option<String>,
    /// Relative names as pairs of attribute type and comparable value.
    comparable: Vec<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl DistinguishedName {
    /// Takes a name out of what x509-parser has read.
    pub(crate) fn read(name: &X509Name<'_>) -> Self {
        let comparable = name
            .iter_rdn()
            .map(|relative| {
                relative
                    .iter()
                    .map(|attribute| {
                        let value = attribute
                            .as_str()
                            .map_or_else(|_| attribute.as_slice().to_vec(), |text| fold(text).into_bytes());
                        (attribute.attr_type().as_bytes().to_vec(), value)
                    })
                    .collect()
            })
            .collect();
        Self {
            der: name.as_raw().to_vec(),
            text: name.to_string(),
            country: name
                .iter_country()
                .next()
                .and_then(|country| country.as_str().ok())
                .map(str::to_owned),
            comparable,
        }
    }

    /// Its DER, as found.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The country, as written.
    #[must_use]
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// The same name, however its strings are typed, cased and spaced (RFC 5280, section 7.1).
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.der == other.der || self.comparable == other.comparable
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn fold(text: &str) -> String {
    text.split_whitespace()
        .map(str::to_lowercase)
        .collect::<Vec<_>>()
        .join(" ")
}
