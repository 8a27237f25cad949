//! The original code's names (`ldm.models.autoencoder.AutoencoderKL`, kept by Black Forest Labs' `ae.safetensors`) in diffusers'
//! spelling, and back. Families with this autoencoder ask for those of their `vae`.

use std::sync::LazyLock;

use darkroom_formats::schema::VaeConfig;

use crate::families::spelling::{Table, look_up, name_back, rename, rows, swap};

/// Modules of `ldm.models.autoencoder.AutoencoderKL` that every one has once.
const ENDS: Table = &[
    ("quant_conv", "quant_conv"),
    ("post_quant_conv", "post_quant_conv"),
    ("encoder.conv_in", "encoder.conv_in"),
    ("encoder.mid.block_1", "encoder.mid_block.resnets.0"),
    ("encoder.mid.attn_1", "encoder.mid_block.attentions.0"),
    ("encoder.mid.block_2", "encoder.mid_block.resnets.1"),
    ("encoder.norm_out", "encoder.conv_norm_out"),
    ("encoder.conv_out", "encoder.conv_out"),
    ("decoder.conv_in", "decoder.conv_in"),
    ("decoder.mid.block_1", "decoder.mid_block.resnets.0"),
    ("decoder.mid.attn_1", "decoder.mid_block.attentions.0"),
    ("decoder.mid.block_2", "decoder.mid_block.resnets.1"),
    ("decoder.norm_out", "decoder.conv_norm_out"),
    ("decoder.conv_out", "decoder.conv_out"),
];

/// Inside the VAE's residual and attention blocks.
const VAE_INNER: Table = &[
    ("nin_shortcut", "conv_shortcut"),
    ("norm", "group_norm"),
    ("q", "to_q"),
    ("k", "to_k"),
    ("v", "to_v"),
    ("proj_out", "to_out.0"),
];

/// How the original code calls the tensors of an autoencoder.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Modules in the original code and in diffusers.
    modules: Vec<(String, String)>,
}

impl Keys {
    /// Of an autoencoder with this configuration; its decoder counts levels from the coarsest's other end.
    pub fn new(config: &VaeConfig) -> Self {
        Self::of(config.block_out_channels.len(), config.layers_per_block)
    }

    fn of(levels: usize, layers: i64) -> Self {
        let mut modules: Vec<(String, String)> = rows(ENDS).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        for level in 0..levels {
            let up = levels - 1 - level;
            for n in 0..layers {
                modules.push((
                    format!("encoder.down.{level}.block.{n}"),
                    format!("encoder.down_blocks.{level}.resnets.{n}"),
                ));
            }
            for n in 0..=layers {
                modules.push((
                    format!("decoder.up.{level}.block.{n}"),
                    format!("decoder.up_blocks.{up}.resnets.{n}"),
                ));
            }
            modules.push((
                format!("encoder.down.{level}.downsample.conv"),
                format!("encoder.down_blocks.{level}.downsamplers.0.conv"),
            ));
            modules.push((
                format!("decoder.up.{level}.upsample.conv"),
                format!("decoder.up_blocks.{up}.upsamplers.0.conv"),
            ));
        }
        Self { modules }
    }

    /// What the tensor that the original code calls `key` is in diffusers; `None` for one that no layer reads.
    pub fn renamed(&self, key: &str) -> Option<String> {
        rename(look_up(self.rows(), key), VAE_INNER)
    }

    /// What the original code calls diffusers' `name`: the inverse of [`Self::renamed`].
    pub fn named_back(&self, name: &str) -> Option<String> {
        name_back(look_up(self.rows().map(swap), name), VAE_INNER)
    }

    fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.modules.iter().map(|(from, to)| (from.as_str(), to.as_str()))
    }
}

/// Of every autoencoder that was published with four levels of two layers.
static PUBLISHED: LazyLock<Keys> = LazyLock::new(|| Keys::of(4, 2));

/// [`Keys::renamed`] of an autoencoder with four levels of two layers.
pub fn renamed(key: &str) -> Option<String> {
    PUBLISHED.renamed(key)
}

/// [`Keys::named_back`] of an autoencoder with four levels of two layers.
pub fn named_back(name: &str) -> Option<String> {
    PUBLISHED.named_back(name)
}
