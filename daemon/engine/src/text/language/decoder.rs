//! A language model's decoder as a whole: embeddings, layers, the final norm. Families ask for the hidden states of the layers that their
//! denoisers were trained with; layers beyond the deepest do not run. Text becomes ids in `tokenizer.rs`. A head that says words is not
//! here: the table of tokens is (`embed_tokens`), which is the head too where both are tied.

use darkroom_formats::schema::LanguageConfig;
use tch::{Kind, Tensor};

use super::layer::DecoderLayer;
use crate::nn::{Embedding, RmsNorm, Rotary, angles};
use crate::text::{Hidden, Select, TextEncoder};
use crate::weights::Weights;
use crate::{Cancel, Error, Result, torch};

/// `Qwen3Model` and `Qwen2Model` of transformers.
#[derive(Debug)]
pub struct LanguageModel {
    embed_tokens: Embedding,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    config: LanguageConfig,
    weights: Weights,
}

/// A hidden state that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tap {
    /// After so many layers, without the final norm: transformers' `hidden_states[n]` for every n but the last.
    After(usize),
    /// After all layers and the final norm.
    Normed,
}

/// What may stand before the names of a language model's tensors: alone, in a model with a head, in a vision model's two spellings.
const PREFIXES: [&str; 4] = [
    "model",
    "model.language_model",
    "language_model.model",
    "language_model",
];

impl LanguageModel {
    /// Binds the tensors that `config` implies, whatever of `PREFIXES` stands before their names.
    pub fn new(weights: &Weights, config: &LanguageConfig) -> Result<Self> {
        let there = |prefix: &&str| weights.contains(&format!("{prefix}.embed_tokens.weight"));
        // One pass a prompt.
        let model = match PREFIXES.iter().find(|prefix| there(prefix)) {
            Some(prefix) => weights.pp(prefix),
            None => weights.clone(),
        }
        .in_place();
        let layers = model.pp("layers");
        let hidden = config.hidden_size;
        Ok(Self {
            embed_tokens: Embedding::new(&model.pp("embed_tokens"), config.vocab_size, hidden)?,
            layers: (0..config.num_hidden_layers)
                .map(|i| DecoderLayer::new(&layers.pp(i), config))
                .collect::<Result<_>>()?,
            norm: RmsNorm::new(&model.pp("norm"), hidden, config.rms_norm_eps)?,
            config: config.clone(),
            weights: weights.clone(),
        })
    }

    /// The hidden states of `ids` [B, N], i64 on the CPU, that `taps` names, in its order: [B, N, hidden] each. Where prompts of a batch
    /// differ in length, `mask` [B, N] of bool says which of the ids count; those that do not come last.
    ///
    /// # Errors
    /// `Error::Config` where an id or the length is outside the model's tables, or a tap beyond its layers; `Error::Cancelled`.
    pub fn hidden_states(
        &self,
        ids: &Tensor,
        mask: Option<&Tensor>,
        taps: &[Tap],
        cancel: &Cancel,
    ) -> Result<Vec<Tensor>> {
        let length = ids.size().last().copied().unwrap_or_default();
        self.check(length, taps)?;
        let deepest = taps.iter().map(|tap| self.depth(*tap)).max().unwrap_or_default();
        let mut hidden_states = self.embed_tokens.forward(ids)?;
        let device = torch::device_of(&hidden_states)?;
        let rotary = Rotary::of_angles(&self.angles(length), device)?;
        let mask = mask.map(|mask| causal(mask, length, &hidden_states));
        let mut found: Vec<Option<Tensor>> = taps.iter().map(|_| None).collect();
        let mut note = |done: usize, hidden_states: &Tensor| {
            let wanted = taps.iter().zip(&mut found);
            for (_, slot) in wanted.filter(|(tap, _)| **tap == Tap::After(done)) {
                *slot = Some(hidden_states.shallow_clone());
            }
        };
        note(0, &hidden_states);
        for (done, layer) in (1..).zip(self.layers.iter().take(deepest)) {
            cancel.check()?;
            hidden_states = layer.forward(&hidden_states, &rotary, mask.as_ref());
            note(done, &hidden_states);
        }
        let normed = |found: Option<Tensor>| found.unwrap_or_else(|| self.norm.forward(&hidden_states));
        Ok(found.into_iter().map(normed).collect())
    }

    /// Layers that run for a tap.
    fn depth(&self, tap: Tap) -> usize {
        match tap {
            Tap::After(layers) => layers,
            Tap::Normed => self.layers.len(),
        }
    }

    /// [N, head_dim / 2] in f32, as transformers forms them.
    fn angles(&self, length: i64) -> Tensor {
        let (head, theta) = (self.config.head_dim, self.config.rope_theta);
        let frequencies = angles(&[1.0], head, theta).to_kind(Kind::Float).squeeze_dim(0);
        Tensor::arange(length, (Kind::Float, tch::Device::Cpu)).outer(&frequencies)
    }

    fn check(&self, length: i64, taps: &[Tap]) -> Result<()> {
        let wrong = |field: &str, what: String| Error::Config {
            component: self.weights.component().to_owned(),
            field: field.to_owned(),
            what,
        };
        if length > self.config.max_position_embeddings {
            let most = self.config.max_position_embeddings;
            return Err(wrong(
                "max_position_embeddings",
                format!("is {most}: {length} tokens are too many."),
            ));
        }
        let layers = self.layers.len();
        match taps.iter().find(|tap| self.depth(**tap) > layers) {
            Some(tap) => Err(wrong("num_hidden_layers", format!("is {layers}: there is no {tap:?}."))),
            None => Ok(()),
        }
    }
}

/// 0 where a token may look, −∞ where it may not, because the other comes later or does not count: [B, 1, N, N] like `x`.
fn causal(mask: &Tensor, length: i64, x: &Tensor) -> Tensor {
    let later = Tensor::ones([length, length], (Kind::Float, x.device()))
        .triu(1)
        .to_kind(Kind::Bool);
    let hidden = mask.to_device(x.device()).logical_not().unsqueeze(1).unsqueeze(1);
    let hidden = hidden.logical_or(&later);
    Tensor::zeros(hidden.size(), (x.kind(), x.device())).masked_fill(&hidden, f64::NEG_INFINITY)
}

impl TextEncoder for LanguageModel {
    fn encode(&self, ids: &Tensor, select: Select, cancel: &Cancel) -> Result<Hidden> {
        let layers = self.layers.len();
        let tap = match (select.skip_layers, select.final_layer_norm) {
            (0, true) => Tap::Normed,
            (skipped, _) => Tap::After(layers.saturating_sub(skipped)),
        };
        let mut found = self.hidden_states(ids, None, &[tap], cancel)?;
        Ok(Hidden {
            hidden_states: found.pop().ok_or(Error::Defect)?,
            pooled: None,
        })
    }

    fn rest(&self) {
        self.weights.rest();
    }
}
