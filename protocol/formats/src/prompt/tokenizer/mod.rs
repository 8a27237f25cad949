//! CLIP's byte-level BPE (Radford et al. 2021; `CLIPTokenizer` of transformers), with the tokens that were added to it.

mod build;
mod chunk;
pub mod tables;

pub use chunk::{Chunk, Dropped};

use std::borrow::Cow;

use super::{Error, Result};
use crate::folder::Files;
use crate::tokenizer::{TokenizerFacts, TokenizerSources};
use tables::Tables;

/// The longest file of a tokenizer, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// Turns text into the numbers of its pieces.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bos: i64,
    eos: i64,
    pad: i64,
    /// Places of a chunk, at least 3.
    length: usize,
    rows: i64,
    truncates_left: bool,
    pads_left: bool,
}

/// The text encoder that the numbers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// Rows of its token table.
    pub rows: i64,
    /// Places of a prompt, at least 3.
    pub positions: i64,
}

impl Encoder {
    /// OpenAI CLIP's.
    pub const CLIP: Self = Self {
        rows: 49_408,
        positions: 77,
    };
}

impl Tokenizer {
    /// The tokenizer of a model folder, for its text encoder. `read` answers a file's bytes by its name, or None where the folder
    /// lacks it.
    ///
    /// The tables are `tokenizer.json`'s, else `vocab.json`'s and `merges.txt`'s, else OpenAI CLIP's own; marks and added tokens
    /// are those of [`TokenizerFacts`].
    ///
    /// # Errors
    /// [`Error::Tokenizer`] naming the file where one does not parse, is not a CLIP BPE, lacks a mark, gives a token a number that it
    /// cannot have, or makes prompts that are longer than the encoder reads.
    pub fn open<'a>(read: impl Fn(&str) -> Result<Option<Cow<'a, [u8]>>>, encoder: Encoder) -> Result<Self> {
        let whole = read("tokenizer.json")?;
        let small = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"].map(&read);
        let [config, specials, added] = small;
        let (config, specials, added) = (config?, specials?, added?);
        let facts = TokenizerFacts::parse(&TokenizerSources {
            config: config.as_deref(),
            specials: specials.as_deref(),
            added: added.as_deref(),
            whole: whole.as_deref(),
        })
        .map_err(build::problem)?;
        let tables = match whole {
            Some(json) => Tables::from_tokenizer_json(&json, "</w>")?,
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
        build::build(tables, &facts, encoder)
    }

    /// The tokenizer in the folder `name` of a model's files.
    ///
    /// # Errors
    /// As [`Self::open`], and files that cannot be read.
    pub fn in_folder(files: &dyn Files, name: &str, encoder: Encoder) -> Result<Self> {
        let read = |file: &str| {
            let name = format!("{name}/{file}");
            Ok(match files.len(&name)? {
                Some(_) => Some(files.read(&name, MAX_FILE)?.into()),
                None => None,
            })
        };
        Self::open(read, encoder)
    }

    /// OpenAI CLIP's tokenizer, for checkpoints that bring none.
    pub fn embedded() -> Result<Self> {
        Self::open(|_| Ok(None), Encoder::CLIP)
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
    Error::Tokenizer {
        field: field.to_owned(),
        what: what.into(),
    }
}

#[cfg(test)]
mod tests;
