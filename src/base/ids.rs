//! Identifiers: one type for each kind of thing that is counted, so that they cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// From text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The serial number the supplier gave a blank card.
    BlankId
}
text_id! {
    /// A sealed pack of blanks as the supplier delivered it.
    PackId
}
text_id! {
    /// A machine of the hall, or a desk.
    MachineId
}
text_id! {
    /// The box label.
    BoxId
}
text_id! {
    /// The code of an office that receives cards.
    OfficeCode
}
text_id! {
    /// What a chip says of itself before seal: IC fabricator, type, batch and serial number of its CPLC data
    /// (GlobalPlatform Card Specification 2.3.1, section 11-6), hexadecimal. Never the ISO 14443 UID, which may be
    /// random.
    ChipId
}
text_id! {
    /// The SHA-256 of EF.SOD, hexadecimal: the identity of a sealed chip.
    SodHash
}
text_id! {
    /// A person who works in the hall.
    PersonId
}

/// A facility's own number for an order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct OrderKey(pub u64);

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "O{:07}", self.0)
    }
}

impl FromStr for OrderKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.strip_prefix('O')
            .ok_or(())?
            .parse()
            .map(Self)
            .map_err(|_| ())
    }
}

/// One physical try at an order: the first is 1.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AttemptId {
    /// The order tried.
    pub order: OrderKey,
    /// Which try.
    pub number: u16,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.order, self.number)
    }
}

impl FromStr for AttemptId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (order, number) = text.split_once('.').ok_or(())?;
        Ok(Self {
            order: order.parse()?,
            number: number.parse().map_err(|_| ())?,
        })
    }
}

/// Consecutive orders of one office, profile and blank type, given to one machine.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct LotId(pub u64);

impl fmt::Display for LotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{:06}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_reads_back() {
        let attempt = AttemptId {
            order: OrderKey(42),
            number: 2,
        };
        assert_eq!(attempt.to_string(), "O0000042.2");
        assert_eq!("O0000042.2".parse(), Ok(attempt));
        assert_eq!("42.2".parse::<AttemptId>(), Err(()));
    }
}
