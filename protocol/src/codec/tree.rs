//! JSON from strangers as a small tree: parsed under a cap on its nodes and its depth.
//!
//! The JSON-RPC door reads `params` into one of these, whatever the method, then into the method's own type (`typed`). A line
//! that holds a million small objects costs no more than its own bytes: what is over the cap is passed over unread. Text is
//! bounded by the line, which the reader of lines bounds.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most values that one tree holds. The largest request there is has fewer than a hundred.
pub(super) const MAX_NODES: usize = 4096;
/// The deepest nesting. Requests nest three deep.
const MAX_DEPTH: usize = 16;

/// A JSON value. Objects keep the order of their fields, and fields that are there twice.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// What one tree may still become.
pub(super) struct Allowance {
    nodes: Cell<usize>,
    over: Cell<bool>,
}

impl Allowance {
    /// Room for so many values.
    pub(super) fn of(nodes: usize) -> Self {
        Self {
            nodes: Cell::new(nodes),
            over: Cell::new(false),
        }
    }

    /// Whether something did not fit: the tree that was read is not the whole.
    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Takes one node `depth` deep, if there is room.
    fn take(&self, depth: usize) -> bool {
        let left = self.nodes.get();
        if left == 0 || depth > MAX_DEPTH {
            self.over.set(true);
            return false;
        }
        self.nodes.set(left - 1);
        true
    }
}

/// Reads one tree.
#[derive(Clone, Copy)]
pub(super) struct Seed<'a> {
    pub(super) allowance: &'a Allowance,
    depth: usize,
}

impl<'a> Seed<'a> {
    pub(super) fn new(allowance: &'a Allowance) -> Self {
        Self { allowance, depth: 0 }
    }

    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        if self.allowance.take(self.depth) {
            deserializer.deserialize_any(self)
        } else {
            // Passed over without recursion, however deep it is.
            deserializer.deserialize_ignored_any(IgnoredAny)?;
            Ok(Tree::Null)
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, on: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(on))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Tree, E> {
        Ok(Tree::Unsigned(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Tree, E> {
        Ok(Tree::Signed(n))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Tree, E> {
        Ok(Tree::Float(n))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while !self.allowance.is_over() {
            match seq.next_element_seed(self.deeper())? {
                Some(value) => list.push(value),
                None => return Ok(Tree::List(list)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Tree::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut fields = Vec::new();
        while !self.allowance.is_over() {
            match map.next_key()? {
                Some(name) => fields.push((name, map.next_value_seed(self.deeper())?)),
                None => return Ok(Tree::Object(fields)),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Tree::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn read(json: &str) -> Option<Tree> {
        let allowance = Allowance::of(MAX_NODES);
        let mut from = serde_json::Deserializer::from_str(json);
        let tree = Seed::new(&allowance).deserialize(&mut from).unwrap();
        from.end().unwrap();
        (!allowance.is_over()).then_some(tree)
    }

    #[test]
    fn order_and_fields_that_are_there_twice_are_kept() {
        let twice = |name: &str, n| (name.to_owned(), Tree::Unsigned(n));
        assert_eq!(
            read(r#"{"b":1,"a":2,"b":3}"#),
            Some(Tree::Object(vec![twice("b", 1), twice("a", 2), twice("b", 3)]))
        );
    }

    #[rstest]
    #[case::objects(format!("[{}{{}}]", "{},".repeat(MAX_NODES)))]
    #[case::fields(format!("{{{}\"b\":1}}", "\"a\":1,".repeat(MAX_NODES)))]
    #[case::deep(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)))]
    #[case::deep_objects(format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000)))]
    fn what_is_over_the_cap_is_passed_over(#[case] json: String) {
        assert_eq!(read(&json), None);
    }
}
