//! One layer of CLIP's text encoder: causal self-attention and an MLP, each behind its norm. `model.rs` builds a row of them and
//! looks for a cancel before each. The formula of attention is in `nn/attention.rs`.

use darkroom_formats::schema::{Activation, ClipTextConfig};
use tch::Tensor;

use crate::Result;
use crate::nn::{Attend, LayerNorm, Linear, activate, attention, split_heads};
use crate::weights::Weights;

/// `CLIPEncoderLayer` of transformers' `models/clip/modeling_clip.py`.
#[derive(Debug)]
pub struct EncoderLayer {
    layer_norm1: LayerNorm,
    self_attn: SelfAttention,
    layer_norm2: LayerNorm,
    mlp: Mlp,
}

#[derive(Debug)]
struct SelfAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: i64,
}

#[derive(Debug)]
struct Mlp {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl EncoderLayer {
    /// Binds the layer's tensors; `config` has been checked.
    pub fn new(weights: &Weights, config: &ClipTextConfig) -> Result<Self> {
        let (hidden, eps) = (config.hidden_size, config.layer_norm_eps);
        Ok(Self {
            layer_norm1: LayerNorm::new(&weights.pp("layer_norm1"), hidden, eps)?,
            self_attn: SelfAttention::new(&weights.pp("self_attn"), config)?,
            layer_norm2: LayerNorm::new(&weights.pp("layer_norm2"), hidden, eps)?,
            mlp: Mlp::new(&weights.pp("mlp"), config)?,
        })
    }

    /// [B, N, hidden] → [B, N, hidden]. `mask` [N, N] is added to the scores in place of the causal one.
    pub fn forward(&self, hidden_states: &Tensor, mask: Option<&Tensor>) -> Tensor {
        let hidden_states = self.self_attn.forward(&self.layer_norm1.forward(hidden_states), mask) + hidden_states;
        self.mlp.forward(&self.layer_norm2.forward(&hidden_states)) + hidden_states
    }
}

impl SelfAttention {
    fn new(weights: &Weights, config: &ClipTextConfig) -> Result<Self> {
        let proj = |name: &str| Linear::new(&weights.pp(name), config.hidden_size, config.hidden_size);
        Ok(Self {
            q_proj: proj("q_proj")?,
            k_proj: proj("k_proj")?,
            v_proj: proj("v_proj")?,
            out_proj: proj("out_proj")?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(&self, hidden_states: &Tensor, mask: Option<&Tensor>) -> Tensor {
        let [query, key, value] = [&self.q_proj, &self.k_proj, &self.v_proj]
            .map(|proj| split_heads(&proj.forward(hidden_states), self.heads));
        self.out_proj.forward(&attention(
            &query,
            &key,
            &value,
            Attend {
                mask,
                causal: mask.is_none(),
                ..Attend::default()
            },
        ))
    }
}

impl Mlp {
    fn new(weights: &Weights, config: &ClipTextConfig) -> Result<Self> {
        Ok(Self {
            fc1: Linear::new(&weights.pp("fc1"), config.hidden_size, config.intermediate_size)?,
            fc2: Linear::new(&weights.pp("fc2"), config.intermediate_size, config.hidden_size)?,
            activation: config.hidden_act,
        })
    }

    fn forward(&self, hidden_states: &Tensor) -> Tensor {
        self.fc2
            .forward(&activate(self.activation, &self.fc1.forward(hidden_states)))
    }
}
