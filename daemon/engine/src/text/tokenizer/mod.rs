//! CLIP's byte-level BPE (Radford et al. 2021; `CLIPTokenizer` of transformers).

mod build;
mod chunk;
mod specials;
mod tables;

pub use chunk::{Chunk, Dropped};

use std::borrow::Cow;

use crate::{Error, Result};
use specials::Specials;
use tables::Tables;

/// Turns text into the numbers of its pieces.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bos: i64,
    eos: i64,
    pad: i64,
}

impl Tokenizer {
    /// The tokenizer of a model folder. `read` answers a file's bytes by its name, or None where the folder lacks it.
    ///
    /// The tables are `tokenizer.json`'s, else `vocab.json`'s and `merges.txt`'s, else OpenAI CLIP's own; the marks are those
    /// of `tokenizer_config.json`, else of `special_tokens_map.json`, else CLIP's.
    ///
    /// # Errors
    /// `Error::Config` naming the file where one does not parse, is not a CLIP BPE or lacks a mark.
    pub fn open<'a>(read: impl Fn(&str) -> Result<Option<Cow<'a, [u8]>>>) -> Result<Self> {
        let specials = Specials::read(&read)?;
        let tables = match read("tokenizer.json")? {
            Some(json) => Tables::from_tokenizer_json(&json)?,
            None => match (read("vocab.json")?, read("merges.txt")?) {
                (Some(vocab), Some(merges)) => Tables::from_vocab_and_merges(&vocab, &merges)?,
                (None, None) => Tables::embedded()?,
                (None, _) => {
                    return Err(error(
                        "vocab.json",
                        "is missing beside merges.txt: fetch the model again.",
                    ));
                }
                (_, None) => {
                    return Err(error(
                        "merges.txt",
                        "is missing beside vocab.json: fetch the model again.",
                    ));
                }
            },
        };
        build::build(tables, &specials)
    }

    /// OpenAI CLIP's tokenizer, for checkpoints that bring none.
    pub fn embedded() -> Result<Self> {
        build::build(Tables::embedded()?, &Specials::default())
    }

    /// The ids of `text`, without marks at start and end.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        Ok(self.encoding(text)?.get_ids().iter().map(|id| i64::from(*id)).collect())
    }

    /// The mark before the text.
    pub fn bos(&self) -> i64 {
        self.bos
    }

    /// The mark after the text.
    pub fn eos(&self) -> i64 {
        self.eos
    }

    /// What fills the rest of a chunk.
    pub fn pad(&self) -> i64 {
        self.pad
    }

    fn encoding(&self, text: &str) -> Result<tokenizers::Encoding> {
        self.inner
            .encode(text, false)
            .map_err(|e| error("vocabulary", format!("cannot spell the prompt: {e}.")))
    }
}

fn error(field: &str, what: impl Into<String>) -> Error {
    Error::Config {
        component: "tokenizer".to_owned(),
        field: field.to_owned(),
        what: what.into(),
    }
}

#[cfg(test)]
mod tests;
