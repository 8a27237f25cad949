//! The pieces of T5's vocabulary with their scores, from a `tokenizer.json`, from sentencepiece's `spiece.model`, or from inside the
//! program; `tokenizer.rs` says which. Strangers write these files: of a `spiece.model`, a protobuf message, nothing is read but the
//! pieces, and what is not one is passed over.

use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::tokenizer::error;
use crate::Result;

/// The table of google/t5-v1_1-xxl (Apache 2.0) as sentencepiece has it: `tests/oracle/t5_tokenizer.py`.
const TABLE: &[u8] = include_bytes!("../../../assets/t5_spiece.model.gz");
/// The most bytes of such a file.
pub const MAX_FILE: u64 = 32 << 20;
/// The most pieces of a vocabulary.
const MOST: usize = 1 << 20;

/// A vocabulary: the number of a piece is its place.
#[derive(Debug, PartialEq)]
pub struct Pieces(pub Vec<(String, f64)>);

#[derive(Deserialize)]
struct TokenizerJson {
    model: ModelJson,
}

#[derive(Deserialize)]
struct ModelJson {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: Vec<(String, f64)>,
}

impl Pieces {
    /// Those of a `tokenizer.json`. How a text is split before they apply is T5's, whatever the file says.
    pub fn from_tokenizer_json(json: &[u8]) -> Result<Self> {
        const FILE: &str = "tokenizer.json";
        let model = serde_json::from_slice::<TokenizerJson>(json)
            .map_err(|e| error(FILE, format!("is not a unigram tokenizer: {e}.")))?
            .model;
        if model.kind.as_deref().unwrap_or("Unigram") != "Unigram" {
            return Err(error(FILE, "is not a unigram tokenizer, which T5's is."));
        }
        Self(model.vocab).checked(FILE)
    }

    /// Those of a `spiece.model`.
    pub fn from_spiece(bytes: &[u8]) -> Result<Self> {
        const FILE: &str = "spiece.model";
        let damaged = || error(FILE, "is damaged: fetch it again.");
        let mut pieces = Vec::new();
        let mut rest = Message(bytes);
        while !rest.0.is_empty() {
            let (field, value) = rest.field().ok_or_else(damaged)?;
            if let (1, Value::Bytes(piece)) = (field, value) {
                pieces.push(read_piece(piece).ok_or_else(damaged)?);
            }
        }
        Self(pieces).checked(FILE)
    }

    /// Those inside the program, and the map of characters that comes with them.
    pub fn embedded() -> Result<(Self, Vec<u8>)> {
        const FILE: &str = "T5's table";
        let damaged = || error(FILE, "inside the program is damaged.");
        let mut bytes = Vec::new();
        let read = GzDecoder::new(TABLE).take(MAX_FILE).read_to_end(&mut bytes);
        read.map_err(|e| error(FILE, format!("inside the program is damaged: {e}.")))?;
        let mut rest = Message(&bytes);
        while !rest.0.is_empty() {
            if let (3, Value::Bytes(normaliser)) = rest.field().ok_or_else(damaged)? {
                let mut inner = Message(normaliser);
                while !inner.0.is_empty() {
                    if let (2, Value::Bytes(map)) = inner.field().ok_or_else(damaged)? {
                        return Ok((Self::from_spiece(&bytes)?, map.to_vec()));
                    }
                }
            }
        }
        Err(damaged())
    }

    fn checked(self, file: &str) -> Result<Self> {
        let all = &self.0;
        if !(3..=MOST).contains(&all.len()) {
            return Err(error(file, format!("has {} pieces: no T5 has so many.", all.len())));
        }
        let marks = ["<pad>", "</s>", "<unk>"];
        if all.iter().zip(marks).any(|((piece, _), mark)| piece != mark) {
            return Err(error(file, "does not begin with <pad>, </s> and <unk>, as T5's does."));
        }
        match all.iter().find(|(piece, score)| piece.is_empty() || !score.is_finite()) {
            Some((piece, score)) => Err(error(file, format!("has the piece {piece:?} with a score of {score}."))),
            None => Ok(self),
        }
    }
}

/// A protobuf message that is read from its beginning.
struct Message<'a>(&'a [u8]);

enum Value<'a> {
    Bytes(&'a [u8]),
    Four([u8; 4]),
    Other,
}

impl<'a> Message<'a> {
    /// The next field's number and value; `None` where the message is damaged.
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => {
                self.varint()?;
                Value::Other
            }
            1 => {
                self.take(8)?;
                Value::Other
            }
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => Value::Four(self.take(4)?.try_into().ok()?),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

/// `SentencePiece`: its text and its score.
fn read_piece(bytes: &[u8]) -> Option<(String, f64)> {
    let (mut piece, mut score) = (String::new(), 0.0);
    let mut rest = Message(bytes);
    while !rest.0.is_empty() {
        match rest.field()? {
            (1, Value::Bytes(text)) => piece = str::from_utf8(text).ok()?.to_owned(),
            (2, Value::Four(four)) => score = f64::from(f32::from_le_bytes(four)),
            _ => {}
        }
    }
    Some((piece, score))
}
