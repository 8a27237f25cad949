//! The sinusoids by which a UNet is told its timestep; `families/stable_diffusion/unet.rs` is the caller, and has the two linear
//! layers that come next; SDXL's tells sizes in the same way. It reads no tensor: of the weights it asks the device alone. Which timesteps there are is decided in
//! `sampling/`.

use tch::{Kind, Tensor};

use crate::Result;
use crate::torch;
use crate::weights::Weights;

/// Sinusoidal embedding of a timestep, in f32 (Ho, Jain and Abbeel 2020; `get_timestep_embedding` in diffusers'
/// `models/embeddings.py`).
#[derive(Debug)]
pub struct Timesteps {
    frequencies: Tensor,
    flip_sin_to_cos: bool,
    odd: bool,
}

const MAX_PERIOD: f64 = 10_000.0;

impl Timesteps {
    /// `dim` numbers a timestep: `dim / 2` frequencies, each with its sine and cosine, cosines first where
    /// `flip_sin_to_cos`. `freq_shift` (usually 0 or 1) must differ from `dim / 2`.
    pub fn new(weights: &Weights, dim: i64, flip_sin_to_cos: bool, freq_shift: f64) -> Result<Self> {
        let half = dim / 2;
        let ramp = Tensor::arange(half, (Kind::Float, tch::Device::Cpu)) * -MAX_PERIOD.ln();
        let exponents = ramp / (half as f64 - freq_shift);
        let frequencies = torch::to(&exponents.exp(), weights.device(), Kind::Float)?;
        Ok(Self {
            frequencies,
            flip_sin_to_cos,
            odd: dim % 2 == 1,
        })
    }

    /// [1, dim] in f32. The timestep may be fractional.
    pub fn forward(&self, timestep: f64) -> Tensor {
        self.of_angles(&(&self.frequencies * timestep).unsqueeze(0))
    }

    /// The embeddings of `numbers` [B, n], one after the other: [B, n·dim] in f32.
    pub fn forward_each(&self, numbers: &Tensor) -> Tensor {
        let angles = numbers.to_kind(Kind::Float).unsqueeze(-1) * &self.frequencies;
        self.of_angles(&angles).flatten(1, 2)
    }

    /// [.., dim / 2] → [.., dim].
    fn of_angles(&self, angles: &Tensor) -> Tensor {
        let (sin, cos) = (angles.sin(), angles.cos());
        let embedding = if self.flip_sin_to_cos {
            Tensor::cat(&[cos, sin], -1)
        } else {
            Tensor::cat(&[sin, cos], -1)
        };
        if self.odd {
            embedding.constant_pad_nd([0, 1])
        } else {
            embedding
        }
    }
}
