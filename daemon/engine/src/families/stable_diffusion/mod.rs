//! Stable Diffusion 1 and 2 and SDXL: `UNet2DConditionModel` as diffusers has it (Rombach et al. 2022), and
//! the families that they make: the first two in `family.rs`, SDXL and its refiner in `sdxl.rs`.

mod blocks;
mod family;
mod keys;
mod open_clip;
mod sdxl;
mod unet;

pub use darkroom_formats::schema::{UNetConfig, VaeConfig};

pub use crate::families::autoencoder_kl::AutoencoderKl;
pub use family::StableDiffusion1;
pub use sdxl::StableDiffusionXl;
pub use unet::UNet2DConditionModel;

#[cfg(all(test, feature = "embedded-model"))]
mod emoji_tests;
#[cfg(test)]
mod sdxl_tests;
#[cfg(test)]
mod tests;
