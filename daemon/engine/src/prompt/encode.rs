//! Chunks through text encoders. A family gives its ways of text, each a tokenizer, an encoder and which of its layers counts, and gets
//! the states of a wording back, one tensor a way; what its denoiser is told of them is its own business.

use std::collections::HashSet;
use std::rc::Rc;

use darkroom_protocol::Emphasis;
use tch::Tensor;

use super::chunks::{Chunk, empty, lay};
use super::emphasis::{away, blended, scaled, without};
use super::wording::{Piece, Wording};
use crate::text::{Hidden, Select, TextEncoder, Tokenizer, Words};
use crate::{Cancel, Error, Result};

/// One of a family's ways from words to states.
#[derive(Debug)]
pub struct Path<'a> {
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Its encoder.
    pub encoder: Rc<dyn TextEncoder>,
    /// The layer that the model was trained with, and whether the pooled state is wanted.
    pub select: Select,
    /// Whether a person's clip skip counts for it.
    pub skips: bool,
    /// The width of its token embeddings, which is that of the embeddings that fit it.
    pub width: i64,
}

/// A way whose encoder is asked for when its turn comes, and let go before that of the next.
pub struct Turn<'a> {
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Brings its encoder: from where it is kept, or from its files.
    pub open: Box<dyn Fn() -> Result<Rc<dyn TextEncoder>> + 'a>,
    /// As [`Path::select`].
    pub select: Select,
    /// As [`Path::skips`].
    pub skips: bool,
    /// As [`Path::width`].
    pub width: i64,
}

impl<'a> Turn<'a> {
    fn path(&self) -> Result<Path<'a>> {
        Ok(Path {
            tokenizer: self.tokenizer,
            encoder: (self.open)()?,
            select: self.select,
            skips: self.skips,
            width: self.width,
        })
    }
}

/// What the encoders say of a wording, in the order of their ways.
#[derive(Debug)]
pub struct States {
    /// [1, 77·chunks, width] each, equally long.
    pub tokens: Vec<Tensor>,
    /// [1, width] each, of the first chunk, where it was asked for.
    pub pooled: Vec<Option<Tensor>>,
}

impl States {
    /// All side by side: [1, 77·chunks, sum of widths].
    ///
    /// # Errors
    /// [`Error::Defect`] without any.
    pub fn joined(&self) -> Result<Tensor> {
        match &self.tokens[..] {
            [] => Err(Error::Defect),
            [one] => Ok(one.shallow_clone()),
            several => Ok(Tensor::cat(several, -1)),
        }
    }
}

/// `wording` through every way.
///
/// # Errors
/// Those of tokenizers and encoders; [`Error::Unsupported`] for a clip skip that leaves no layer, an embedding that is unknown or does
/// not fit; [`Error::Cancelled`].
pub fn encode(paths: &[Path], wording: &Wording, cancel: &Cancel) -> Result<States> {
    let widths: Vec<i64> = paths.iter().map(|path| path.width).collect();
    let laid = laid(paths.iter().map(|path| path.tokenizer), wording)?;
    let (mut tokens, mut pooled) = (Vec::new(), Vec::new());
    for (at, (path, chunks)) in paths.iter().zip(&laid).enumerate() {
        let way = Way {
            path,
            wording,
            widths: &widths,
            at,
            cancel,
        };
        let (states, first) = way.encode(chunks)?;
        tokens.push(states);
        pooled.push(first);
    }
    Ok(States { tokens, pooled })
}

/// Every one of `wordings` through every way, one way after the other: no two encoders have to be in memory at one time.
///
/// # Errors
/// As [`encode`], and those of bringing an encoder.
pub fn encode_in_turn(turns: &[Turn], wordings: &[Wording], cancel: &Cancel) -> Result<Vec<States>> {
    let widths: Vec<i64> = turns.iter().map(|turn| turn.width).collect();
    let tokenizers = || turns.iter().map(|turn| turn.tokenizer);
    let laid = wordings
        .iter()
        .map(|wording| laid(tokenizers(), wording))
        .collect::<Result<Vec<_>>>()?;
    let nothing = || States {
        tokens: Vec::new(),
        pooled: Vec::new(),
    };
    let mut all: Vec<States> = wordings.iter().map(|_| nothing()).collect();
    for (at, turn) in turns.iter().enumerate() {
        let path = turn.path()?;
        let mut passed = || -> Result<()> {
            for ((wording, laid), states) in wordings.iter().zip(&laid).zip(&mut all) {
                let way = Way {
                    path: &path,
                    wording,
                    widths: &widths,
                    at,
                    cancel,
                };
                let (tokens, pooled) = way.encode(&laid[at])?;
                states.tokens.push(tokens);
                states.pooled.push(pooled);
            }
            Ok(())
        };
        let passed = passed();
        path.encoder.rest();
        passed?;
    }
    Ok(all)
}

/// A wording's chunks for each tokenizer, as many for each.
fn laid<'a>(tokenizers: impl Iterator<Item = &'a Tokenizer> + Clone, wording: &Wording) -> Result<Vec<Vec<Chunk>>> {
    let each = tokenizers.clone().map(|tokenizer| lay(tokenizer, wording));
    let mut laid = each.collect::<Result<Vec<_>>>()?;
    let most = laid.iter().map(Vec::len).max().unwrap_or_default();
    for (tokenizer, chunks) in tokenizers.zip(&mut laid) {
        chunks.resize(most, empty(tokenizer));
    }
    Ok(laid)
}

