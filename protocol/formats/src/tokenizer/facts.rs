//! What the files beside a tokenizer's vocabulary say: its class, its longest text, its marks and added tokens. The model's card and
//! the engine read it here, so that what is listed as usable is; the vocabulary itself is read by the engine.

use serde_json::{Map, Value};

use super::added::Added;
use super::{Declared, Token};
use crate::json::object;

/// Classes of transformers that read CLIP's tokenizer, and those that say nothing of what they read.
const CLASSES: [&str; 6] = [
    "CLIPTokenizer",
    "CLIPTokenizerFast",
    "PreTrainedTokenizerFast",
    "PreTrainedTokenizer",
    "TokenizersBackend",
    "AutoTokenizer",
];
/// Marks that every tokenizer of transformers may have, in the order in which it adds them.
const NAMED: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];
/// A `model_max_length` above this is transformers' way of saying none.
const NO_LENGTH: f64 = 1e6;

/// What is wrong with one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizerProblem {
    /// The file.
    pub file: &'static str,
    /// What is wrong, without a full stop.
    pub what: String,
}

/// The bytes of the files, where they are there.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerSources<'a> {
    /// tokenizer_config.json.
    pub config: Option<&'a [u8]>,
    /// special_tokens_map.json.
    pub specials: Option<&'a [u8]>,
    /// added_tokens.json.
    pub added: Option<&'a [u8]>,
    /// tokenizer.json, of which only the added tokens are read here.
    pub whole: Option<&'a [u8]>,
}

/// What the files beside the tables say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizerFacts {
    /// Before the text.
    pub bos: Token,
    /// After the text.
    pub eos: Token,
    /// In place of what the vocabulary cannot spell.
    pub unk: Token,
    /// After the end.
    pub pad: Token,
    /// Tokens with their numbers, in order.
    pub added: Vec<Declared>,
    /// Tokens without a number: they come after all others.
    pub extra: Vec<Token>,
    /// The longest prompt in tokens, both marks included (`model_max_length`); `None` where the files do not say.
    pub length: Option<u64>,
    /// Whether a prompt that is too long loses its beginning rather than its end.
    pub truncates_left: bool,
    /// Whether what fills a chunk comes before the text.
    pub pads_left: bool,
    /// Whether marks in the text are taken to pieces like words.
    pub splits_marks: bool,
    /// Lines for the person, where files disagree.
    pub notices: Vec<String>,
}

impl TokenizerFacts {
    /// What the files say, each of which may be missing.
    ///
    /// Where tokenizer_config.json has an `added_tokens_decoder`, it alone says which tokens are added; without one,
    /// special_tokens_map.json, added_tokens.json and tokenizer.json do.
    ///
    /// # Errors
    /// [`TokenizerProblem`] for a file that does not parse, a class other than CLIP's, numbers that make no sense.
    pub fn parse(sources: &TokenizerSources) -> Result<Self, TokenizerProblem> {
        let config = map("tokenizer_config.json", sources.config)?;
        check_class(&config)?;
        let decoder = config.get("added_tokens_decoder").filter(|decoder| !decoder.is_null());
        let specials = match decoder {
            None => map("special_tokens_map.json", sources.specials)?,
            Some(_) => Map::new(),
        };
        let mark = |key: &str| {
            let found = specials.get(key).and_then(Token::of_mark);
            found.or_else(|| Token::of_mark(config.get(key)?))
        };
        let extra = extra(&config, &specials);
        let legacy = map("added_tokens.json", sources.added)?;
        let mut added = Added::default();
        let mut notices = Vec::new();
        if let Some(decoder) = decoder {
            added.decoder(decoder)?;
            notices.extend(left_out(&legacy, decoder));
        } else {
            let named = NAMED.iter().filter_map(|key| Some(mark(key)?.content));
            let marks: Vec<String> = named.chain(extra.iter().map(|token| token.content.clone())).collect();
            added.legacy(&legacy, &marks)?;
            if let Some(whole) = sources.whole {
                added.whole(whole)?;
            }
        }
        let added = added.sorted();
        let as_added = |token: Token| match added.iter().find(|known| known.token.content == token.content) {
            Some(known) => Token {
                special: true,
                ..known.token.clone()
            },
            None => token,
        };
        let end = || Token::mark("<|endoftext|>");
        let named = |key: &str, default: Token| as_added(mark(key).unwrap_or(default));
        let others = ["sep_token", "cls_token", "mask_token"]
            .iter()
            .filter_map(|key| mark(key));
        Ok(Self {
            bos: named("bos_token", Token::mark("<|startoftext|>")),
            eos: named("eos_token", end()),
            unk: named("unk_token", end()),
            pad: named("pad_token", end()),
            extra: others.chain(extra).collect(),
            length: length(&config)?,
            truncates_left: is_left(&config, "truncation_side")?,
            pads_left: is_left(&config, "padding_side")?,
            splits_marks: config.get("split_special_tokens") == Some(&Value::Bool(true)),
            added,
            notices,
        })
    }

