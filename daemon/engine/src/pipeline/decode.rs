//! The autoencoder's two stages, from latents to pixels and back, with numbers that are checked. f16 is too narrow for the
//! autoencoders of some models (SDXL's, as it was published): where what they make there is no number, it is made again in f32, and
//! said. `pictures.rs` decodes each picture here, `prepare.rs` encodes the one to begin with.

use tch::{Kind, Tensor};

use super::{Observer, check_numbers};
use crate::model::{Autoencoder, ComponentKind, Model, Posterior};
use crate::torch::{self, Device};
use crate::{Cancel, Error, Result};

/// Latents [1, C, h, w] to pixels [1, 3, H, W] in 0..1, f32, on the CPU; in tiles where they are larger than one.
pub fn decode(
    model: &Model,
    latents: &Tensor,
    tiled: bool,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    cancel.check()?;
    let name = model.name_of(ComponentKind::Autoencoder);
    let pixels = wide_enough(model, observer, |autoencoder| {
        let pixels = autoencoder.to_pixels(latents, tiled, cancel)?.to_kind(Kind::Float);
        check_numbers(name, &pixels)?;
        Ok(pixels)
    })?;
    torch::to(&(pixels * 0.5 + 0.5).clamp(0.0, 1.0), Device::Cpu, Kind::Float)
}

/// Pixels [1, 3, H, W] in −1..1 on the model's device to what their latents may be.
pub fn encode(model: &Model, pixels: &Tensor, cancel: &Cancel, observer: &mut dyn Observer) -> Result<Posterior> {
    let name = model.name_of(ComponentKind::Autoencoder);
    wide_enough(model, observer, |autoencoder| {
        let latents = autoencoder.to_latents(pixels, cancel)?;
        check_numbers(name, &latents.mean)?;
        Ok(latents)
    })
}

/// What `work` makes with the model's autoencoder, or with a wider one where that fails for its numbers.
fn wide_enough<T>(
    model: &Model,
    observer: &mut dyn Observer,
    work: impl Fn(&dyn Autoencoder) -> Result<T>,
) -> Result<T> {
    match work(&*model.autoencoder()?) {
        Err(error @ Error::NotANumber { .. }) => {
            let Some(wide) = model.wide_autoencoder()? else {
                return Err(error);
            };
            observer.notice("f16 is too narrow for this model's VAE: it runs in f32.");
            work(&*wide)
        }
        other => other,
    }
}
