use tch::{Kind, Tensor};

use super::{Model, check_numbers};
use crate::torch::{self, Device};
use crate::{Cancel, Result};

/// Latents [1, C, h, w] to pixels [1, 3, H, W] in 0..1, f32, on the CPU.
pub fn decode(model: &Model, latents: &Tensor, cancel: &Cancel) -> Result<Tensor> {
    cancel.check()?;
    let pixels = model
        .vae
        .decode(&model.vae.unscale(latents), cancel)?
        .to_kind(Kind::Float);
    check_numbers("vae", &pixels)?;
    torch::to(&(pixels * 0.5 + 0.5).clamp(0.0, 1.0), Device::Cpu, Kind::Float)
}
