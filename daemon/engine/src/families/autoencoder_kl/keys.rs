//! The original code's names (`ldm.models.autoencoder.AutoencoderKL`, kept by Black Forest Labs' `ae.safetensors`) in diffusers'
//! spelling, and back. Families with this autoencoder ask for those of their `vae`.

use crate::families::spelling::{Table, look_up, name_back, rename, rows, swap};

/// Modules of `ldm.models.autoencoder.AutoencoderKL`; its decoder counts levels from the coarsest's other end.
const VAE: Table = &[
    ("quant_conv", "quant_conv"),
    ("post_quant_conv", "post_quant_conv"),
    ("encoder.conv_in", "encoder.conv_in"),
    ("encoder.down.0.block.0", "encoder.down_blocks.0.resnets.0"),
    ("encoder.down.0.block.1", "encoder.down_blocks.0.resnets.1"),
    (
        "encoder.down.0.downsample.conv",
        "encoder.down_blocks.0.downsamplers.0.conv",
    ),
    ("encoder.down.1.block.0", "encoder.down_blocks.1.resnets.0"),
    ("encoder.down.1.block.1", "encoder.down_blocks.1.resnets.1"),
    (
        "encoder.down.1.downsample.conv",
        "encoder.down_blocks.1.downsamplers.0.conv",
    ),
    ("encoder.down.2.block.0", "encoder.down_blocks.2.resnets.0"),
    ("encoder.down.2.block.1", "encoder.down_blocks.2.resnets.1"),
    (
        "encoder.down.2.downsample.conv",
        "encoder.down_blocks.2.downsamplers.0.conv",
    ),
    ("encoder.down.3.block.0", "encoder.down_blocks.3.resnets.0"),
    ("encoder.down.3.block.1", "encoder.down_blocks.3.resnets.1"),
    ("encoder.mid.block_1", "encoder.mid_block.resnets.0"),
    ("encoder.mid.attn_1", "encoder.mid_block.attentions.0"),
    ("encoder.mid.block_2", "encoder.mid_block.resnets.1"),
    ("encoder.norm_out", "encoder.conv_norm_out"),
    ("encoder.conv_out", "encoder.conv_out"),
    ("decoder.conv_in", "decoder.conv_in"),
    ("decoder.up.3.block.0", "decoder.up_blocks.0.resnets.0"),
    ("decoder.up.3.block.1", "decoder.up_blocks.0.resnets.1"),
    ("decoder.up.3.block.2", "decoder.up_blocks.0.resnets.2"),
    ("decoder.up.3.upsample.conv", "decoder.up_blocks.0.upsamplers.0.conv"),
    ("decoder.up.2.block.0", "decoder.up_blocks.1.resnets.0"),
    ("decoder.up.2.block.1", "decoder.up_blocks.1.resnets.1"),
    ("decoder.up.2.block.2", "decoder.up_blocks.1.resnets.2"),
    ("decoder.up.2.upsample.conv", "decoder.up_blocks.1.upsamplers.0.conv"),
    ("decoder.up.1.block.0", "decoder.up_blocks.2.resnets.0"),
    ("decoder.up.1.block.1", "decoder.up_blocks.2.resnets.1"),
    ("decoder.up.1.block.2", "decoder.up_blocks.2.resnets.2"),
    ("decoder.up.1.upsample.conv", "decoder.up_blocks.2.upsamplers.0.conv"),
    ("decoder.up.0.block.0", "decoder.up_blocks.3.resnets.0"),
    ("decoder.up.0.block.1", "decoder.up_blocks.3.resnets.1"),
    ("decoder.up.0.block.2", "decoder.up_blocks.3.resnets.2"),
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

/// What the tensor that the original code calls `key` is in diffusers; `None` for one that no layer reads.
pub fn renamed(key: &str) -> Option<String> {
    rename(look_up(rows(VAE), key), VAE_INNER)
}

/// What the original code calls diffusers' `name`: the inverse of [`renamed`].
pub fn named_back(name: &str) -> Option<String> {
    name_back(look_up(rows(VAE).map(swap), name), VAE_INNER)
}
