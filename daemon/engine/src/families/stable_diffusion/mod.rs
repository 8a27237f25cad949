//! Stable Diffusion 1 and 2: `UNet2DConditionModel` and `AutoencoderKL` as diffusers has them (Rombach et al. 2022).

mod conditions;
mod cross_attention;
mod down_block;
mod feed_forward;
mod keys;
mod mid_block;
mod pixels;
mod resample;
mod resnet;
mod transformer_2d;
mod transformer_block;
mod unet;
mod up_block;
mod vae;
mod vae_attention;
mod vae_decoder;
mod vae_encoder;
mod vae_mid_block;
mod vae_tiling;

pub use darkroom_formats::schema::{UNetConfig, VaeConfig};
pub use keys::from_ldm;
pub use unet::UNet2DConditionModel;
pub use vae::AutoencoderKl;

#[cfg(all(test, feature = "embedded-model"))]
mod emoji_tests;
#[cfg(test)]
mod tests;
