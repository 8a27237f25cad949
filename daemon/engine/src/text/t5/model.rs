//! The encoder: layers of self-attention, which knows places by a learned bias on how far they are apart, and of a gated MLP. FLUX.1
//! and Chroma (`families/flux/`) build it as a component and read its last state. Text becomes ids in `tokenizer.rs`.
//!
//! The residual stream is f32 whatever the weights are: in T5 XXL it passes the range of f16.

use darkroom_formats::schema::{Activation, T5Config};
use tch::{Kind, Tensor};

use crate::nn::{Attend, Embedding, Linear, Parameter, activate, attention, split_heads};
use crate::text::{Hidden, Select, TextEncoder, Words};
use crate::torch;
use crate::weights::Weights;
use crate::{Cancel, Error, Result};

/// `T5EncoderModel` of transformers' `models/t5/modeling_t5.py`.
#[derive(Debug)]
pub struct T5Encoder {
    shared: Embedding,
    relative_attention_bias: Parameter,
    block: Vec<Block>,
    final_layer_norm: LayerNorm,
    config: T5Config,
    weights: Weights,
}

/// `T5Block` without its dropout.
#[derive(Debug)]
struct Block {
    self_attention: SelfAttention,
    feed_forward: FeedForward,
}

#[derive(Debug)]
struct SelfAttention {
    layer_norm: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    heads: i64,
}

#[derive(Debug)]
struct FeedForward {
    layer_norm: LayerNorm,
    wi_0: Linear,
    wi_1: Linear,
    wo: Linear,
}

/// `T5LayerNorm`: the root of the mean square, reckoned in f32, and a scale.
#[derive(Debug)]
struct LayerNorm {
    weight: Parameter,
    eps: f64,
}

/// What the MLP's inside is made smaller by in f16, in which its way out would pass 65504; a power of two, so that no digit is lost.
const GUARD: f64 = 64.0;

impl T5Encoder {
    /// Binds the tensors that `config` implies. Some files call the token table `encoder.embed_tokens`.
    pub fn new(weights: &Weights, config: &T5Config) -> Result<Self> {
        // One short pass a picture.
        let model = weights.in_place();
        let encoder = model.pp("encoder");
        let table = match model.contains("shared.weight") || !encoder.contains("embed_tokens.weight") {
            true => model.pp("shared"),
            false => encoder.pp("embed_tokens"),
        };
        let first = encoder.pp("block").pp(0).pp("layer").pp(0).pp("SelfAttention");
        let buckets = [config.relative_attention_num_buckets, config.num_heads];
        Ok(Self {
            shared: Embedding::new(&table, config.vocab_size, config.d_model)?,
            relative_attention_bias: Parameter::new(&first.pp("relative_attention_bias"), "weight", &buckets)?,
            block: (0..config.num_layers)
                .map(|i| Block::new(&encoder.pp("block").pp(i).pp("layer"), config))
                .collect::<Result<_>>()?,
            final_layer_norm: LayerNorm::new(&encoder.pp("final_layer_norm"), config)?,
            config: config.clone(),
            weights: weights.clone(),
        })
    }

    /// The last layer's normalised states of `ids` [B, N], i64 on the CPU: [B, N, d_model] in the weights' kind. Nobody looks at the
    /// places `hidden`, they themselves included.
    fn forward(&self, ids: &Tensor, hidden: &[i64], cancel: &Cancel) -> Result<Tensor> {
        let mut states = self.shared.forward(ids)?.to_kind(Kind::Float);
        let length = states.size()[1];
        let bias = self.position_bias(length, hidden, &states)?;
        for block in &self.block {
            cancel.check()?;
            states = block.self_attention.forward(&states, &bias);
            states = block.feed_forward.forward(&states);
        }
        Ok(self.final_layer_norm.forward(&states))
    }

    /// What is added to the scores: how far two places are apart, and −∞ for what nobody looks at. [1, heads, N, N] in f32.
    fn position_bias(&self, length: i64, hidden: &[i64], states: &Tensor) -> Result<Tensor> {
        let device = torch::device_of(states)?;
        let buckets = torch::to(&self.buckets(length), device, Kind::Int64)?;
        let table = self.relative_attention_bias.get().to_kind(Kind::Float);
        let bias = Tensor::embedding(&table, &buckets, -1, false, false)
            .permute([2, 0, 1])
            .unsqueeze(0);
        if hidden.is_empty() {
            return Ok(bias);
        }
        let mut unseen = vec![0u8; usize::try_from(length).unwrap_or_default()];
        for at in hidden {
            let place = usize::try_from(*at).ok().and_then(|at| unseen.get_mut(at));
            *place.ok_or(Error::Defect)? = 1;
        }
        let unseen = torch::to(&Tensor::from_slice(&unseen), device, Kind::Bool)?;
        Ok(bias.masked_fill(&unseen, f64::NEG_INFINITY))
    }

