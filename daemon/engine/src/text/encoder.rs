//! What a text encoder does for any family: token ids to hidden states, of which the caller says which it wants.

use std::fmt::Debug;

use tch::Tensor;

use crate::{Cancel, Result};

/// Token ids to hidden states.
pub trait TextEncoder: Debug {
    /// Encodes `ids` [B, N], i64 on the CPU, where they are looked at before a device is asked.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where an id or the length is outside the model's tables, or nothing is left of its layers;
    /// [`crate::Error::Cancelled`].
    fn encode(&self, ids: &Tensor, select: Select, cancel: &Cancel) -> Result<Hidden>;

    /// Encodes what is not ids alone: see [`Words`].
    ///
    /// # Errors
    /// As [`Self::encode`]; [`crate::Error::Unsupported`] where the encoder reads nothing but ids.
    fn encode_words(&self, words: &Words, select: Select, cancel: &Cancel) -> Result<Hidden> {
        if words.vectors.is_empty() && words.hidden.is_empty() && words.blend == 0.0 {
            return self.encode(words.ids, select, cancel);
        }
        Err(crate::Error::Unsupported(
            "This model's text encoder takes neither embeddings, nor a fractional clip skip, nor compel's weights below 1.".to_owned(),
        ))
    }

    /// Gives the memory of mapped weights back to the system until the next prompt.
    fn rest(&self) {}
}

/// A prompt of which some places are no rows of the encoder's table, or not to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// [B, N], i64 on the CPU; what stands at a place that `vectors` fills does not matter.
    pub ids: &'a Tensor,
    /// From which place on what takes the place of token embeddings: [k, width] of any kind and device, in every row.
    pub vectors: &'a [(i64, Tensor)],
    /// Places that no other place looks at, in every row; the first must not be among them.
    pub hidden: &'a [i64],
    /// 0 to 1: how much of the layer before the selected one is in its state.
    pub blend: f64,
}

impl<'a> Words<'a> {
    /// Ids alone.
    pub fn of(ids: &'a Tensor) -> Self {
        Self {
            ids,
            vectors: &[],
            hidden: &[],
            blend: 0.0,
        }
    }
}

/// Which hidden states are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select {
    /// Layers left out at the end: 0 for the last layer's output, 1 for the penultimate's (what A1111 calls clip skip 2).
    pub skip_layers: usize,
    /// Whether the hidden states go through the final layer normalisation.
    pub final_layer_norm: bool,
    /// Whether the pooled state is wanted too.
    pub pooled: bool,
}

/// What an encoder says about a prompt.
#[derive(Debug)]
pub struct Hidden {
    /// [B, N, width].
    pub hidden_states: Tensor,
    /// One state for the whole prompt [B, width], where it was asked for.
    pub pooled: Option<Tensor>,
}

impl Default for Select {
    /// What Stable Diffusion 1 conditions on: the last layer, normalised.
    fn default() -> Self {
        Self {
            skip_layers: 0,
            final_layer_norm: true,
            pooled: false,
        }
    }
}
