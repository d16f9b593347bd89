//! JSON from outside: duplicate members refused, depth and size bounded; and its canonical form (RFC 8785).
//!
//! Two readers of a document with duplicate members may see two documents, and only one of them was signed
//! (RFC 8259, section 4; RFC 7493, section 2.3), so such a document is refused at every level.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::fault;
use crate::base::{Code, Fault, limits};

/// A dossier is nested five deep.
const DEPTH_MAX: usize = 16;
/// A dossier has about a hundred values.
const VALUES_MAX: usize = 4_096;
/// The largest integer every JSON reader keeps exactly (RFC 7493, section 2.2).
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Reads one JSON document of at most [`limits::DOSSIER_BYTES_MAX`] bytes.
///
/// # Errors
/// Too large, not JSON (or with anything behind it), a member twice, nested too deep, too many values, a number
/// that not every reader keeps exactly. No more memory is used than the bounds allow.
pub fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    if bytes.len() > limits::DOSSIER_BYTES_MAX {
        return Err(Fault::new(&fault::TOO_LARGE, bytes.len().to_string()));
    }
    let state = State {
        values: Cell::new(0),
        refusal: Cell::new(None),
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let outcome = Strict {
        state: &state,
        depth: 0,
    }
    .deserialize(&mut reader)
    .and_then(|value| reader.end().map(|()| value));
    // serde_json's own message may quote the document: only the place is told.
    outcome.map_err(|error| {
        Fault::new(
            state.refusal.take().unwrap_or(&fault::JSON_UNREADABLE),
            format!("line {}, column {}", error.line(), error.column()),
        )
    })
}

/// The canonical form of an object without one of its members.
///
/// # Errors
/// A number that has no canonical form.
pub fn canonical_without(object: &Map<String, Value>, member: &str) -> Result<Vec<u8>, Fault> {
    let rest: std::collections::BTreeMap<&String, &Value> =
        object.iter().filter(|(name, _)| *name != member).collect();
    serde_json_canonicalizer::to_vec(&rest).map_err(|_| Fault::new(&fault::JSON_NUMBER, ""))
}

struct State {
    values: Cell<usize>,
    refusal: Cell<Option<&'static Code>>,
}

impl State {
    fn refuse<E: Error>(&self, code: &'static Code) -> E {
        self.refusal.set(Some(code));
        E::custom("refused")
    }
}

/// Reads one value, counting values and depth.
#[derive(Clone, Copy)]
struct Strict<'s> {
    state: &'s State,
    depth: usize,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(self.state.refuse(&fault::JSON_TOO_COMPLEX));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values = self.state.values.get() + 1;
        if values > VALUES_MAX {
            return Err(self.state.refuse(&fault::JSON_TOO_COMPLEX));
        }
        self.state.values.set(values);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX {
            return Err(self.state.refuse(&fault::JSON_NUMBER));
        }
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            return Err(self.state.refuse(&fault::JSON_NUMBER));
        }
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // An integer too large for u64 arrives here as well.
        if !value.is_finite() || value.abs() > 9_007_199_254_740_991.0 {
            return Err(self.state.refuse(&fault::JSON_NUMBER));
        }
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.state.refuse(&fault::JSON_DUPLICATE));
            }
            object.insert(name, members.next_value_seed(inner)?);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &[u8]) -> &'static str {
        parse(text).unwrap_err().code.id
    }

    #[test]
    fn duplicates_are_refused_at_every_level() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"c":2,"b":3}}"#,
            r#"[[{"x":0,"x":0}]]"#,
            // The same member, written with an escape.
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert_eq!(refusal(text.as_bytes()), fault::JSON_DUPLICATE.id, "{text}");
        }
        assert!(parse(br#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(refusal(&vec![b' '; 10 << 20]), fault::TOO_LARGE.id);
        assert_eq!(
            refusal("[".repeat(1_000_000).as_bytes()),
            fault::JSON_TOO_COMPLEX.id
        );
        assert_eq!(
            refusal(r#"{"a":"#.repeat(1000).as_bytes()),
            fault::JSON_TOO_COMPLEX.id
        );
        assert_eq!(
            refusal(format!("[{}1]", "1,".repeat(5000)).as_bytes()),
            fault::JSON_TOO_COMPLEX.id
        );
        assert_eq!(refusal(b"9007199254740992"), fault::JSON_NUMBER.id);
        assert_eq!(refusal(b"123456789012345678901234567890"), fault::JSON_NUMBER.id);
        assert_eq!(refusal(b"{} {}"), fault::JSON_UNREADABLE.id);
        assert_eq!(refusal(b"\xEF\xBB\xBF{}"), fault::JSON_UNREADABLE.id);
        assert_eq!(refusal(b"\"\xFF\""), fault::JSON_UNREADABLE.id);
        assert_eq!(refusal(br#""\ud800""#), fault::JSON_UNREADABLE.id);
    }

    #[test]
    fn a_fault_does_not_quote_the_document() {
        let fault = parse(br#"{"name": "Lan" "#).unwrap_err();
        assert!(!fault.to_string().contains("Lan"), "{fault}");
    }

    /// RFC 8785, section 3.2.2, its sample with 1E15 in place of 1E30, which is outside the bound.
    #[test]
    fn the_canonical_form_is_that_of_rfc_8785() {
        let input = r#"{
            "numbers": [333333333.33333329, 1E15, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false], "integrity": 1
        }"#;
        let Value::Object(object) = parse(input.as_bytes()).unwrap() else {
            panic!("an object");
        };
        let expected = concat!(
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1000000000000000,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        assert_eq!(
            canonical_without(&object, "integrity").unwrap(),
            expected.as_bytes()
        );
    }

    /// RFC 8785, section 3.2.3: members are sorted by UTF-16 code units.
    #[test]
    fn members_are_sorted_by_utf_16() {
        let input =
            "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
        let Value::Object(object) = parse(input.as_bytes()).unwrap() else {
            panic!("an object");
        };
        let expected =
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical_without(&object, "").unwrap(), expected.as_bytes());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
