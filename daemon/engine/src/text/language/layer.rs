//! One layer of a language model's decoder: causal attention with grouped queries, and a gated MLP, each behind its norm. `decoder.rs` builds
//! a row of them and looks for a cancel before each. The formula of attention is in `nn/attention.rs`, that of places in `nn/rotary.rs`.

use darkroom_formats::schema::LanguageConfig;
use tch::Tensor;

use crate::Result;
use crate::nn::{Attend, Linear, RmsNorm, Rotary, attention, silu, split_heads};
use crate::weights::Weights;

/// `Qwen3DecoderLayer` of transformers' `models/qwen3/modeling_qwen3.py`, and `Qwen2DecoderLayer`, which has biases and no norm of
/// queries and keys.
#[derive(Debug)]
pub struct DecoderLayer {
    input_layernorm: RmsNorm,
    self_attn: SelfAttention,
    post_attention_layernorm: RmsNorm,
    mlp: Mlp,
}

#[derive(Debug)]
struct SelfAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    /// Of queries and keys, over a head.
    norms: Option<(RmsNorm, RmsNorm)>,
    heads: i64,
    groups: i64,
}

#[derive(Debug)]
struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl DecoderLayer {
    /// Binds the layer's tensors; `config` has been checked.
    pub fn new(weights: &Weights, config: &LanguageConfig) -> Result<Self> {
        let norm = |name: &str| RmsNorm::new(&weights.pp(name), config.hidden_size, config.rms_norm_eps);
        Ok(Self {
            input_layernorm: norm("input_layernorm")?,
            self_attn: SelfAttention::new(&weights.pp("self_attn"), config)?,
            post_attention_layernorm: norm("post_attention_layernorm")?,
            mlp: Mlp::new(&weights.pp("mlp"), config)?,
        })
    }

    /// [B, N, hidden] → [B, N, hidden]. `mask` [B, 1, N, N] is added to the scores in place of the causal one.
    pub fn forward(&self, hidden_states: &Tensor, rotary: &Rotary, mask: Option<&Tensor>) -> Tensor {
        let normed = self.input_layernorm.forward(hidden_states);
        let hidden_states = self.self_attn.forward_plus(&normed, rotary, mask, hidden_states);
        let normed = self.post_attention_layernorm.forward(&hidden_states);
        self.mlp.forward_plus(&normed, &hidden_states)
    }
}

impl SelfAttention {
    fn new(weights: &Weights, config: &LanguageConfig) -> Result<Self> {
        let (hidden, head) = (config.hidden_size, config.head_dim);
        let (heads, pairs) = (config.num_attention_heads, config.num_key_value_heads);
        let proj = |name: &str, heads: i64| match config.attention_bias {
            true => Linear::new(&weights.pp(name), hidden, heads * head),
            false => Linear::without_bias(&weights.pp(name), hidden, heads * head),
        };
        let norm = |name: &str| RmsNorm::new(&weights.pp(name), head, config.rms_norm_eps);
        let norms = || Ok::<_, crate::Error>((norm("q_norm")?, norm("k_norm")?));
        Ok(Self {
            q_proj: proj("q_proj", heads)?,
            k_proj: proj("k_proj", pairs)?,
            v_proj: proj("v_proj", pairs)?,
            o_proj: Linear::without_bias(&weights.pp("o_proj"), heads * head, hidden)?,
            norms: config.qk_norm.then(norms).transpose()?,
            heads,
            groups: heads / pairs,
        })
    }

    fn forward_plus(&self, x: &Tensor, rotary: &Rotary, mask: Option<&Tensor>, residual: &Tensor) -> Tensor {
        let pairs = self.heads / self.groups;
        let mut query = split_heads(&self.q_proj.forward(x), self.heads);
        let mut key = split_heads(&self.k_proj.forward(x), pairs);
        if let Some((q_norm, k_norm)) = &self.norms {
            (query, key) = (q_norm.forward(&query), k_norm.forward(&key));
        }
        let value = split_heads(&self.v_proj.forward(x), pairs);
        let (query, key) = (rotary.turn_halves(&query), rotary.turn_halves(&key));
        let [key, value] = [key, value].map(|x| x.repeat_interleave_self_int(self.groups, 1, None));
        let attend = Attend {
            mask,
            causal: mask.is_none(),
            ..Attend::default()
        };
        self.o_proj
            .forward_plus(&attention(&query, &key, &value, attend), residual)
    }
}

impl Mlp {
    fn new(weights: &Weights, config: &LanguageConfig) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let proj = |name: &str, inputs, outputs| Linear::without_bias(&weights.pp(name), inputs, outputs);
        Ok(Self {
            gate_proj: proj("gate_proj", hidden, inner)?,
            up_proj: proj("up_proj", hidden, inner)?,
            down_proj: proj("down_proj", inner, hidden)?,
        })
    }

    fn forward_plus(&self, x: &Tensor, residual: &Tensor) -> Tensor {
        let gated = silu(&self.gate_proj.forward(x)) * self.up_proj.forward(x);
        self.down_proj.forward_plus(&gated, residual)
    }
}
