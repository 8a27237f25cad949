//! What the tensors of a component without a configuration say of it, by its class. It is put over the family's published
//! configuration, or over that of the model which the component goes into: what no tensor shows stays as it is there. `own.rs` asks
//! for components in files of their own, `single/facts.rs` for those of a checkpoint. UNets are in `unet.rs`, transformers in
//! `transformers.rs`, text encoders in `encoders.rs`; the autoencoder is here.

use serde_json::{Map, Value};

use super::encoders::{clip, qwen3, t5};
use super::transformers::{flux, z_image};
use super::unet::unet;
use crate::family::Layout;
use crate::safetensors::Header;

/// No model has more blocks of a kind, no encoder more layers.
const MOST: u64 = 256;

/// What is found of the component of `class` whose keys stand behind `prefix`, in diffusers' words: nothing for a class that is not
/// measured, and where not all is there. `base` is the configuration that it is put over; `layout` tells a denoiser's names.
pub(crate) fn measured(
    class: &str,
    header: &Header,
    (prefix, layout): (&str, Layout),
    base: &Map<String, Value>,
) -> Map<String, Value> {
    let tensors = Tensors { header, prefix };
    let found = match class {
        "UNet2DConditionModel" => unet(header, prefix, layout, base),
        "ZImageTransformer2DModel" => z_image(tensors, layout),
        "FluxTransformer2DModel" | "ChromaTransformer2DModel" => flux(tensors, layout),
        "AutoencoderKL" => vae(tensors),
        "T5EncoderModel" => t5(tensors),
        "Qwen3Model" => qwen3(tensors),
        "CLIPTextModel" => clip(tensors, base),
        "CLIPTextModelWithProjection" => clip(tensors, base).map(|mut config| {
            let projection = tensors
                .size("text_projection.weight", 0)
                .or_else(|| tensors.size("text_projection", 1));
            if let Some(width) = projection {
                config.insert("projection_dim".to_owned(), width.into());
            }
            config
        }),
        _ => None,
    };
    found.unwrap_or_default()
}

/// A component's tensors behind their prefix.
#[derive(Clone, Copy)]
pub(super) struct Tensors<'a> {
    header: &'a Header,
    prefix: &'a str,
}

impl Tensors<'_> {
    pub(super) fn size(self, key: &str, axis: usize) -> Option<u64> {
        let entry = self.header.tensors.get(&format!("{}{key}", self.prefix))?;
        entry.shape.get(axis).copied()
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.header.tensors.contains_key(&format!("{}{key}", self.prefix))
    }

    /// How many there are of what `name` calls by number.
    pub(super) fn count(self, name: impl Fn(u64) -> String) -> u64 {
        (0..MOST).take_while(|n| self.has(&name(*n))).count() as u64
    }
}

/// An `AutoencoderKL` under diffusers' names, or those of the code that trained it. Of its norms' groups no shape tells anything: they stay
/// as in the configuration that this is put over, 32 in all that were published.
fn vae(tensors: Tensors<'_>) -> Option<Map<String, Value>> {
    let original = tensors.has("decoder.mid.block_1.conv1.weight");
    let block = |level: u64, n: u64| match original {
        true => format!("encoder.down.{level}.block.{n}.conv1.weight"),
        false => format!("encoder.down_blocks.{level}.resnets.{n}.conv1.weight"),
    };
    let levels = tensors.count(|level| block(level, 0));
    let widths: Option<Vec<u64>> = (0..levels).map(|level| tensors.size(&block(level, 0), 0)).collect();
    let attention = match original {
        true => "decoder.mid.attn_1.norm.weight",
        false => "decoder.mid_block.attentions.0.group_norm.weight",
    };
    let mut config = Map::new();
    let mut put = |field: &str, value: Value| config.insert(field.to_owned(), value);
    put("latent_channels", tensors.size("decoder.conv_in.weight", 1)?.into());
    put("in_channels", tensors.size("encoder.conv_in.weight", 1)?.into());
    put("out_channels", tensors.size("decoder.conv_out.weight", 0)?.into());
    put("layers_per_block", tensors.count(|n| block(0, n)).into());
    put("block_out_channels", widths.filter(|all| !all.is_empty())?.into());
    put("down_block_types", vec!["DownEncoderBlock2D"; levels as usize].into());
    put("up_block_types", vec!["UpDecoderBlock2D"; levels as usize].into());
    put("use_quant_conv", tensors.has("quant_conv.weight").into());
    put("use_post_quant_conv", tensors.has("post_quant_conv.weight").into());
    put("mid_block_add_attention", tensors.has(attention).into());
    Some(config)
}
