//! The header's JSON as it streams by: every entry is checked and put into its table as it comes, so that memory holds what a
//! model may be and never what a stranger wrote. A cap that is passed, or a name that is there twice, ends the reading at once.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::header::{Entry, checked};
use super::{HeaderProblem, MAX_METADATA, MAX_NAME, MAX_RANK, MAX_TENSORS};

/// One tensor as written. Unknown fields are skipped, a field given twice is an error.
#[derive(Deserialize)]
pub(super) struct RawEntry {
    pub dtype: TypeName,
    pub shape: Dimensions,
    pub data_offsets: (u64, u64),
}

/// The name of an element type, cut where it is longer than any.
pub(super) struct TypeName(pub String);

/// Dimensions: as many as may be and how many there are.
pub(super) struct Dimensions {
    pub sizes: Vec<u64>,
    pub rank: usize,
}

/// Reads a header into tables; what is wrong beyond JSON's own rules is in `problem`.
pub(super) struct HeaderSeed<'a> {
    pub problem: &'a RefCell<Option<HeaderProblem>>,
}

/// Tensors, their ranges still counted from the end of the header, and metadata.
#[derive(Default)]
pub(super) struct Tables {
    pub tensors: BTreeMap<String, Entry>,
    pub metadata: BTreeMap<String, String>,
}

impl<'de> DeserializeSeed<'de> for HeaderSeed<'_> {
    type Value = Tables;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tables, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl HeaderSeed<'_> {
    /// Ends the reading for that reason.
    fn stop<E: serde::de::Error>(&self, problem: HeaderProblem) -> E {
        self.problem.replace(Some(problem));
        E::custom("the header is refused")
    }
}

impl<'de> Visitor<'de> for HeaderSeed<'_> {
    type Value = Tables;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tables, A::Error> {
        let mut tables = Tables::default();
        let mut has_metadata = false;
        while let Some(Name(name)) = map.next_key()? {
            if name == "__metadata__" {
                if std::mem::replace(&mut has_metadata, true) {
                    return Err(A::Error::custom("'__metadata__' is there twice"));
                }
                tables.metadata = map.next_value_seed(MetadataSeed(&self))?;
                continue;
            }
            if name.len() > MAX_NAME {
                return Err(self.stop(HeaderProblem::LongName { len: name.len() }));
            }
            if tables.tensors.len() == MAX_TENSORS {
                return Err(self.stop(HeaderProblem::TooManyTensors));
            }
            let raw = map.next_value::<Object<RawEntry>>()?.0;
            let entry = checked(&name, raw).map_err(|problem| self.stop(problem))?;
            match tables.tensors.entry(name.into_owned()) {
                Slot::Vacant(slot) => slot.insert(entry),
                Slot::Occupied(slot) => {
                    let name = slot.key().clone();
                    return Err(self.stop(HeaderProblem::Duplicate { name }));
                }
            };
        }
        Ok(tables)
    }
}

/// Reads `__metadata__`: an object of strings, or null.
struct MetadataSeed<'a, 'b>(&'a HeaderSeed<'b>);

impl<'de> DeserializeSeed<'de> for MetadataSeed<'_, '_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MetadataSeed<'_, '_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if metadata.len() == MAX_METADATA {
                return Err(self.0.stop(HeaderProblem::TooMuchMetadata));
            }
            match metadata.entry(key) {
                Slot::Vacant(slot) => slot.insert(map.next_value::<String>()?),
                Slot::Occupied(slot) => {
                    let name = slot.key().clone();
                    return Err(self.0.stop(HeaderProblem::Duplicate { name }));
                }
            };
        }
        Ok(metadata)
    }
}

/// A tensor's name, without a copy where it has no escapes.
pub(super) struct Name<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Self)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

impl<'de> Deserialize<'de> for TypeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Name(name) = Name::deserialize(deserializer)?;
        Ok(Self(name.chars().take(200).collect()))
    }
}

impl<'de> Deserialize<'de> for Dimensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(DimensionsVisitor)
    }
}

struct DimensionsVisitor;

impl<'de> Visitor<'de> for DimensionsVisitor {
    type Value = Dimensions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of whole numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Dimensions, A::Error> {
        let mut sizes = Vec::new();
        while sizes.len() < MAX_RANK {
            match seq.next_element()? {
                Some(size) => sizes.push(size),
                None => {
                    let rank = sizes.len();
                    return Ok(Dimensions { sizes, rank });
                }
            }
        }
        let mut rank = sizes.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            rank += 1;
        }
        Ok(Dimensions { sizes, rank })
    }
}

/// A `T` written as an object; serde's derive would take an array of the fields' values as well.
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(ObjectVisitor(std::marker::PhantomData))
            .map(Object)
    }
}

struct ObjectVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
