//! T5's tokenizer: a text becomes the likeliest row of pieces (Kudo 2018), then an end mark and padding. FLUX.1 and Chroma read their
//! prompts with it. The vocabulary comes from the model's folder or, for checkpoints that bring none, from inside the program
//! (`pieces.rs`); how characters are made uniform and text is split is the published tokenizer.json's, for all of them.

use std::borrow::Cow;

use darkroom_formats::folder::Files;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::{Precompiled, Replace, Sequence, Strip, replace::ReplacePattern};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{AddedToken, Tokenizer};

use super::pieces::{MAX_FILE, Pieces};
use crate::text::Dropped;
use crate::{Error, Result};

/// The number of the end mark, of padding, and of what has no piece: those of every T5.
const EOS: i64 = 1;
const PAD: i64 = 0;
const UNK: usize = 2;
/// A vocabulary without the hundred marks of T5's training, which transformers adds behind it, and how many they are.
const BARE: usize = 32_000;
const EXTRA: usize = 100;

/// A text's pieces by their numbers.
#[derive(Debug)]
pub struct T5Tokenizer {
    inner: Tokenizer,
    /// Of the text encoder's token table.
    rows: i64,
}

/// Where in a text each of its ids begins and ends.
type Offsets = Vec<(usize, usize)>;

/// A prompt as the encoder reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Padded {
    /// Ids of the text, the end mark, padding.
    pub ids: Vec<i64>,
    /// How many of them count, the end mark included.
    pub used: usize,
}

impl T5Tokenizer {
    /// The tokenizer in the folder `name` of a model's files, for a text encoder of so many `rows`: its tokenizer.json, else its
    /// spiece.model, else the one inside the program.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file that is no T5 tokenizer's; those of reading it.
    pub fn in_folder(files: &dyn Files, name: &str, rows: i64) -> Result<Self> {
        let read = |file: &str| -> Result<Option<Vec<u8>>> {
            let name = format!("{name}/{file}");
            let there = files.len(&name)?.is_some();
            Ok(there.then(|| files.read(&name, MAX_FILE)).transpose()?)
        };
        if let Some(json) = read("tokenizer.json")? {
            return Self::of(Some(Pieces::from_tokenizer_json(&json)?), rows);
        }
        match read("spiece.model")? {
            Some(bytes) => Self::of(Some(Pieces::from_spiece(&bytes)?), rows),
            None => Self::of(None, rows),
        }
    }

    /// The tokenizer inside the program.
    ///
    /// # Errors
    /// None that a whole program has.
    pub fn embedded(rows: i64) -> Result<Self> {
        Self::of(None, rows)
    }

    fn of(pieces: Option<Pieces>, rows: i64) -> Result<Self> {
        let (own, map) = Pieces::embedded()?;
        let mut pieces = pieces.unwrap_or(own).0;
        if pieces.len() == BARE {
            pieces.extend((0..EXTRA).rev().map(|nth| (format!("<extra_id_{nth}>"), 0.0)));
        }
        let is_mark = |(at, piece): &(usize, &str)| *at <= UNK || piece.starts_with("<extra_id_");
        let marks = pieces.iter().map(|(piece, _)| piece.as_str()).enumerate();
        let marks: Vec<AddedToken> = marks
            .filter(is_mark)
            .map(|(_, piece)| AddedToken::from(piece, true))
            .collect();
        let inner =
            assemble(pieces, &map, marks).map_err(|e| error("T5's table", format!("makes no tokenizer: {e}.")))?;
        Ok(Self { inner, rows })
    }

    /// The ids of `text`, without the end mark.
    ///
    /// # Errors
    /// [`Error::Config`] naming a word of the text whose number is beyond the text encoder's table.
    pub fn ids(&self, text: &str) -> Result<Vec<i64>> {
        Ok(self.spelled(text)?.0)
    }

    /// The ids and where in `text` each begins and ends.
    fn spelled(&self, text: &str) -> Result<(Vec<i64>, Offsets)> {
        let encoding = self
            .inner
            .encode(text, false)
            .map_err(|e| error("vocabulary", format!("cannot spell the prompt: {e}.")))?;
        let ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        let offsets = encoding.get_offsets().to_vec();
        if let Some(at) = ids.iter().position(|id| *id >= self.rows) {
            let (start, end) = offsets.get(at).copied().unwrap_or_default();
            let what = format!(
                "{:?} in the prompt is token {}, and the text encoder's table has {} rows: the model's tokenizer and text \
                 encoder do not fit each other; leave the word out.",
                text.get(start..end).unwrap_or_default().trim(),
                ids[at],
                self.rows
            );
            return Err(error("vocabulary", what));
        }
        Ok((ids, offsets))
    }

    /// As many of `ids` as `length` places hold beside the end mark, padded.
    pub fn padded(ids: &[i64], length: usize) -> Padded {
        let kept = &ids[..ids.len().min(length.saturating_sub(1))];
        let used = kept.len() + 1;
        let mut padded = kept.to_vec();
        padded.push(EOS);
        padded.resize(length.max(1), PAD);
        Padded { ids: padded, used }
    }

    /// The part of `text` that finds no room in `length` places; `None` where there is room for all.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn dropped(&self, text: &str, length: usize) -> Result<Option<Dropped>> {
        let (ids, offsets) = self.spelled(text)?;
        let room = length.saturating_sub(1);
        let Some((start, _)) = offsets.get(room) else {
            return Ok(None);
        };
        Ok(Some(Dropped {
            tokens: ids.len() - room,
            text: text.get(*start..).unwrap_or_default().to_owned(),
        }))
    }
}

/// `tokenizer.json` of google/t5-v1_1-xxl, with these pieces.
fn assemble(pieces: Vec<(String, f64)>, map: &[u8], marks: Vec<AddedToken>) -> tokenizers::Result<Tokenizer> {
    let mut inner = Tokenizer::new(Unigram::from(pieces, Some(UNK), false)?);
    inner.with_normalizer(Some(Sequence::new(vec![
        Precompiled::from(map)?.into(),
        Strip::new(false, true).into(),
        Replace::new(ReplacePattern::Regex(" {2,}".to_owned()), "▁")?.into(),
    ])))?;
    inner.with_pre_tokenizer(Some(Metaspace::new('▁', PrependScheme::First, true)));
    inner.add_tokens(marks)?;
    Ok(inner)
}

pub(super) fn error(field: &str, what: impl Into<Cow<'static, str>>) -> Error {
    Error::Config {
        component: "tokenizer".to_owned(),
        field: field.to_owned(),
        what: what.into().into_owned(),
    }
}
