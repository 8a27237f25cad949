use darkroom_formats::schema::VaeConfig;
use tch::Tensor;

use super::vae_decoder::Decoder;
use super::vae_encoder::Encoder;
use crate::nn::Conv2d;
use crate::weights::Weights;
use crate::{Cancel, Result};

/// `AutoencoderKL` of diffusers' `models/autoencoders/autoencoder_kl.py`: pictures to latents and back.
#[derive(Debug)]
pub struct AutoencoderKl {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
    config: VaeConfig,
}

impl AutoencoderKl {
    /// Binds the tensors that `config` implies.
    pub fn new(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let latents = config.latent_channels;
        let quant_conv = || Conv2d::new(&weights.pp("quant_conv"), 2 * latents, 2 * latents, 1);
        let post_quant_conv = || Conv2d::new(&weights.pp("post_quant_conv"), latents, latents, 1);
        Ok(Self {
            encoder: Encoder::new(&weights.pp("encoder"), config)?,
            decoder: Decoder::new(&weights.pp("decoder"), config)?,
            quant_conv: config.use_quant_conv.then(quant_conv).transpose()?,
            post_quant_conv: config.use_post_quant_conv.then(post_quant_conv).transpose()?,
            config: config.clone(),
        })
    }

    /// The config that the model was built with.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// Mean and log variance of the latents of `image` [B, in_channels, H, W] in −1..1, each
    /// [B, latent_channels, H/factor, W/factor]; `scale` makes them what a denoiser works on.
    pub fn encode(&self, image: &Tensor, cancel: &Cancel) -> Result<(Tensor, Tensor)> {
        let mut moments = self.encoder.forward(image, cancel)?;
        if let Some(conv) = &self.quant_conv {
            moments = conv.forward(&moments);
        }
        let latents = self.config.latent_channels;
        Ok((
            moments.narrow(1, 0, latents),
            moments.narrow(1, latents, latents).clamp(-30.0, 20.0),
        ))
    }

    /// The picture [B, out_channels, factor·h, factor·w], about −1..1, of `z` [B, latent_channels, h, w]: a denoiser's latents
    /// after `unscale`.
    pub fn decode(&self, z: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        match &self.post_quant_conv {
            Some(conv) => self.decoder.forward(&conv.forward(z), cancel),
            None => self.decoder.forward(z, cancel),
        }
    }

    /// From the autoencoder's latents to the denoiser's. A `shift_factor` counts in other families' pipelines, not in this one's
    /// (`StableDiffusionPipeline` of diffusers 0.42).
    pub fn scale(&self, z: &Tensor) -> Tensor {
        z * self.config.scaling_factor
    }

    /// From the denoiser's latents to the autoencoder's.
    pub fn unscale(&self, latents: &Tensor) -> Tensor {
        latents / self.config.scaling_factor
    }
}
