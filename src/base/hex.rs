//! Hexadecimal text, upper case, as the card world writes it.

use std::fmt::Write;

/// Bytes as upper-case hexadecimal digits.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        })
}

/// The bytes of hexadecimal text (either case, blanks between bytes allowed), or nothing if it is not that.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high << 4 | low).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_and_refusals() {
        assert_eq!(encode(&[0, 0xAB, 0xFF]), "00ABFF");
        assert_eq!(decode("00 ab\nFF"), Some(vec![0, 0xAB, 0xFF]));
        assert_eq!(decode("0"), None);
        assert_eq!(decode("0g"), None);
    }
}