/// One way on which a wording goes.
struct Way<'a> {
    path: &'a Path<'a>,
    wording: &'a Wording,
    widths: &'a [i64],
    at: usize,
    cancel: &'a Cancel,
}

impl Way<'_> {
    /// The states of all chunks [1, N, width], and the pooled one of the first.
    fn encode(&self, chunks: &[Chunk]) -> Result<(Tensor, Option<Tensor>)> {
        // Pieces that some place is of.
        let said: HashSet<usize> = chunks
            .iter()
            .flat_map(|chunk| &chunk.pieces)
            .flatten()
            .copied()
            .collect();
        let weighed = chunks
            .iter()
            .any(|chunk| chunk.weights.iter().any(|weight| *weight != 1.0));
        let needs_empty = weighed && matches!(self.wording.emphasis, Emphasis::Comfy | Emphasis::Compel);
        let empty = match needs_empty {
            true => Some(self.pass(&empty(self.path.tokenizer), &[], false)?.hidden_states),
            false => None,
        };
        let (mut states, mut pooled) = (Vec::new(), None);
        for (number, chunk) in chunks.iter().enumerate() {
            let hidden = self.pass(chunk, &[], number == 0)?;
            if number == 0 {
                pooled = hidden.pooled;
            }
            let base = self.weigh(hidden.hidden_states, chunk, empty.as_ref())?;
            states.push(match (self.wording.emphasis, &empty) {
                (Emphasis::Compel, Some(empty)) => self.lessen(base, chunk, empty, &said)?,
                _ => base,
            });
        }
        let states = match states.len() {
            1 => states.remove(0),
            _ => Tensor::cat(&states, 1),
        };
        Ok((states, pooled))
    }

    /// `z` [1, N, width] as the weights of `chunk` change it.
    fn weigh(&self, z: Tensor, chunk: &Chunk, empty: Option<&Tensor>) -> Result<Tensor> {
        if chunk.weights.iter().all(|weight| *weight == 1.0) {
            return Ok(z);
        }
        match (self.wording.emphasis, empty) {
            (Emphasis::Original, _) => scaled(&z, &chunk.weights, true),
            (Emphasis::NoNorm, _) => scaled(&z, &chunk.weights, false),
            (Emphasis::Comfy | Emphasis::Compel, Some(empty)) => away(&z, empty, &chunk.weights),
            (Emphasis::Comfy | Emphasis::Compel | Emphasis::Ignore | Emphasis::None, _) => Ok(z),
        }
    }

    /// `base` blended with the chunk without each piece that weighs less than 1. Such a piece of another chunk counts too, where it
    /// changes nothing: compel's lerp is over the whole prompt.
    fn lessen(&self, base: Tensor, chunk: &Chunk, empty: &Tensor, said: &HashSet<usize>) -> Result<Tensor> {
        let mut all = vec![(1.0, base)];
        for (number, piece) in self.wording.pieces.iter().enumerate() {
            let Piece::Text(_, weight) = piece else {
                continue;
            };
            if *weight >= 1.0 || !said.contains(&number) {
                continue;
            }
            let places = (0..).zip(&chunk.pieces).filter(|(_, piece)| **piece == Some(number));
            let places: Vec<i64> = places.map(|(at, _)| at).collect();
            if places.is_empty() {
                all[0].0 += without(*weight);
                continue;
            }
            let hidden = self.pass(chunk, &places, false)?;
            let states = self.weigh(hidden.hidden_states, chunk, Some(empty))?;
            all.push((without(*weight), states));
        }
        match all.len() {
            1 => Ok(all.remove(0).1),
            _ => blended(&all).ok_or(Error::Defect),
        }
    }

    /// A chunk through the encoder, which does not look at the places `hidden`.
    fn pass(&self, chunk: &Chunk, hidden: &[i64], first: bool) -> Result<Hidden> {
        self.cancel.check()?;
        let vector = |(place, number): &(i64, usize)| {
            let concept = &self.wording.concepts[*number];
            Ok((*place, concept.for_encoder(self.widths, self.at)?.shallow_clone()))
        };
        let vectors = chunk.vectors.iter().map(vector).collect::<Result<Vec<_>>>()?;
        let mut select = self.path.select;
        select.pooled &= first;
        let skip = self.wording.clip_skip.filter(|_| self.path.skips);
        if let Some(skip) = skip {
            select.skip_layers = (skip.floor() as usize).saturating_sub(1);
        }
        let words = Words {
            ids: &Tensor::from_slice(&chunk.ids).unsqueeze(0),
            vectors: &vectors,
            hidden,
            blend: skip.map_or(0.0, f64::fract),
        };
        let encoded = self.path.encoder.encode_words(&words, select, self.cancel);
        encoded.map_err(|error| match (error, skip) {
            (Error::Config { field, what, .. }, Some(skip)) if field == "num_hidden_layers" => Error::Unsupported(
                format!("--clip-skip {skip}: the number of the text encoder's layers {what}"),
            ),
            (error, _) => error,
        })
    }
}
