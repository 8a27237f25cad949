//! Tokens that were added to a model's vocabulary, in each of the spellings that transformers writes. `facts` asks for them; cutting
//! a text into tokens is the engine's.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenizerProblem;

/// The most tokens that are added to a vocabulary; trainings add some dozens.
const MAX_ADDED: usize = 16_384;
/// The longest token in bytes.
const MAX_TOKEN: usize = 1024;
/// Numbers of tokens are below this.
const MAX_ID: u64 = 1 << 20;

/// A token that is found in the text as a whole, before the text is taken to pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// How it is written.
    pub content: String,
    /// Whether white space before it belongs to it.
    pub lstrip: bool,
    /// Whether white space after it belongs to it.
    pub rstrip: bool,
    /// Whether it is found only where no letter or digit touches it.
    pub single_word: bool,
    /// Whether it is looked for in the text after normalisation, which is lower case.
    pub normalized: bool,
    /// Whether it is a mark rather than a word.
    pub special: bool,
}

/// A token with its number: the row of the text encoder's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The number.
    pub id: u32,
    /// The token.
    pub token: Token,
    /// The file that says so.
    pub file: &'static str,
}

/// A token as files write it: all fields but the content may be missing.
#[derive(Deserialize)]
pub(super) struct RawToken {
    content: String,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
    normalized: Option<bool>,
    #[serde(default)]
    special: bool,
    id: Option<u64>,
}

impl Token {
    /// A mark that was written as a plain string: not looked for in normalised text.
    pub(super) fn mark(content: &str) -> Self {
        Self {
            content: content.to_owned(),
            lstrip: false,
            rstrip: false,
            single_word: false,
            normalized: false,
            special: true,
        }
    }

    /// A mark as files write it: a string, or an object with `content`. `None` for anything else.
    pub(super) fn of_mark(value: &Value) -> Option<Self> {
        if let Some(content) = value.as_str() {
            return (!content.is_empty()).then(|| Self::mark(content));
        }
        let raw = RawToken::deserialize(value.as_object().map(|_| value)?).ok()?;
        Some(Self {
            special: true,
            normalized: raw.normalized.unwrap_or(false),
            ..raw.token()
        })
    }
}

impl RawToken {
    fn token(self) -> Token {
        Token {
            normalized: self.normalized.unwrap_or(!self.special),
            content: self.content,
            lstrip: self.lstrip,
            rstrip: self.rstrip,
            single_word: self.single_word,
            special: self.special,
        }
    }
}

/// Tokens by number, as they are read: a later file's word about a number counts.
#[derive(Default)]
pub(super) struct Added(Vec<Declared>);

impl Added {
    fn insert(&mut self, file: &'static str, id: u64, token: Token) -> Result<(), TokenizerProblem> {
        let problem = |what: String| TokenizerProblem { file, what };
        let id = u32::try_from(id)
            .ok()
            .filter(|id| u64::from(*id) < MAX_ID)
            .ok_or_else(|| {
                problem(format!(
                    "numbers the token '{}' as {id}, more than any vocabulary has",
                    token.content
                ))
            })?;
        if token.content.is_empty() || token.content.len() > MAX_TOKEN {
            return Err(problem(format!(
                "has a token (number {id}) of {} bytes",
                token.content.len()
            )));
        }
        let declared = Declared { id, token, file };
        let full = self.0.len() >= MAX_ADDED;
        match self.0.iter_mut().find(|known| known.id == id) {
            Some(known) => *known = declared,
            None if full => {
                return Err(problem(format!("adds more than {MAX_ADDED} tokens")));
            }
            None => self.0.push(declared),
        }
        Ok(())
    }

    /// `added_tokens_decoder` of tokenizer_config.json.
    pub fn decoder(&mut self, decoder: &Value) -> Result<(), TokenizerProblem> {
        const FILE: &str = "tokenizer_config.json";
        let problem = |what: &str| TokenizerProblem {
            file: FILE,
            what: format!("added_tokens_decoder {what}"),
        };
        let decoder = decoder.as_object().ok_or_else(|| problem("is not an object"))?;
        for (id, token) in decoder {
            let id: u64 = id.trim().parse().map_err(|_| problem("has a key that is no number"))?;
            let raw = RawToken::deserialize(token.clone()).map_err(|_| problem("has a token without content"))?;
            self.insert(FILE, id, raw.token())?;
        }
        Ok(())
    }

    /// added_tokens.json, where a token is special when it is one of `marks`.
    pub fn legacy(&mut self, map: &Map<String, Value>, marks: &[String]) -> Result<(), TokenizerProblem> {
        const FILE: &str = "added_tokens.json";
        for (content, id) in map {
            let id = id.as_u64().ok_or_else(|| TokenizerProblem {
                file: FILE,
                what: format!("gives the token '{content}' no whole number"),
            })?;
            let special = marks.contains(content);
            let token = Token {
                special,
                normalized: !special,
                ..Token::mark(content)
            };
            self.insert(FILE, id, token)?;
        }
        Ok(())
    }

    /// `added_tokens` of tokenizer.json.
    pub fn whole(&mut self, json: &[u8]) -> Result<(), TokenizerProblem> {
        #[derive(Deserialize)]
        struct Whole {
            #[serde(default)]
            added_tokens: Vec<RawToken>,
        }
        const FILE: &str = "tokenizer.json";
        let problem = |what: String| TokenizerProblem { file: FILE, what };
        let whole: Whole =
            serde_json::from_slice(json).map_err(|e| problem(format!("is not JSON of a tokenizer: {e}")))?;
        for raw in whole.added_tokens {
            let id = raw
                .id
                .ok_or_else(|| problem(format!("gives the token '{}' no number", raw.content)))?;
            self.insert(FILE, id, raw.token())?;
        }
        Ok(())
    }

    /// All of them in order of their numbers.
    pub fn sorted(mut self) -> Vec<Declared> {
        self.0.sort_by_key(|declared| declared.id);
        self.0
    }
}
