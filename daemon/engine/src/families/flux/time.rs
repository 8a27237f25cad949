//! What the blocks are modulated by: FLUX.1's time embedding, of which each block makes its own shifts, scales and gates, and Chroma's
//! approximator, which makes those of all blocks at once. `transformer.rs` asks once a pass.

use darkroom_formats::schema::{Activation, FluxConfig, Modulation};
use tch::{Kind, Tensor};

use crate::nn::{Linear, RmsNorm, Timesteps, activate};
use crate::weights::Weights;
use crate::{Error, Result};

/// Sinusoids of a time.
const SINUSOIDS: i64 = 256;

/// What makes modulations.
#[derive(Debug)]
pub enum Time {
    /// FLUX.1's.
    Own(Box<TimeText>),
    /// Chroma's.
    Approximator(Box<Approximator>),
}

/// `CombinedTimestepGuidanceTextProjEmbeddings` of diffusers' `models/embeddings.py`, or the same without guidance.
#[derive(Debug)]
pub struct TimeText {
    sinusoids: Timesteps,
    timestep_embedder: Mlp,
    guidance_embedder: Option<Mlp>,
    text_embedder: Mlp,
}

/// `ChromaApproximator` of diffusers' `models/transformers/transformer_chroma.py` and what it is told.
#[derive(Debug)]
pub struct Approximator {
    in_proj: Linear,
    layers: Vec<Mlp>,
    norms: Vec<RmsNorm>,
    out_proj: Linear,
    /// Of the time and of the guidance, a fourth of the channels.
    short: Timesteps,
    /// Of each modulation's number, half of the channels: [count, channels / 2].
    numbers: Tensor,
}

#[derive(Debug)]
struct Mlp {
    linear_1: Linear,
    linear_2: Linear,
}

impl Time {
    pub fn new(weights: &Weights, config: &FluxConfig) -> Result<Self> {
        let hidden = config.hidden();
        Ok(match config.modulation {
            Modulation::Own {
                pooled_projection_dim,
                guidance_embeds,
            } => {
                let weights = weights.pp("time_text_embed");
                let mlp = |name: &str, inputs| Mlp::new(&weights.pp(name), inputs, hidden);
                let guidance = guidance_embeds.then(|| mlp("guidance_embedder", SINUSOIDS));
                Self::Own(Box::new(TimeText {
                    sinusoids: Timesteps::new(&weights, SINUSOIDS, true, 0.0)?,
                    timestep_embedder: mlp("timestep_embedder", SINUSOIDS)?,
                    guidance_embedder: guidance.transpose()?,
                    text_embedder: mlp("text_embedder", pooled_projection_dim)?,
                }))
            }
            Modulation::Approximator {
                channels,
                hidden_dim,
                layers,
            } => {
                let weights = weights.pp("distilled_guidance_layer");
                let count = 3 * config.num_single_layers + 12 * config.num_layers + 2;
                let long = Timesteps::new(&weights, channels / 2, true, 0.0)?;
                let places = Tensor::arange(count, (Kind::Float, tch::Device::Cpu)) * 1000.0;
                let places = crate::torch::to(&places, weights.device(), Kind::Float)?;
                let layer = |i: i64| Mlp::new(&weights.pp("layers").pp(i), hidden_dim, hidden_dim);
                // torch's own eps: that of f32, whatever the kind.
                let norm = |i: i64| RmsNorm::new(&weights.pp("norms").pp(i), hidden_dim, f64::from(f32::EPSILON));
                Self::Approximator(Box::new(Approximator {
                    in_proj: Linear::new(&weights.pp("in_proj"), channels, hidden_dim)?,
                    layers: (0..layers).map(layer).collect::<Result<_>>()?,
                    norms: (0..layers).map(norm).collect::<Result<_>>()?,
                    out_proj: Linear::new(&weights.pp("out_proj"), hidden_dim, hidden)?,
                    short: Timesteps::new(&weights, channels / 4, true, 0.0)?,
                    numbers: long.forward_each(&places.unsqueeze(1)),
                }))
            }
        })
    }
}

impl TimeText {
    /// [B, hidden] of a time in 0..1000, a `guidance` times 1000 [B, 1], and pooled states [B, width].
    ///
    /// # Errors
    /// [`Error::Defect`] without a guidance that the model is told.
    pub fn forward(&self, timestep: f64, guidance: Option<&Tensor>, pooled: &Tensor) -> Result<Tensor> {
        let time = self.timestep_embedder.forward(&self.sinusoids.forward(timestep));
        let told = match &self.guidance_embedder {
            None => time,
            Some(embedder) => {
                let guidance = guidance.ok_or(Error::Defect)?;
                time + embedder.forward(&self.sinusoids.forward_each(guidance))
            }
        };
        Ok(told + self.text_embedder.forward(pooled))
    }
}

impl Approximator {
    /// Every block's vectors at a time in 0..1000, one below the other: [1, count, hidden]. Three of each single block, then six of each
    /// double one for the picture, then for the prompt, then shift and scale of the end.
    pub fn forward(&self, timestep: f64) -> Tensor {
        let count = self.numbers.size()[0];
        // Its guidance was distilled away: that is always 0.
        let told = Tensor::cat(&[self.short.forward(timestep), self.short.forward(0.0)], -1);
        let told = Tensor::cat(&[told.expand([count, -1], false), self.numbers.shallow_clone()], -1);
        let mut x = self.in_proj.forward(&told.unsqueeze(0));
        for (layer, norm) in self.layers.iter().zip(&self.norms) {
            x = &x + layer.forward(&norm.forward(&x));
        }
        self.out_proj.forward(&x)
    }
}

impl Mlp {
    fn new(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        Ok(Self {
            linear_1: Linear::new(&weights.pp("linear_1"), inputs, outputs)?,
            linear_2: Linear::new(&weights.pp("linear_2"), outputs, outputs)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.linear_2
            .forward(&activate(Activation::Silu, &self.linear_1.forward(x)))
    }
}

/// The end's shift and scale [B, 1, hidden] each, from a layer that has scale first, as diffusers': of a time embedding that has gone
/// through a SiLU.
pub fn ends(norm_out: &Linear, temb: &Tensor) -> [Tensor; 2] {
    let both = norm_out.forward(temb).unflatten(-1, [2, -1]).split(1, 1);
    [both[1].shallow_clone(), both[0].shallow_clone()]
}
