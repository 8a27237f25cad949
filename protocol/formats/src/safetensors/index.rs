//! The index of a model in several files, `*.safetensors.index.json`: which shard holds each tensor, and what may be wrong with
//! it. `folder/choose.rs` takes the names of a component's weights from it, and checks that they are there. The shards' own
//! headers are read in `header.rs`.

use std::cell::RefCell;
use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{MAX_NAME, MAX_TENSORS};
use crate::Error;
use crate::shown::Shown;

/// The longest shard index, in bytes. Those of published image models have a few hundred thousand.
pub const MAX_INDEX: u64 = 8 << 20;
/// The most shards that one index may name.
pub const MAX_SHARDS: usize = 1000;

/// What is wrong with a `*.safetensors.index.json`. The message starts after the file's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexProblem {
    /// Not the JSON that a shard index is.
    #[error("this is not a shard index: {}. Download it again.", Shown(.0))]
    Json(String),
    /// No tensor at all.
    #[error("the shard index names no tensor. Download it again.")]
    Empty,
    /// More than any model has.
    #[error("the shard index names more than {limit} {what}. No known model does: the file is damaged or hostile.")]
    TooMany {
        /// `tensors` or `shards`.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// A tensor in two places, or a name over the limit.
    #[error("the shard index names tensor '{tensor}' twice or at a length no model has. The file is damaged or hostile.", tensor = Shown(tensor))]
    Tensor {
        /// The tensor.
        tensor: String,
    },
    /// A shard that is not a plain file name beside the index.
    #[error("the shard index sends tensor '{tensor}' to '{shard}'. A shard is a .safetensors or .bin file beside its index, without a folder: the file is damaged or hostile.",
        tensor = Shown(tensor), shard = Shown(shard))]
    Shard {
        /// The tensor.
        tensor: String,
        /// The file as written.
        shard: String,
    },
}

impl IndexProblem {
    /// The error that names the file.
    pub fn in_file(self, file: impl std::fmt::Display) -> Error {
        Error::Index {
            file: file.to_string(),
            problem: self,
        }
    }
}

/// A checked shard index: in which file beside it each tensor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIndex {
    /// The shard of each tensor.
    pub weight_map: BTreeMap<String, String>,
}

impl ShardIndex {
    /// The index that `json` spells. Fields other than `weight_map` are skipped.
    ///
    /// # Errors
    /// [`IndexProblem`]: other JSON, a tensor twice, a shard whose name could leave the folder.
    pub fn parse(json: &[u8]) -> Result<Self, IndexProblem> {
        let problem = RefCell::new(None);
        let mut from = serde_json::Deserializer::from_slice(json);
        let read = IndexSeed { problem: &problem }.deserialize(&mut from);
        let read = read.and_then(|map| from.end().map(|()| map));
        let other = |error: serde_json::Error| IndexProblem::Json(error.to_string().chars().take(300).collect());
        let weight_map = read.map_err(|error| problem.take().unwrap_or_else(|| other(error)))?;
        if weight_map.is_empty() {
            return Err(IndexProblem::Empty);
        }
        let index = Self { weight_map };
        if index.shards().len() > MAX_SHARDS {
            return Err(IndexProblem::TooMany {
                what: "shards",
                limit: MAX_SHARDS,
            });
        }
        Ok(index)
    }

    /// The files that the index names, each once, in order of name.
    pub fn shards(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }
}

/// Reads an index into its map as it streams by; what is wrong beyond JSON's own rules is in `problem`.
#[derive(Clone, Copy)]
struct IndexSeed<'a> {
    problem: &'a RefCell<Option<IndexProblem>>,
}

impl<'de> DeserializeSeed<'de> for IndexSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for IndexSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a weight_map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name != "weight_map" {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value_seed(MapSeed(self))?).is_some() {
                return Err(A::Error::duplicate_field("weight_map"));
            }
        }
        found.ok_or_else(|| A::Error::missing_field("weight_map"))
    }
}

/// Reads a `weight_map`.
struct MapSeed<'a>(IndexSeed<'a>);

impl MapSeed<'_> {
    /// Ends the reading for that reason.
    fn stop<E: serde::de::Error>(&self, problem: IndexProblem) -> E {
        self.0.problem.replace(Some(problem));
        E::custom("the index is refused")
    }
}