    /// Tokens that a prompt has at most with a text encoder of that many positions, both marks included.
    ///
    /// # Errors
    /// [`TokenizerProblem`] where the tokenizer makes longer prompts than the encoder has positions for.
    pub fn length_for(&self, positions: u64) -> Result<u64, TokenizerProblem> {
        match self.length {
            None => Ok(positions),
            Some(length) if length <= positions => Ok(length),
            Some(length) => Err(TokenizerProblem {
                file: "tokenizer_config.json",
                what: format!(
                    "model_max_length is {length}, and the text encoder has {positions} positions \
                     (max_position_embeddings): files of two models"
                ),
            }),
        }
    }

    /// Checks that a text encoder with a table of `rows` rows has one for each mark that every prompt has.
    ///
    /// # Errors
    /// [`TokenizerProblem`] naming the mark.
    pub fn check_marks(&self, rows: u64) -> Result<(), TokenizerProblem> {
        let marks = [
            ("bos_token", &self.bos),
            ("eos_token", &self.eos),
            ("pad_token", &self.pad),
        ];
        for (name, mark) in marks {
            let beyond = |known: &&Declared| known.token.content == mark.content && u64::from(known.id) >= rows;
            if let Some(known) = self.added.iter().find(beyond) {
                return Err(TokenizerProblem {
                    file: known.file,
                    what: format!(
                        "{name} '{}' is number {}, and the text encoder's table has {rows} rows: files of two models",
                        mark.content, known.id
                    ),
                });
            }
        }
        Ok(())
    }

    /// One line about added tokens beyond a table of `rows` rows, which a prompt cannot use.
    pub fn beyond(&self, rows: u64) -> Option<String> {
        let beyond: Vec<&Declared> = self.added.iter().filter(|token| u64::from(token.id) >= rows).collect();
        let first = beyond.first()?;
        let more = match beyond.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let shown = crate::shown::Shown(&first.token.content).to_string();
        Some(format!(
            "The token {shown} (number {}{more}) is beyond the text encoder's table of {rows} rows: a prompt with it is refused.",
            first.id
        ))
    }
}

fn map(file: &'static str, bytes: Option<&[u8]>) -> Result<Map<String, Value>, TokenizerProblem> {
    let parsed = bytes.map(object).transpose();
    let problem = |what| TokenizerProblem {
        file,
        what: format!("is not a JSON object: {what}"),
    };
    Ok(parsed.map_err(problem)?.unwrap_or_default())
}

fn check_class(config: &Map<String, Value>) -> Result<(), TokenizerProblem> {
    match config.get("tokenizer_class").and_then(Value::as_str) {
        Some(class) if !CLASSES.contains(&class) => Err(TokenizerProblem {
            file: "tokenizer_config.json",
            what: format!("tokenizer_class is {class}; this text encoder's is CLIPTokenizer"),
        }),
        _ => Ok(()),
    }
}

/// Special tokens beside the marks, in order: transformers calls them extra, before version 5 additional.
fn extra(config: &Map<String, Value>, specials: &Map<String, Value>) -> Vec<Token> {
    let list = |map: &Map<String, Value>, key: &str| -> Vec<Token> {
        match map.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(Token::of_mark).collect(),
            Some(Value::Object(named)) => named.values().filter_map(Token::of_mark).collect(),
            _ => Vec::new(),
        }
    };
    let mut all = Vec::new();
    for map in [config, specials] {
        for key in ["extra_special_tokens", "additional_special_tokens"] {
            for token in list(map, key) {
                if !all.contains(&token) {
                    all.push(token);
                }
            }
        }
    }
    all
}

/// One line where added_tokens.json names tokens that `added_tokens_decoder` beside it lacks.
fn left_out(legacy: &Map<String, Value>, decoder: &Value) -> Option<String> {
    let known = |content: &String| {
        let decoder = decoder.as_object().into_iter().flat_map(Map::values);
        decoder
            .into_iter()
            .any(|token| token.get("content").and_then(Value::as_str) == Some(content))
    };
    let missing = legacy.keys().find(|content| !known(content))?;
    Some(format!(
        "tokenizer/added_tokens.json names {}, which tokenizer_config.json beside it does not add: as in transformers, it is no \
         token.",
        crate::shown::Shown(missing)
    ))
}

fn length(config: &Map<String, Value>) -> Result<Option<u64>, TokenizerProblem> {
    let value = config.get("model_max_length").or_else(|| config.get("max_len"));
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    match value.as_f64() {
        Some(n) if n > NO_LENGTH => Ok(None),
        Some(n) if n >= 3.0 && n.fract() == 0.0 => Ok(Some(n as u64)),
        _ => Err(TokenizerProblem {
            file: "tokenizer_config.json",
            what: format!("model_max_length is {value}; a prompt has its two marks and at least one token"),
        }),
    }
}

fn is_left(config: &Map<String, Value>, key: &str) -> Result<bool, TokenizerProblem> {
    match config.get(key).and_then(Value::as_str) {
        None | Some("right") => Ok(false),
        Some("left") => Ok(true),
        Some(other) => Err(TokenizerProblem {
            file: "tokenizer_config.json",
            what: format!("{key} is '{other}', which is neither left nor right"),
        }),
    }
}
