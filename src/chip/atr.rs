//! The answer to reset (ISO/IEC 7816-3, section 8.2): enough of it to tell a mistyped one in a profile.

/// First byte: the convention, direct or inverse.
const CONVENTIONS: [u8; 2] = [0x3B, 0x3F];
/// The longest, without its first byte.
const BYTES_MAX: usize = 32;

/// Are there as many bytes as the answer itself announces, and is its check byte right? An answer that knows no
/// protocol but T=0 has none.
#[must_use]
pub fn is_whole(atr: &[u8]) -> bool {
    let Some((convention, rest)) = atr.split_first() else {
        return false;
    };
    if !CONVENTIONS.contains(convention) || rest.len() > BYTES_MAX {
        return false;
    }
    match announced(rest) {
        Some((bytes, false)) => rest.len() == bytes,
        Some((bytes, true)) => {
            rest.len() == bytes + 1 && rest.iter().fold(0, |check, byte| check ^ byte) == 0
        }
        None => false,
    }
}

/// How many bytes come from T0 on before the check byte, and whether there is one; nothing if it breaks off.
fn announced(rest: &[u8]) -> Option<(usize, bool)> {
    let format = *rest.first()?;
    let historical = usize::from(format & 0x0F);
    let (mut indicator, mut at, mut checked) = (format, 1, false);
    // Of TA, TB, TC and TD each is there if its bit is set; TD says which come next, and names a protocol.
    while indicator & 0x80 != 0 {
        at += (indicator & 0x70).count_ones() as usize;
        indicator = *rest.get(at)?;
        checked |= indicator & 0x0F != 0;
        at += 1;
    }
    at += (indicator & 0x70).count_ones() as usize;
    Some((at + historical, checked))
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    /// T=0 alone, T=1 alone, both, and the contactless form of the PC/SC specification, part 3, section 3.1.3.2.3.
    const WHOLE: [&[u8]; 4] = [
        &hex!("3B 65 00 00 9C 02 02 07 02"),
        &hex!("3B 81 01 41 C1"),
        &hex!("3B 80 80 01 01"),
        &hex!("3B 88 80 01 4D 41 55 52 43 43 2D 31 1E"),
    ];

    #[test]
    fn answers_of_real_cards_are_whole() {
        for atr in WHOLE {
            assert!(is_whole(atr), "{atr:02X?}");
        }
    }

    #[test]
    fn what_is_cut_added_or_mistyped_is_noticed() {
        for atr in WHOLE {
            assert!(!is_whole(&atr[..atr.len() - 1]), "{atr:02X?}");
            assert!(!is_whole(&[atr, &[0]].concat()), "{atr:02X?}");
        }
        assert!(!is_whole(&hex!("3B 88 80 01 4D 41 55 52 43 43 2D 31 E5")));
        assert!(!is_whole(&hex!("3C 80 80 01 01")));
        assert!(!is_whole(&[]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(atr in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = is_whole(&atr);
        }

        /// A check byte sees every change of one byte behind the format byte that announces nothing new.
        #[test]
        fn no_historical_byte_changes_unnoticed(at in 4usize..12, change in 1u8..) {
            let mut atr = WHOLE[3].to_vec();
            atr[at] ^= change;
            prop_assert!(!is_whole(&atr));
        }
    }
}
