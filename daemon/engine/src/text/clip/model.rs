//! CLIP's text encoder as a whole: embeddings, layers, the final norm and the pooled state, of which `Select` says what is
//! wanted. Families build it as a component of theirs (`families/stable_diffusion/family.rs`). Text becomes ids in
//! `text/tokenizer/`.

use darkroom_formats::schema::ClipTextConfig;
use tch::{Kind, Tensor};

use super::encoder_layer::EncoderLayer;
use crate::nn::{Embedding, LayerNorm, Linear};
use crate::text::{Hidden, Select, TextEncoder, Words};
use crate::torch;
use crate::weights::Weights;
use crate::{Cancel, Error, Result};

/// `CLIPTextModel` of transformers' `models/clip/modeling_clip.py`, and `CLIPTextModelWithProjection`, whose pooled state is
/// projected.
#[derive(Debug)]
pub struct ClipTextModel {
    token_embedding: Embedding,
    position_embedding: Embedding,
    layers: Vec<EncoderLayer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    config: ClipTextConfig,
    weights: Weights,
}

impl ClipTextModel {
    /// Binds the tensors that `config` implies, with or without `text_model.` in front of their names.
    pub fn new(weights: &Weights, config: &ClipTextConfig) -> Result<Self> {
        let bare = weights.contains("embeddings.token_embedding.weight")
            && !weights.contains("text_model.embeddings.token_embedding.weight");
        let model = if bare {
            weights.clone()
        } else {
            weights.pp("text_model")
        };
        // Two short passes a picture.
        let model = model.in_place();
        let embeddings = model.pp("embeddings");
        let layers = model.pp("encoder").pp("layers");
        let hidden = config.hidden_size;
        let project = |outputs| Linear::without_bias(&weights.in_place().pp("text_projection"), hidden, outputs);
        let positions = config.max_position_embeddings;
        Ok(Self {
            token_embedding: Embedding::new(&embeddings.pp("token_embedding"), config.vocab_size, hidden)?,
            position_embedding: Embedding::new(&embeddings.pp("position_embedding"), positions, hidden)?,
            layers: (0..config.num_hidden_layers)
                .map(|i| EncoderLayer::new(&layers.pp(i), config))
                .collect::<Result<_>>()?,
            final_layer_norm: LayerNorm::new(&model.pp("final_layer_norm"), hidden, config.layer_norm_eps)?,
            text_projection: config.projection_dim.map(project).transpose()?,
            config: config.clone(),
            weights: weights.clone(),
        })
    }

    /// The config that the model was built with.
    pub fn config(&self) -> &ClipTextConfig {
        &self.config
    }

    /// Encodes `input_ids` [B, N], i64 on the CPU, N ≤ max_position_embeddings.
    ///
    /// # Errors
    /// `Error::Config` where an id or the length is outside the model's tables, or `skip_layers` leaves no layer.
    pub fn forward(&self, input_ids: &Tensor, select: Select, cancel: &Cancel) -> Result<Hidden> {
        self.forward_words(&Words::of(input_ids), select, cancel)
    }

    /// The same for what is not ids alone.
    ///
    /// # Errors
    /// As [`Self::forward`]; `Error::Config` for vectors of another width or beyond the end.
    pub fn forward_words(&self, words: &Words, select: Select, cancel: &Cancel) -> Result<Hidden> {
        let input_ids = words.ids;
        let length = input_ids.size().last().copied().unwrap_or_default();
        let kept = self.check(length, select.skip_layers)?;
        let mut hidden_states = self.embed(words, length)? + self.position_embedding.first(length);
        let hides = !words.hidden.is_empty();
        let mask = hides.then(|| hiding(words.hidden, &hidden_states)).transpose()?;
        let mut selected = None;
        for (done, layer) in (1..).zip(&self.layers) {
            cancel.check()?;
            let before = (done == kept && words.blend > 0.0).then(|| hidden_states.shallow_clone());
            hidden_states = layer.forward(&hidden_states, mask.as_ref());
            if done == kept {
                selected = Some(match before {
                    Some(before) => &hidden_states * (1.0 - words.blend) + before * words.blend,
                    None => hidden_states.shallow_clone(),
                });
                if !select.pooled {
                    break;
                }
            }
        }
        let pooled = select.pooled.then(|| self.pool(&hidden_states, input_ids));
        let selected = selected.unwrap_or(hidden_states);
        let hidden_states = if select.final_layer_norm {
            self.final_layer_norm.forward(&selected)
        } else {
            selected
        };
        Ok(Hidden { hidden_states, pooled })
    }

