//! Tag, length, value: a small strict reader and writer for what chips and certificates are made of.
//!
//! Tags have one or two bytes, lengths are definite, minimal (DER, X.690 10.1) and at most four bytes long; the
//! input bounds everything, nothing recurses. ICAO's own two-byte tags below number 31 (`5F01`, Doc 9303-10, EF.COM)
//! are not minimal in the sense of X.690 and are accepted.

use crate::base::Fault;
use crate::document::fault::FILE_MALFORMED;

/// INTEGER.
pub const INTEGER: u16 = 0x02;
/// OCTET STRING.
pub const OCTET_STRING: u16 = 0x04;
/// OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u16 = 0x06;
/// UTF8String.
pub const UTF8_STRING: u16 = 0x0C;
/// PrintableString.
pub const PRINTABLE_STRING: u16 = 0x13;
/// SEQUENCE.
pub const SEQUENCE: u16 = 0x30;
/// SET.
pub const SET: u16 = 0x31;

/// Why bytes are not what they should be. Free of the bytes themselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside an object.
    #[error("ends inside an object")]
    Truncated,
    /// A tag of three or more bytes, or one that starts with zero.
    #[error("unknown form of tag")]
    Tag,
    /// An indefinite, non-minimal or longer than four-byte length.
    #[error("unknown form of length")]
    Length,
    /// Another object was due.
    #[error("tag {expected:X} expected")]
    Unexpected {
        /// The tag that was due.
        expected: u16,
    },
    /// Bytes follow where none should.
    #[error("bytes after the end")]
    Trailing,
    /// Well-formed, but not what the standard says of this object.
    #[error("{0}")]
    Content(&'static str),
}

impl Malformed {
    /// As a fault of the card that gave these bytes, `place` being the file.
    #[must_use]
    pub fn fault(self, place: impl std::fmt::Display) -> Fault {
        Fault::new(&FILE_MALFORMED, self.to_string()).at(place)
    }
}

/// The first bytes of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// One or two bytes, as written.
    pub tag: u16,
    /// Bytes of tag and length.
    pub size: usize,
    /// Bytes of the value.
    pub length: usize,
}

impl Header {
    /// Reads tag and length; the value need not be there yet, as when a file's first bytes tell how much to read.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let (tag, after_tag) = match *bytes {
            [] => return Err(Malformed::Truncated),
            [0, ..] => return Err(Malformed::Tag),
            [first, second, ..] if first & 0x1F == 0x1F => {
                if second == 0 || second & 0x80 != 0 {
                    return Err(Malformed::Tag);
                }
                (u16::from_be_bytes([first, second]), 2)
            }
            [first] if first & 0x1F == 0x1F => return Err(Malformed::Truncated),
            [first, ..] => (u16::from(first), 1),
        };
        let rest = bytes.get(after_tag..).unwrap_or_default();
        let (&first, more) = rest.split_first().ok_or(Malformed::Truncated)?;
        if first < 0x80 {
            return Ok(Self {
                tag,
                size: after_tag + 1,
                length: usize::from(first),
            });
        }
        let count = usize::from(first & 0x7F);
        if !(1..=4).contains(&count) {
            return Err(Malformed::Length);
        }
        let digits = more.get(..count).ok_or(Malformed::Truncated)?;
        let length = digits.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        if length < 0x80 || digits.first() == Some(&0) {
            return Err(Malformed::Length);
        }
        Ok(Self {
            tag,
            size: after_tag + 1 + count,
            length: usize::try_from(length).map_err(|_| Malformed::Length)?,
        })
    }

    /// Bytes of the whole object.
    #[must_use]
    pub fn total(&self) -> usize {
        self.size.saturating_add(self.length)
    }
}

/// One object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tlv<'a> {
    /// One or two bytes, as written.
    pub tag: u16,
    /// The value alone.
    pub value: &'a [u8],
    /// The whole object as it was found, tag and length included.
    pub whole: &'a [u8],
}

/// Reads objects one after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next object, whatever it is.
    pub fn read(&mut self) -> Result<Tlv<'a>, Malformed> {
        let header = Header::read(self.rest)?;
        let (whole, rest) = self
            .rest
            .split_at_checked(header.total())
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(Tlv {
            tag: header.tag,
            value: whole.get(header.size..).unwrap_or_default(),
            whole,
        })
    }

    /// The value of the next object, which must have this tag.
    pub fn expect(&mut self, tag: u16) -> Result<&'a [u8], Malformed> {
        self.take(tag)?.ok_or(Malformed::Unexpected { expected: tag })
    }

    /// The value of the next object if it has this tag; otherwise nothing is consumed.
    pub fn take(&mut self, tag: u16) -> Result<Option<&'a [u8]>, Malformed> {
        if self.is_empty() || Header::read(self.rest)?.tag != tag {
            return Ok(None);
        }
        self.read().map(|object| Some(object.value))
    }

    /// Nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Trailing)
        }
    }
}

