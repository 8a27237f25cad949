use tch::{Kind, Tensor};

use super::check_numbers;
use crate::model::{ComponentKind, Model};
use crate::torch::{self, Device};
use crate::{Cancel, Result};

/// Latents [1, C, h, w] to pixels [1, 3, H, W] in 0..1, f32, on the CPU; in tiles where they are larger than one.
pub fn decode(model: &Model, latents: &Tensor, tiled: bool, cancel: &Cancel) -> Result<Tensor> {
    cancel.check()?;
    let pixels = model
        .autoencoder()?
        .to_pixels(latents, tiled, cancel)?
        .to_kind(Kind::Float);
    check_numbers(model.name_of(ComponentKind::Autoencoder), &pixels)?;
    torch::to(&(pixels * 0.5 + 0.5).clamp(0.0, 1.0), Device::Cpu, Kind::Float)
}
