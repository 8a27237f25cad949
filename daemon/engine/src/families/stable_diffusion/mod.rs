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
mod unet_config;
mod up_block;
mod vae;
mod vae_attention;
mod vae_config;
mod vae_decoder;
mod vae_encoder;
mod vae_mid_block;
mod vae_tiling;

pub use keys::from_ldm;
pub use unet::UNet2DConditionModel;
pub use unet_config::UNetConfig;
pub use vae::AutoencoderKl;
pub use vae_config::VaeConfig;

#[cfg(all(test, feature = "embedded-model"))]
mod emoji_tests;
#[cfg(test)]
mod tests;
