//! The network that turns latents into a preview's picture, layer by layer; its residual block is in `block.rs`.
//! `pipeline/preview/tiny_decoders.rs` builds it from a person's file, and `pipeline/preview/painter.rs` runs it. TAESD's encoder
//! is not built, and finished pictures are decoded by their model's own autoencoder.

use tch::Tensor;

use super::block::Block;
use crate::nn::Conv2d;
use crate::weights::Weights;
use crate::{Cancel, Result};

const CHANNELS: i64 = 64;
/// Blocks at each resolution, coarsest first; between two of them the sides double.
const BLOCKS: [i64; 4] = [3, 3, 3, 1];

/// `Decoder` of taesd.py: latents, as the denoiser has them, to a picture eight times as wide and high.
#[derive(Debug)]
pub struct Decoder {
    conv_in: Conv2d,
    levels: Vec<Level>,
    conv_out: Conv2d,
}

#[derive(Debug)]
struct Level {
    blocks: Vec<Block>,
    /// After doubling the sides; absent at the finest level.
    up: Option<Conv2d>,
}

impl Decoder {
    /// Binds the tensors. Layers that have none are counted in their names: `1`, `3`, `4`, `5`, `7`, `8`, … `19`.
    pub fn new(weights: &Weights, latent_channels: i64) -> Result<Self> {
        let conv_in = Conv2d::new(&weights.pp(1), latent_channels, CHANNELS, 3)?;
        let mut at = 3;
        let mut levels = Vec::new();
        for (level, blocks) in BLOCKS.into_iter().enumerate() {
            let blocks = (at..at + blocks)
                .map(|at| Block::new(&weights.pp(at), CHANNELS))
                .collect::<Result<Vec<_>>>()?;
            at += blocks.len() as i64;
            let is_finest = level + 1 == BLOCKS.len();
            let up = (!is_finest).then(|| Conv2d::without_bias(&weights.pp(at + 1), CHANNELS, CHANNELS, 3));
            at += if is_finest { 0 } else { 2 };
            let up = up.transpose()?;
            levels.push(Level { blocks, up });
        }
        let conv_out = Conv2d::new(&weights.pp(at), CHANNELS, 3, 3)?;
        Ok(Self {
            conv_in,
            levels,
            conv_out,
        })
    }

    /// [B, latent_channels, h, w] → [B, 3, 8·h, 8·w], about 0..1.
    pub fn forward(&self, latents: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let bounded = (latents / 3.0).tanh() * 3.0;
        let mut x = self.conv_in.forward(&bounded).relu();
        for level in &self.levels {
            for block in &level.blocks {
                cancel.check()?;
                x = block.forward(&x);
            }
            if let Some(up) = &level.up {
                cancel.check()?;
                let size = x.size();
                x = up.forward(&x.upsample_nearest2d([2 * size[2], 2 * size[3]], None, None));
            }
        }
        Ok(self.conv_out.forward(&x))
    }
}
