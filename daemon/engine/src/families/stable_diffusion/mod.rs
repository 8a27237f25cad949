//! Stable Diffusion 1 and 2: `UNet2DConditionModel` and `AutoencoderKL` as diffusers has them (Rombach et al. 2022), and the
//! family that Stable Diffusion 1 is.

mod blocks;
mod family;
mod keys;
mod unet;
mod vae;
mod vae_tiling;

pub use darkroom_formats::schema::{UNetConfig, VaeConfig};
pub use family::StableDiffusion1;
pub use unet::UNet2DConditionModel;
pub use vae::AutoencoderKl;

#[cfg(all(test, feature = "embedded-model"))]
mod emoji_tests;
#[cfg(test)]
mod tests;
