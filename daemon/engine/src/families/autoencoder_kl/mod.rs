//! `AutoencoderKL` of diffusers (Kingma and Welling 2014; Rombach et al. 2022): pictures to latents and back, of 4 channels in Stable
//! Diffusion and SDXL and of 16 in FLUX.1, Z-Image and their kin, which shift latents too and have no quant convolutions.

mod keys;
mod model;
mod tiling;

pub use darkroom_formats::schema::VaeConfig;
pub use keys::{named_back, renamed};
pub use model::AutoencoderKl;
#[cfg(test)]
pub use model::UNetMidBlock2D;
