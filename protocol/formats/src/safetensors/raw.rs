//! The header's JSON as it stands, before anything in it is believed.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::MAX_TENSORS;

/// One tensor as written. Unknown fields are skipped, a field given twice is an error.
#[derive(Deserialize)]
pub(super) struct RawEntry {
    pub dtype: String,
    pub shape: Vec<u64>,
    pub data_offsets: (u64, u64),
}

/// A `T` written as an object; serde's derive would take an array of the fields' values as well.
pub(super) struct Object<T>(pub T);

/// Tensors and metadata in the file's order, duplicates included.
#[derive(Default)]
pub(super) struct RawHeader {
    pub tensors: Vec<(String, RawEntry)>,
    pub metadata: Option<Pairs>,
}

/// A JSON object of strings in its own order, duplicates included.
pub(super) struct Pairs(pub Vec<(String, String)>);

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if header.metadata.is_some() {
                    return Err(A::Error::custom("'__metadata__' is there twice"));
                }
                header.metadata = Some(map.next_value::<Option<Pairs>>()?.unwrap_or(Pairs(Vec::new())));
                continue;
            }
            // One more than allowed is kept, so that the caller can say so.
            if header.tensors.len() > MAX_TENSORS {
                return Err(A::Error::custom("too many tensors"));
            }
            header.tensors.push((name, map.next_value::<Object<RawEntry>>()?.0));
        }
        Ok(header)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Object)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
