//! JSON as Python's json module writes it, read under caps on what it becomes.
//!
//! Every reader of a model's folder comes through [`object`], every reader of other programs' pictures through [`object_within`]
//! [`PICTURE`]. Files come from strangers: a value's cost is counted as it is read, so that a file of many small objects costs no
//! more memory than one of text.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The longest configuration file, in bytes. Real ones have a few thousand.
pub(crate) const MAX_CONFIG: u64 = 1024 * 1024;
/// What the values of one file may cost. Real ones have a few hundred.
const MAX_COST: usize = 32_768;
/// What the values of a picture's text may cost. A node of a graph takes about 40 as it is run, and 200 as it is drawn.
const MAX_PICTURE_COST: usize = 200_000;
/// What an object costs beside its fields: a map of one field takes as much memory as a dozen values.
const OBJECT: usize = 12;

/// How much an object may hold.
#[derive(Clone, Copy)]
pub(crate) struct Cap {
    cost: usize,
    /// Completes "it holds more than … values, which no …'s does".
    whose: &'static str,
}

const MODEL: Cap = Cap {
    cost: MAX_COST,
    whose: "model",
};

/// For the texts in pictures.
pub(crate) const PICTURE: Cap = Cap {
    cost: MAX_PICTURE_COST,
    whose: "picture",
};

/// The object that a model's file spells, as Python's json module reads it; the error is one line. Nesting is limited to 128 by
/// serde_json.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    object_within(bytes, MODEL)
}

/// As [`object`], under another cap.
pub(crate) fn object_within(bytes: &[u8], cap: Cap) -> Result<Map<String, Value>, String> {
    // Some editors begin a file with a mark that is no part of it.
    let text = python_numbers(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let left = Cell::new(cap.cost);
    let mut from = serde_json::Deserializer::from_slice(&text);
    let read = Seed { left: &left, cap }.deserialize(&mut from);
    match read.and_then(|value| from.end().map(|()| value)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("it is not an object".to_owned()),
        Err(error) => Err(error.to_string().chars().take(300).collect()),
    }
}

/// Python's json module writes `-Infinity`, `Infinity` and `NaN`, which JSON lacks: here they become ±10³⁰⁸ and null.
/// diffusers writes `-Infinity` for a scheduler's `lambda_min_clipped`. Bytes that are no UTF-8 are replaced.
fn python_numbers(bytes: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [(&[u8], &[u8]); 2] = [(b"Infinity", b"1e308"), (b"NaN", b"null")];
    let text = match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    let has = |word: &[u8]| text.windows(word.len()).any(|found| found == word);
    if !WORDS.iter().any(|(word, _)| has(word)) {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut inside) = (0, false);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let word = WORDS.iter().find(|(word, _)| !inside && rest.starts_with(word));
        let taken = match word {
            Some((word, instead)) => {
                out.extend_from_slice(instead);
                word.len()
            }
            None => {
                let taken = if inside && rest[0] == b'\\' {
                    rest.len().min(2)
                } else {
                    1
                };
                out.extend_from_slice(&rest[..taken]);
                inside ^= rest[0] == b'"';
                taken
            }
        };
        at += taken;
    }
    Cow::Owned(out)
}

/// Reads a value and takes its cost off what is left.
#[derive(Clone, Copy)]
struct Seed<'a> {
    left: &'a Cell<usize>,
    cap: Cap,
}

impl Seed<'_> {
    fn take<E: serde::de::Error>(&self, cost: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(cost);
        self.left.set(left.ok_or_else(|| {
            let Cap { cost, whose } = self.cap;
            E::custom(format!(
                "it holds more than {cost} values, which no {whose}'s does: it is damaged or hostile"
            ))
        })?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.take(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, on: bool) -> Result<Value, E> {
        Ok(Value::Bool(on))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(Number::from_f64(n).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.take::<A::Error>(OBJECT)?;
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            // Of a field that is there twice the last counts, as in Python.
            object.insert(name, map.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("[]", "not an object")]
    #[case("{", "EOF")]
    fn other_json_is_refused(#[case] text: &str, #[case] message: &str) {
        assert!(object(text.as_bytes()).unwrap_err().contains(message));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_it() {
        assert_eq!(object(b"\xef\xbb\xbf{\"a\": 1}").unwrap()["a"], 1);
    }

    #[test]
    fn pythons_numbers_are_read_and_strings_left_alone() {
        let text = r#"{"s":"a \"-Infinity\" \\ NaN","min":-Infinity,"max":Infinity,"none":NaN}"#;
        let found = object(text.as_bytes()).unwrap();
        assert_eq!(found["s"], r#"a "-Infinity" \ NaN"#);
        assert_eq!(
            (&found["min"], &found["max"]),
            (&Value::from(-1e308), &Value::from(1e308))
        );
        assert!(found["none"].is_null());
    }

    #[rstest]
    #[case::objects("{\"a\":[", "{\"a\":0},", "0]}")]
    #[case::lists("{\"a\":[", "[],", "0]}")]
    #[case::numbers("{\"a\":[", "0,", "0]}")]
    fn many_small_values_are_refused(#[case] begin: &str, #[case] unit: &str, #[case] end: &str) {
        let json = format!("{begin}{}{end}", unit.repeat(MAX_CONFIG as usize / unit.len()));
        assert!(object(json.as_bytes()).unwrap_err().contains("no model's does"));
    }

    #[test]
    fn a_picture_may_say_more_than_a_model() {
        let json = |count: usize| format!("{{\"a\":[{}0]}}", "0,".repeat(count));
        let read = |count| object_within(json(count).as_bytes(), PICTURE);
        assert!(read(2 * MAX_COST).is_ok());
        assert!(read(MAX_PICTURE_COST).unwrap_err().contains("no picture's does"));
    }

    #[test]
    fn of_two_fields_the_last_counts() {
        let json = r#"{"a":1,"b":"caf\u00e9","a":[2.5,null,true,-3]}"#;
        let theirs: Map<String, Value> = serde_json::from_str(json).unwrap();
        assert_eq!(object(json.as_bytes()).unwrap(), theirs);
    }

    #[test]
    fn deep_json_is_refused_without_a_deep_stack() {
        let deep = format!("{{\"a\":{}", "[".repeat(500_000));
        assert!(object(deep.as_bytes()).unwrap_err().contains("recursion limit"));
    }
}