impl<'de> DeserializeSeed<'de> for MapSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MapSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut weight_map = BTreeMap::new();
        while let Some((tensor, shard)) = map.next_entry::<String, String>()? {
            if weight_map.len() == MAX_TENSORS {
                return Err(self.stop(IndexProblem::TooMany {
                    what: "tensors",
                    limit: MAX_TENSORS,
                }));
            }
            if !is_shard_name(&shard) {
                return Err(self.stop(IndexProblem::Shard { tensor, shard }));
            }
            if tensor.len() > MAX_NAME {
                return Err(self.stop(IndexProblem::Tensor { tensor }));
            }
            match weight_map.entry(tensor) {
                Slot::Vacant(slot) => slot.insert(shard),
                Slot::Occupied(slot) => {
                    let tensor = slot.key().clone();
                    return Err(self.stop(IndexProblem::Tensor { tensor }));
                }
            };
        }
        Ok(weight_map)
    }
}

/// Whether `name` is a file beside the index: no folder, no way up, nothing that drives a terminal.
fn is_shard_name(name: &str) -> bool {
    name.len() <= 255
        && [".safetensors", ".bin"]
            .iter()
            .any(|end| name.strip_suffix(end).is_some_and(|stem| !stem.is_empty()))
        && !name.starts_with('.')
        && !name.contains(|c: char| matches!(c, '/' | '\\' | ':') || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    #[test]
    fn shards_are_listed_once() {
        let json = json!({
            "metadata": {"total_size": 12},
            "weight_map": {"b": "m-00002-of-00002.safetensors", "a": "m-00001-of-00002.safetensors", "c": "m-00001-of-00002.safetensors"},
        });
        let index = ShardIndex::parse(json.to_string().as_bytes()).unwrap();
        assert_eq!(index.weight_map["b"], "m-00002-of-00002.safetensors");
        let shards: Vec<_> = index.shards().into_iter().collect();
        assert_eq!(shards, ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]);
    }

    #[rstest]
    #[case("../up.safetensors")]
    #[case("..")]
    #[case("/etc/passwd.safetensors")]
    #[case("sub/folder.safetensors")]
    #[case("..\\up.safetensors")]
    #[case("c:up.safetensors")]
    #[case("a\u{0}.safetensors")]
    #[case("a\u{1b}[2J.safetensors")]
    #[case(".hidden.safetensors")]
    #[case(".safetensors")]
    #[case("pytorch_model.ckpt")]
    #[case("")]
    fn shards_stay_beside_their_index(#[case] shard: &str) {
        let json = json!({"weight_map": {"a": shard}}).to_string();
        let problem = ShardIndex::parse(json.as_bytes()).unwrap_err();
        assert_eq!(
            problem,
            IndexProblem::Shard {
                tensor: "a".into(),
                shard: shard.into()
            }
        );
        assert!(!problem.to_string().contains(|c: char| c.is_control()));
    }

    #[rstest]
    #[case("", "not a shard index")]
    #[case(r#"[{"a":"a.safetensors"}]"#, "expected an object")]
    #[case("{}", "missing field `weight_map`")]
    #[case(r#"{"weight_map":{},"weight_map":{}}"#, "duplicate field `weight_map`")]
    #[case(r#"{"weight_map":{}}"#, "names no tensor")]
    #[case(r#"{"weight_map":{"a":1}}"#, "expected a string")]
    #[case(r#"{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}"#, "'a' twice")]
    fn other_json_is_refused(#[case] json: &str, #[case] message: &str) {
        let text = ShardIndex::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(text.contains(message), "{text}");
    }

    #[test]
    fn a_thousand_and_one_shards_are_too_many() {
        let map: BTreeMap<_, _> = (0..=MAX_SHARDS)
            .map(|i| (i.to_string(), format!("{i}.safetensors")))
            .collect();
        let problem = ShardIndex::parse(json!({"weight_map": map}).to_string().as_bytes());
        assert_eq!(
            problem,
            Err(IndexProblem::TooMany {
                what: "shards",
                limit: MAX_SHARDS
            })
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ShardIndex::parse(&bytes);
        }

        #[test]
        fn accepted_shards_join_to_a_path_in_the_same_folder(name in "[./\\\\a-z:]{0,8}\\.safetensors") {
            if ShardIndex::parse(json!({"weight_map": {"a": name}}).to_string().as_bytes()).is_ok() {
                let path = std::path::Path::new("folder").join(&name);
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("folder")));
                prop_assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
            }
        }
    }
}
