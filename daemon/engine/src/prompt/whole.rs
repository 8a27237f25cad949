//! Prompts as T5 reads them: whole, up to so many places, in one text. Families whose conditioning is T5's states have a [`Reader`] and
//! lend it their encoder; what else they read beside is theirs.
//!
//! Weights change T5's states as they change CLIP's in Stable Diffusion, by the emphasis that is asked for: AUTOMATIC1111's formulas are
//! what Forge applies to T5, ComfyUI's what ComfyUI does. diffusers knows none.

use darkroom_protocol::Emphasis;
use tch::Tensor;

use super::emphasis::{away, scaled};
use super::wording::{Piece, Wording};
use crate::text::t5::{Padded, T5Tokenizer};
use crate::text::{Select, TextEncoder, Words};
use crate::{Cancel, Error, Result};

/// How prompts are read.
#[derive(Debug)]
pub struct Reader {
    /// T5's tokenizer.
    pub tokenizer: T5Tokenizer,
    /// The most places that T5 reads, the end mark included.
    pub length: usize,
    /// What is made of places without words.
    pub way: Way,
}

/// What is made of places without words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They are read like words: FLUX.1.
    Padded,
    /// None is looked at, and the state of the first is part of the conditioning: Chroma.
    OnePad,
}

/// A prompt's places and what each weighs.
struct Laid {
    ids: Padded,
    weights: Vec<f32>,
}

impl Reader {
    /// The states of `prompt` [1, N, width], and one line where not all of it was read.
    ///
    /// # Errors
    /// Those of tokenizer and encoder, [`Error::Unsupported`] for a weight that is no number, [`Error::Cancelled`].
    pub fn read(
        &self,
        encoder: &dyn TextEncoder,
        prompt: &Wording,
        cancel: &Cancel,
    ) -> Result<(Tensor, Option<String>)> {
        cancel.check()?;
        let (laid, dropped) = self.lay(prompt)?;
        let states = self.states(encoder, &laid.ids, cancel)?;
        let weighs = laid.weights.iter().any(|weight| *weight != 1.0);
        let weights = fitted(&laid, &states);
        let states = match (prompt.emphasis, weighs) {
            (Emphasis::Original, true) => scaled(&states, &weights, true)?,
            (Emphasis::NoNorm, true) => scaled(&states, &weights, false)?,
            (Emphasis::Comfy | Emphasis::Compel, true) => {
                let length = laid.ids.ids.len();
                // As many places, so that each has its own to be compared with.
                let empty = self.through(encoder, &T5Tokenizer::padded(&[], length), length, cancel)?;
                away(&states, &empty.narrow(1, 0, states.size()[1]), &weights)?
            }
            (Emphasis::Ignore | Emphasis::None, _) | (_, false) => states,
        };
        Ok((states, dropped))
    }

    /// The prompt's places, and a line about what found no room. Words of one weight are read as one text; pieces of several weights
    /// each for itself, as Forge and ComfyUI do.
    fn lay(&self, prompt: &Wording) -> Result<(Laid, Option<String>)> {
        let weighed = |piece: &Piece| matches!(piece, Piece::Text(_, weight) if *weight != 1.0);
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        let mut dropped = None;
        if prompt.pieces.iter().any(weighed) {
            for piece in &prompt.pieces {
                if let Piece::Text(text, weight) = piece {
                    let more = self.tokenizer.ids(text)?;
                    weights.resize(weights.len() + more.len(), finite(*weight)?);
                    ids.extend(more);
                }
            }
            let over = (ids.len() + 1).saturating_sub(self.length);
            dropped = (over > 0).then(|| {
                format!(
                    "the model reads {} tokens, the last {over} are not used.",
                    self.length - 1
                )
            });
        } else {
            let text = prompt.text();
            ids = self.tokenizer.ids(&text)?;
            if let Some(over) = self.tokenizer.dropped(&text, self.length)? {
                let shown: String = darkroom_protocol::text::escape_line(over.text.trim())
                    .chars()
                    .take(60)
                    .collect();
                dropped = Some(format!(
                    "the model reads {} tokens, the last {} are not used: “{shown}”.",
                    self.length - 1,
                    over.tokens
                ));
            }
        }
        let ids = T5Tokenizer::padded(&ids, self.length);
        weights.truncate(ids.used - 1);
        Ok((Laid { ids, weights }, dropped))
    }

    /// T5's states of what counts of `ids`: [1, N, width].
    fn states(&self, encoder: &dyn TextEncoder, ids: &Padded, cancel: &Cancel) -> Result<Tensor> {
        let length = match self.way {
            Way::Padded => ids.ids.len(),
            Way::OnePad => ids.ids.len().min(ids.used + 1),
        };
        self.through(encoder, ids, length, cancel)
    }

    /// Those of the first `length` places.
    fn through(&self, encoder: &dyn TextEncoder, ids: &Padded, length: usize, cancel: &Cancel) -> Result<Tensor> {
        let pads: Vec<i64> = match self.way {
            Way::Padded => Vec::new(),
            Way::OnePad => (ids.used as i64..length as i64).collect(),
        };
        let row = Tensor::from_slice(ids.ids.get(..length).ok_or(Error::Defect)?).unsqueeze(0);
        let words = Words {
            hidden: &pads,
            ..Words::of(&row)
        };
        Ok(encoder.encode_words(&words, Select::default(), cancel)?.hidden_states)
    }
}

/// A weight for each place of `states`: marks and padding weigh 1.
fn fitted(laid: &Laid, states: &Tensor) -> Vec<f32> {
    let mut weights = laid.weights.clone();
    weights.resize(states.size()[1] as usize, 1.0);
    weights
}

fn finite(weight: f64) -> Result<f32> {
    let small = weight as f32;
    match small.is_finite() {
        true => Ok(small),
        false => Err(Error::Unsupported(format!(
            "A word of the prompt weighs {weight}: give it a smaller weight."
        ))),
    }
}