/// The value of the one object these bytes are.
pub fn only(bytes: &[u8], tag: u16) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(bytes);
    let value = reader.expect(tag)?;
    reader.finish()?;
    Ok(value)
}

/// One object.
#[must_use]
pub fn object(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 7);
    push(&mut bytes, tag, value);
    bytes
}

/// Appends one object.
pub fn push(bytes: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let [high, low] = tag.to_be_bytes();
    if high != 0 {
        bytes.push(high);
    }
    bytes.push(low);
    let length = value.len().to_be_bytes();
    let first = length.iter().position(|&byte| byte != 0);
    let digits = &length[first.unwrap_or(length.len() - 1)..];
    match digits {
        [one @ 0..=0x7F] => bytes.push(*one),
        // At most eight digits, so the count fits into the low bits.
        _ => {
            bytes.push(digits.iter().fold(0x80, |count, _| count + 1));
            bytes.extend_from_slice(digits);
        }
    }
    bytes.extend_from_slice(value);
}

/// The value of a non-negative INTEGER.
#[must_use]
pub fn integer(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|&byte| byte != 0).unwrap_or(3);
    let sign = bytes[first] & 0x80 != 0;
    let mut value = Vec::with_capacity(5);
    if sign {
        value.push(0);
    }
    value.extend_from_slice(&bytes[first..]);
    value
}

/// The number in the value of a small non-negative INTEGER.
pub fn number(value: &[u8]) -> Result<u32, Malformed> {
    const NOT: Malformed = Malformed::Content("not a small non-negative INTEGER");
    let digits = match *value {
        [] => return Err(NOT),
        [0] => value,
        [0, second, ..] if second < 0x80 => return Err(NOT),
        [0, ..] => &value[1..],
        [first, ..] if first >= 0x80 => return Err(NOT),
        _ => value,
    };
    if digits.len() > 4 {
        return Err(NOT);
    }
    Ok(digits.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
}

/// Only the characters of a PrintableString (X.680 41.4).
#[must_use]
pub fn is_printable(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte))
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_minimal_at_every_step() {
        for (length, head) in [
            (0, &hex!("04 00")[..]),
            (0x7F, &hex!("04 7F")),
            (0x80, &hex!("04 81 80")),
            (0xFF, &hex!("04 81 FF")),
            (0x100, &hex!("04 82 0100")),
            (0xFFFF, &hex!("04 82 FFFF")),
            (0x1_0000, &hex!("04 83 010000")),
        ] {
            let bytes = object(OCTET_STRING, &vec![0xA5; length]);
            assert_eq!(&bytes[..head.len()], head);
            assert_eq!(only(&bytes, OCTET_STRING).map(<[u8]>::len), Ok(length));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for (bytes, why) in [
            (&hex!("")[..], Malformed::Unexpected { expected: 4 }),
            (&hex!("04"), Malformed::Truncated),
            (&hex!("5F"), Malformed::Truncated),
            (&hex!("04 02 00"), Malformed::Truncated),
            (&hex!("04 82 01"), Malformed::Truncated),
            (&hex!("04 80 0000"), Malformed::Length),
            (&hex!("04 81 7F"), Malformed::Length),
            (&hex!("04 82 0080"), Malformed::Length),
            (&hex!("04 85 0100000000"), Malformed::Length),
            (&hex!("04 FF"), Malformed::Length),
            (&hex!("00 00"), Malformed::Tag),
            (&hex!("5F 81 01 00"), Malformed::Tag),
            (&hex!("05 00"), Malformed::Unexpected { expected: 4 }),
            (&hex!("04 00 00"), Malformed::Trailing),
        ] {
            assert_eq!(only(bytes, OCTET_STRING), Err(why), "{bytes:02X?}");
        }
        assert_eq!(
            Header::read(&hex!("75 82 35D5")).map(|header| header.total()),
            Ok(13_785)
        );
    }

    #[test]
    fn integers() {
        for (value, expected) in [
            (0, &hex!("00")[..]),
            (127, &hex!("7F")),
            (128, &hex!("0080")),
            (256, &hex!("0100")),
        ] {
            assert_eq!(integer(value), expected);
        }
        for refused in [&hex!("")[..], &hex!("80"), &hex!("0001"), &hex!("0100000000")] {
            assert!(number(refused).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            tag in prop_oneof![1u16..=0x1E, 0x5F1Fu16..=0x5F7F, 0x7F4Eu16..=0x7F62],
            value: Vec<u8>,
        ) {
            let bytes = object(tag, &value);
            prop_assert_eq!(only(&bytes, tag), Ok(&value[..]));
        }

        #[test]
        fn numbers_read_back(value: u32) {
            prop_assert_eq!(number(&integer(value)), Ok(value));
        }

        #[test]
        fn what_reads_is_written_alike(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            let mut written = Vec::new();
            while let Ok(object) = reader.read() {
                push(&mut written, object.tag, object.value);
            }
            prop_assert!(bytes.starts_with(&written));
        }
    }
}