    /// Rows of the token table, and `vectors` in place of some of them [B, N, width].
    fn embed(&self, words: &Words, length: i64) -> Result<Tensor> {
        let embedded = self.token_embedding.forward(words.ids)?;
        if words.vectors.is_empty() {
            return Ok(embedded);
        }
        let embedded = embedded.copy();
        for (at, vectors) in words.vectors {
            let (rows, width) = match vectors.size()[..] {
                [rows, width] => (rows, width),
                _ => return Err(Error::Defect),
            };
            if width != self.config.hidden_size || *at < 0 || at + rows > length {
                return Err(Error::Config {
                    component: "text_encoder".to_owned(),
                    field: "hidden_size".to_owned(),
                    what: format!(
                        "is {}: vectors of {width} from place {at} on do not fit into {length} places of that width.",
                        self.config.hidden_size
                    ),
                });
            }
            embedded.narrow(1, *at, rows).copy_(vectors);
        }
        Ok(embedded)
    }

    /// The normalised state at each prompt's first end mark, projected where the model does so.
    fn pool(&self, last: &Tensor, input_ids: &Tensor) -> Tensor {
        let marks = match self.config.eos_token_id {
            2 => input_ids.shallow_clone(),
            eos => input_ids.eq(eos).to_kind(Kind::Int64),
        };
        let at = Vec::<i64>::try_from(marks.argmax(-1, false)).unwrap_or_default();
        let rows: Vec<Tensor> = (0..)
            .zip(at)
            .map(|(row, position)| last.get(row).get(position))
            .collect();
        let pooled = self.final_layer_norm.forward(&Tensor::stack(&rows, 0));
        match &self.text_projection {
            Some(projection) => projection.forward(&pooled),
            None => pooled,
        }
    }

    /// How many layers are to run for the selected state.
    fn check(&self, length: i64, skip_layers: usize) -> Result<usize> {
        let error = |field: &str, what: String| {
            Err(Error::Config {
                component: "text_encoder".to_owned(),
                field: field.to_owned(),
                what,
            })
        };
        let most = self.config.max_position_embeddings;
        if length > most {
            return error(
                "max_position_embeddings",
                format!("is {most}, the prompt has {length} tokens."),
            );
        }
        match self.layers.len().checked_sub(skip_layers) {
            Some(kept) if kept > 0 => Ok(kept),
            _ => error(
                "num_hidden_layers",
                format!("is {}: {skip_layers} of them cannot be skipped.", self.layers.len()),
            ),
        }
    }
}

impl TextEncoder for ClipTextModel {
    fn encode(&self, ids: &Tensor, select: Select, cancel: &Cancel) -> Result<Hidden> {
        self.forward(ids, select, cancel)
    }

    fn encode_words(&self, words: &Words, select: Select, cancel: &Cancel) -> Result<Hidden> {
        self.forward_words(words, select, cancel)
    }

    fn rest(&self) {
        self.weights.rest();
    }
}

/// What is added to the scores so that no place sees a later one, nor one of `hidden`: [N, N] where the states [B, N, width] are.
fn hiding(hidden: &[i64], states: &Tensor) -> Result<Tensor> {
    let length = states.size()[1];
    let cpu = tch::Device::Cpu;
    let unseen = Tensor::ones([length, length], (Kind::Bool, cpu)).triu(1);
    let unseen = unseen.index_fill(1, &Tensor::from_slice(hidden), 1);
    let mask = Tensor::zeros([length, length], (Kind::Float, cpu)).masked_fill(&unseen, f64::NEG_INFINITY);
    torch::to(&mask, torch::device_of(states)?, states.kind())
}
