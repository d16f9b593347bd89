//! Data groupings, the form in which personalization data are stored (EMV Card Personalization Specification 1.1,
//! section 2.4.4, and GlobalPlatform Card Specification 2.3.1, section 11.11): two bytes of name, a length of one byte
//! or of `FF` and two, and the value. Groupings follow each other without a gap, and a block of STORE DATA may end in
//! the middle of one.

use zeroize::Zeroizing;

/// From this length on the length has three bytes.
const LONG: usize = 0xFF;

/// Appends a grouping. Its value has at most 65,535 bytes.
pub(super) fn push(stream: &mut Vec<u8>, name: u16, value: &[u8]) {
    debug_assert!(value.len() <= usize::from(u16::MAX));
    stream.extend(name.to_be_bytes());
    let [.., high, low] = value.len().to_be_bytes();
    if value.len() < LONG {
        stream.push(low);
    } else {
        stream.extend([0xFF, high, low]);
    }
    stream.extend(value);
}

/// The bytes that [`push`] appends for so long a value.
pub(super) fn length(value: usize) -> usize {
    value + if value < LONG { 3 } else { 5 }
}

/// Groupings in one stream, wiped when dropped: some of them are secrets.
pub(super) fn stream<'v>(groupings: impl Iterator<Item = (u16, &'v [u8])> + Clone) -> Zeroizing<Vec<u8>> {
    // Made in one piece, so that no copy is left behind by growing.
    let total = groupings.clone().map(|(_, value)| length(value.len())).sum();
    let mut stream = Zeroizing::new(Vec::with_capacity(total));
    for (name, value) in groupings {
        push(&mut stream, name, value);
    }
    stream
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    #[test]
    fn short_and_long_lengths() {
        let mut stream = Vec::new();
        push(&mut stream, 0x0101, &[1, 2]);
        push(&mut stream, 0x8062, &[]);
        assert_eq!(stream, hex!("0101020102 806200"));
        for (size, head) in [
            (0xFE, &hex!("0102FE")[..]),
            (0xFF, &hex!("0102FF00FF")),
            (0x0100, &hex!("0102FF0100")),
            (0xFFFF, &hex!("0102FFFFFF")),
        ] {
            let mut stream = Vec::new();
            push(&mut stream, 0x0102, &vec![7; size]);
            assert!(stream.starts_with(head) && stream.len() == length(size), "{size}");
        }
    }
}
