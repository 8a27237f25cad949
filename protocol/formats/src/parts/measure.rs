//! What the tensors of a component without a configuration say of it, by its class. It is put over the family's published
//! configuration, or over that of the model which the component goes into: what no tensor shows stays as it is there. `own.rs` asks
//! for components in files of their own, `single/facts.rs` for those of a checkpoint. The UNet's is in `unet.rs`.

use serde_json::{Map, Value};

use super::unet::unet;
use crate::family::Layout;
use crate::safetensors::Header;

/// No encoder has more layers, no autoencoder more levels or blocks.
const MOST: u64 = 128;
/// How wide the heads of CLIP's text encoders are, in all of them.
const CLIP_HEAD: u64 = 64;

/// What is found of the component of `class` whose keys stand behind `prefix`, in diffusers' words: nothing for a class that is not
/// measured, and where not all is there. `base` is the configuration that it is put over; `layout` tells a UNet's names.
pub(crate) fn measured(
    class: &str,
    header: &Header,
    (prefix, layout): (&str, Layout),
    base: &Map<String, Value>,
) -> Map<String, Value> {
    let tensors = Tensors { header, prefix };
    let found = match class {
        "UNet2DConditionModel" => unet(header, prefix, layout, base),
        "AutoencoderKL" => vae(tensors),
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

#[derive(Clone, Copy)]
struct Tensors<'a> {
    header: &'a Header,
    prefix: &'a str,
}

impl Tensors<'_> {
    fn size(self, key: &str, axis: usize) -> Option<u64> {
        let entry = self.header.tensors.get(&format!("{}{key}", self.prefix))?;
        entry.shape.get(axis).copied()
    }

    fn has(self, key: &str) -> bool {
        self.header.tensors.contains_key(&format!("{}{key}", self.prefix))
    }

    /// How many there are of what `name` calls by number.
    fn count(self, name: impl Fn(u64) -> String) -> u64 {
        (0..MOST).take_while(|n| self.has(&name(*n))).count() as u64
    }
}

/// A CLIP text encoder under transformers' names, with or without `text_model.`, or open_clip's.
fn clip(tensors: Tensors<'_>, base: &Map<String, Value>) -> Option<Map<String, Value>> {
    let model = ["text_model.", ""]
        .into_iter()
        .find(|model| tensors.has(&format!("{model}embeddings.token_embedding.weight")));
    let names = match model {
        Some(model) => (
            format!("{model}embeddings.token_embedding.weight"),
            format!("{model}embeddings.position_embedding.weight"),
            format!("{model}encoder.layers."),
            "mlp.fc1.weight",
        ),
        None => (
            "token_embedding.weight".to_owned(),
            "positional_embedding".to_owned(),
            "transformer.resblocks.".to_owned(),
            "mlp.c_fc.weight",
        ),
    };
    let (tokens, positions, layers, inner) = names;
    let width = tensors.size(&tokens, 1)?;
    let number = |field: &str| base.get(field).and_then(Value::as_u64);
    let mut config = Map::new();
    let mut put = |field: &str, value: u64| config.insert(field.to_owned(), value.into());
    put("hidden_size", width);
    if let Some(rows) = tensors.size(&tokens, 0) {
        put("vocab_size", rows);
    }
    if let Some(rows) = tensors.size(&positions, 0) {
        put("max_position_embeddings", rows);
    }
    if let Some(wide) = tensors.size(&format!("{layers}0.{inner}"), 0) {
        put("intermediate_size", wide);
    }
    let count = tensors.count(|n| format!("{layers}{n}.{inner}"));
    // Stable Diffusion 2 reads the layer before the last and its configurations end there; files may have the last one too. Whether
    // this one has, only the published number says.
    let kept = match number("num_hidden_layers") {
        Some(published) if number("hidden_size") == Some(width) && published + 1 == count => published,
        _ => count,
    };
    if kept > 0 {
        put("num_hidden_layers", kept);
    }
    if number("hidden_size") != Some(width) {
        put("num_attention_heads", (width / CLIP_HEAD).max(1));
    }
    Some(config)
}

/// An `AutoencoderKL` under diffusers' names, or those of the code that trained it.
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