    /// The kind of distance of each place from each: `_relative_position_bucket` with both directions, [N, N] of i64. In f32, as
    /// there: a logarithm rounded otherwise is another kind.
    fn buckets(&self, length: i64) -> Tensor {
        let half = self.config.relative_attention_num_buckets / 2;
        let exact = half / 2;
        let places = Tensor::arange(length, (Kind::Int64, tch::Device::Cpu));
        let apart = places.unsqueeze(0) - places.unsqueeze(1);
        let far = apart.abs();
        let reach = (self.config.relative_attention_max_distance as f64 / exact as f64).ln();
        let large = ((far.to_kind(Kind::Float) / exact as f64).log() / reach * (half - exact) as f64).clamp_min(0.0);
        let large = (large.to_kind(Kind::Int64) + exact).clamp_max(half - 1);
        far.where_self(&far.lt(exact), &large) + apart.gt(0).to_kind(Kind::Int64) * half
    }
}

impl Block {
    fn new(layers: &Weights, config: &T5Config) -> Result<Self> {
        let (attention, inner) = (layers.pp(0), config.num_heads * config.d_kv);
        let own = attention.pp("SelfAttention");
        let proj = |name: &str| Linear::without_bias(&own.pp(name), config.d_model, inner);
        let forward = layers.pp(1);
        let dense = forward.pp("DenseReluDense");
        let wide = |name: &str| Linear::without_bias(&dense.pp(name), config.d_model, config.d_ff);
        Ok(Self {
            self_attention: SelfAttention {
                layer_norm: LayerNorm::new(&attention.pp("layer_norm"), config)?,
                q: proj("q")?,
                k: proj("k")?,
                v: proj("v")?,
                o: Linear::without_bias(&own.pp("o"), inner, config.d_model)?,
                heads: config.num_heads,
            },
            feed_forward: FeedForward {
                layer_norm: LayerNorm::new(&forward.pp("layer_norm"), config)?,
                wi_0: wide("wi_0")?,
                wi_1: wide("wi_1")?,
                wo: Linear::without_bias(&dense.pp("wo"), config.d_ff, config.d_model)?,
            },
        })
    }
}

impl SelfAttention {
    /// [B, N, d_model] in f32 → the same.
    fn forward(&self, states: &Tensor, bias: &Tensor) -> Tensor {
        let x = self.layer_norm.forward(states);
        let [q, k, v] = [&self.q, &self.k, &self.v].map(|proj| split_heads(&proj.forward(&x), self.heads));
        // T5's scores are not divided by the root of a head's width, which attention does.
        let q = &q * (q.size()[3] as f64).sqrt();
        let attend = Attend {
            mask: Some(bias),
            upcast: q.kind() == Kind::Half,
            ..Attend::default()
        };
        states + self.o.forward(&attention(&q, &k, &v, attend)).to_kind(Kind::Float)
    }
}

impl FeedForward {
    /// [B, N, d_model] in f32 → the same.
    fn forward(&self, states: &Tensor) -> Tensor {
        let x = self.layer_norm.forward(states);
        let gate = activate(Activation::GeluTanh, &self.wi_0.forward(&x));
        let value = self.wi_1.forward(&x);
        let out = match gate.kind() {
            Kind::Half => self.wo.forward(&(gate / GUARD * value)).to_kind(Kind::Float) * GUARD,
            _ => self.wo.forward(&(gate * value)).to_kind(Kind::Float),
        };
        states + out
    }
}

impl LayerNorm {
    fn new(weights: &Weights, config: &T5Config) -> Result<Self> {
        Ok(Self {
            weight: Parameter::new(weights, "weight", &[config.d_model])?,
            eps: config.layer_norm_epsilon,
        })
    }

    /// [.., d_model] in f32 → the same in the weight's kind.
    fn forward(&self, x: &Tensor) -> Tensor {
        let weight = self.weight.get();
        let mean = x.square().mean_dim([-1i64].as_slice(), true, Kind::Float);
        let normal = x * (mean + self.eps).rsqrt();
        normal.to_kind(weight.kind()) * weight
    }
}

impl TextEncoder for T5Encoder {
    fn encode(&self, ids: &Tensor, select: Select, cancel: &Cancel) -> Result<Hidden> {
        self.encode_words(&Words::of(ids), select, cancel)
    }

    /// `select` says nothing here: there is one state. No vectors take the place of tokens.
    fn encode_words(&self, words: &Words, _select: Select, cancel: &Cancel) -> Result<Hidden> {
        if !words.vectors.is_empty() || words.blend != 0.0 {
            return Err(Error::Unsupported(
                "A T5 text encoder takes no embeddings (textual inversions).".to_owned(),
            ));
        }
        Ok(Hidden {
            hidden_states: self.forward(words.ids, words.hidden, cancel)?,
            pooled: None,
        })
    }

    fn rest(&self) {
        self.weights.rest();
    }
}
