use std::borrow::Cow;

use serde_json::{Map, Value};

use super::error;
use crate::Result;

/// The marks of a vocabulary.
#[derive(Debug, PartialEq, Eq)]
pub struct Specials {
    /// Before the text.
    pub bos: String,
    /// After the text.
    pub eos: String,
    /// In place of what the vocabulary cannot spell.
    pub unk: String,
    /// After the end.
    pub pad: String,
}

impl Default for Specials {
    fn default() -> Self {
        let eos = || "<|endoftext|>".to_owned();
        Self {
            bos: "<|startoftext|>".to_owned(),
            eos: eos(),
            unk: eos(),
            pad: eos(),
        }
    }
}

impl Specials {
    /// From `tokenizer_config.json` and `special_tokens_map.json`, each of which may be missing or say only some of them.
    pub fn read<'a>(read: impl Fn(&str) -> Result<Option<Cow<'a, [u8]>>>) -> Result<Self> {
        let mut maps = Vec::new();
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            if let Some(json) = read(name)? {
                let map: Map<String, Value> =
                    serde_json::from_slice(&json).map_err(|e| error(name, format!("is not a JSON object: {e}.")))?;
                maps.push(map);
            }
        }
        let find = |key: &str, default: String| maps.iter().find_map(|map| token(map.get(key)?)).unwrap_or(default);
        let Self { bos, eos, unk, pad } = Self::default();
        Ok(Self {
            bos: find("bos_token", bos),
            eos: find("eos_token", eos),
            unk: find("unk_token", unk),
            pad: find("pad_token", pad),
        })
    }
}

/// A mark is written as a string or as an object with `content`.
fn token(value: &Value) -> Option<String> {
    Some(value.as_str().or_else(|| value.get("content")?.as_str())?.to_owned())
}
