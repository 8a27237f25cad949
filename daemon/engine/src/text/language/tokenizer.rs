//! The byte-level BPE of Qwen2 and Qwen3 (`Qwen2Tokenizer` of transformers), with the tokens that were added to it. Families make one of
//! their folder's files; what a folder lacks is inside the program, as for models in single files. The tables of a file count, and its
//! added tokens; how text is normalised and split is Qwen's, whatever the file says.

use std::collections::BTreeMap;

use darkroom_formats::folder::Files;
use serde_json::{Map, Value};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use crate::{Error, Result};
use darkroom_formats::prompt::tokenizer::tables::Tables;

/// Contractions, words with one character before them, single digits, other characters, line ends, spaces (Qwen2's `tokenizer.json`).
const PIECES: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// What Qwen3 adds to its vocabulary, in order (its `tokenizer_config.json`).
const ADDED: [&str; 26] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
];

/// The longest file of a tokenizer, in bytes, and the most tokens that one adds.
const MAX_FILE: u64 = 32 << 20;
const MAX_ADDED: usize = 4096;

/// Turns text into the numbers of its pieces.
#[derive(Clone, Debug)]
pub struct LanguageTokenizer {
    inner: tokenizers::Tokenizer,
}

impl LanguageTokenizer {
    /// The tokenizer in the folder `name` of a model's files, for a table of so many `rows`: its `tokenizer.json`, else its `vocab.json` and
    /// `merges.txt`, else Qwen's own.
    ///
    /// # Errors
    /// `Error::Config` naming the file where one does not parse, is not such a BPE, or numbers a token as it cannot be; files that cannot
    /// be read.
    pub fn in_folder(files: &dyn Files, name: &str, rows: i64) -> Result<Self> {
        let read = |file: &str| -> Result<Option<Vec<u8>>> {
            let name = format!("{name}/{file}");
            Ok(match files.len(&name)? {
                Some(_) => Some(files.read(&name, MAX_FILE)?),
                None => None,
            })
        };
        let object = |file: &str| -> Result<Option<Map<String, Value>>> {
            let parsed = read(file)?.map(|bytes| serde_json::from_slice(&bytes));
            parsed
                .transpose()
                .map_err(|e| error(file, format!("is not a JSON object: {e}.")))
        };
        let whole = read("tokenizer.json")?;
        let tables = match (&whole, read("vocab.json")?, read("merges.txt")?) {
            (Some(json), ..) => Tables::from_tokenizer_json(json, "")?,
            (None, Some(vocab), Some(merges)) => Tables::from_vocab_and_merges(&vocab, &merges)?,
            (None, None, None) => return Self::qwen(),
            (None, None, _) => {
                return Err(error(
                    "vocab.json",
                    "is missing beside merges.txt: fetch the model again.",
                ));
            }
            (None, _, None) => {
                return Err(error(
                    "merges.txt",
                    "is missing beside vocab.json: fetch the model again.",
                ));
            }
        };
        let whole = match &whole {
            Some(json) => serde_json::from_slice(json).map_err(|e| error("tokenizer.json", format!("{e}.")))?,
            None => Map::new(),
        };
        let config = object("tokenizer_config.json")?.unwrap_or_default();
        let numbers = object("added_tokens.json")?.unwrap_or_default();
        let mut added = BTreeMap::new();
        for token in whole
            .get("added_tokens")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            take(
                &mut added,
                token.get("id").and_then(Value::as_u64),
                token.get("content"),
            );
        }
        for (id, token) in config
            .get("added_tokens_decoder")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            take(&mut added, id.parse().ok(), token.get("content"));
        }
        for (content, id) in &numbers {
            take(&mut added, id.as_u64(), Some(&Value::String(content.clone())));
        }
        Self::build(tables, added, rows)
    }

    /// Qwen3's, for models that bring none.
    ///
    /// # Errors
    /// Should the tables inside the program be damaged.
    pub fn qwen() -> Result<Self> {
        let tables = Tables::qwen()?;
        let first = tables.vocab.len() as u64;
        let added = (first..).zip(ADDED.map(str::to_owned)).collect();
        Self::build(tables, added, i64::MAX)
    }

    /// The ids of `text`, in which added tokens are themselves.
    ///
    /// # Errors
    /// Where the text cannot be spelled.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let encoding = self
            .inner
            .encode(text, false)
            .map_err(|e| error("vocabulary", format!("cannot spell the prompt: {e}.")))?;
        Ok(encoding.get_ids().iter().map(|id| i64::from(*id)).collect())
    }

    fn build(tables: Tables, added: BTreeMap<u64, String>, rows: i64) -> Result<Self> {
        if added.len() > MAX_ADDED {
            return Err(error(
                "added_tokens",
                format!("are {}, more than any model has.", added.len()),
            ));
        }
        let highest = tables.vocab.values().map(|id| i64::from(*id)).max().unwrap_or_default();
        if highest >= rows {
            let what = format!("numbers a piece {highest}, and the text encoder's table has {rows} rows.");
            return Err(error("vocabulary", what));
        }
        let mut inner = assemble(tables).map_err(|e| error("tables", format!("do not make a tokenizer: {e}.")))?;
        for (id, content) in added {
            let token = AddedToken::from(content.clone(), true).normalized(false);
            inner
                .add_tokens([token])
                .map_err(|e| error("added_tokens", format!("has a token that cannot be used: {e}.")))?;
            let got = inner.token_to_id(&content).map(u64::from);
            if got != Some(id) || id >= rows.unsigned_abs() {
                let what = format!(
                    "number {content:?} as {id}; after the vocabulary and the tokens before it, in a table of {rows} rows, it cannot be."
                );
                return Err(error("added_tokens", what));
            }
        }
        Ok(Self { inner })
    }
}

fn take(added: &mut BTreeMap<u64, String>, id: Option<u64>, content: Option<&Value>) {
    if let (Some(id), Some(content)) = (id, content.and_then(Value::as_str)) {
        added.entry(id).or_insert_with(|| content.to_owned());
    }
}

fn assemble(tables: Tables) -> tokenizers::Result<tokenizers::Tokenizer> {
    let vocab = tables.vocab.into_iter().collect::<tokenizers::models::bpe::Vocab>();
    let bpe = BPE::builder().vocab_and_merges(vocab, tables.merges).build()?;
    let mut inner = tokenizers::Tokenizer::new(bpe);
    inner.with_normalizer(Some(NFC))?;
    let pieces = Split::new(
        SplitPattern::Regex(PIECES.to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    )?;
    inner.with_pre_tokenizer(Some(Sequence::new(vec![
        pieces.into(),
        ByteLevel::new(false, true, false).into(),
    ])));
    Ok(inner)
}

fn error(field: &str, what: impl Into<String>) -> Error {
    Error::Config {
        component: "tokenizer".to_owned(),
        field: field.to_owned(),
        what: what.into(),
    }
}
