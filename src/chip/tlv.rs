//! The BER-TLV of chips (ISO/IEC 8825-1 as ISO/IEC 7816-4 uses it): tags of one or two bytes, lengths up to three.

/// One data object and what follows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Object<'a> {
    /// The tag, such as `0x99` or `0x7F49`.
    pub tag: u16,
    /// The contents.
    pub value: &'a [u8],
    /// Tag, length and contents.
    pub whole: &'a [u8],
    /// The bytes after it.
    pub rest: &'a [u8],
}

/// The tag, the bytes of tag and length, and the length of the contents that an object announces.
///
/// Nothing if the bytes are too few or the form is not one that chips use.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let (tag, rest) = if first & 0x1F == 0x1F {
        let (&second, rest) = rest.split_first()?;
        // A third tag byte is announced by the high bit: no object of an eMRTD has one.
        (second < 0x80).then_some((u16::from_be_bytes([first, second]), rest))?
    } else {
        (u16::from(first), rest)
    };
    let (length, rest) = match *rest {
        [length @ 0..=0x7F, ref rest @ ..] => (usize::from(length), rest),
        [0x81, length, ref rest @ ..] => (usize::from(length), rest),
        [0x82, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        [0x83, top, high, low, ref rest @ ..] => (u32::from_be_bytes([0, top, high, low]) as usize, rest),
        _ => return None,
    };
    Some((tag, bytes.len() - rest.len(), length))
}

/// The first data object, or nothing if it is malformed or cut short.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Object<'_>> {
    let (tag, start, length) = header(bytes)?;
    let (whole, rest) = bytes.split_at_checked(start.checked_add(length)?)?;
    Some(Object {
        tag,
        value: &whole[start..],
        whole,
        rest,
    })
}

/// The contents of the one object with this tag that the bytes consist of.
#[must_use]
pub fn only(tag: u16, bytes: &[u8]) -> Option<&[u8]> {
    read(bytes)
        .filter(|object| object.tag == tag && object.rest.is_empty())
        .map(|object| object.value)
}

/// All data objects in their order; the first malformed one ends the list with an error.
pub fn objects(mut bytes: &[u8]) -> impl Iterator<Item = Result<Object<'_>, Malformed>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let object = read(bytes);
        bytes = object.map_or(&[], |object| object.rest);
        Some(object.ok_or(Malformed))
    })
}

/// Bytes that are not a list of data objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed;

/// Writes the tag and the length of an object whose contents come next.
pub fn push_header(out: &mut Vec<u8>, tag: u16, length: usize) {
    let [high, low] = tag.to_be_bytes();
    if high != 0 {
        out.push(high);
    }
    out.push(low);
    let [.., top, high, low] = length.to_be_bytes();
    match (top, high, low) {
        (0, 0, 0..=0x7F) => out.push(low),
        (0, 0, _) => out.extend([0x81, low]),
        (0, ..) => out.extend([0x82, high, low]),
        _ => out.extend([0x83, top, high, low]),
    }
}

/// Writes one object.
pub fn push(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    push_header(out, tag, value.len());
    out.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_that_chips_do_not_use_are_refused() {
        for bytes in [
            &[0x7F, 0x81, 0x01, 0x00][..],
            &[0x30, 0x80],
            &[0x30, 0x84, 0, 0, 0, 0],
            &[0x30, 0x02, 0x00],
        ] {
            assert_eq!(read(bytes), None);
        }
        assert_eq!(only(0x60, &[0x60, 0x01, 0x05]), Some(&[5][..]));
        assert_eq!(only(0x60, &[0x60, 0x01, 0x05, 0x00]), None);
    }

    proptest! {
        #[test]
        fn objects_read_back(
            tag in prop_oneof![Just(0x99u16), Just(0x7F49), Just(0x5F2E)],
            value in proptest::collection::vec(any::<u8>(), 0..70_000),
        ) {
            let mut bytes = Vec::new();
            push(&mut bytes, tag, &value);
            prop_assert_eq!(only(tag, &bytes), Some(&value[..]));
        }

        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(objects(&bytes).count() <= bytes.len());
        }
    }
}
