//! Transformers that predict noise, by their tensors alone, in the names of the code that trained them and in diffusers': Z-Image, and
//! FLUX.1 with Chroma, whose variants differ in what a token is made of, in whether they are told a guidance, and, where somebody made
//! one smaller, in how many blocks there are. `measure.rs` asks, for files of their own and for those of a checkpoint.

use serde_json::{Map, Value, json};

use super::encoders::above_zero;
use super::measure::Tensors;
use crate::family::Layout;

/// Latents along a side of what makes a token of Z-Image.
const PATCH: u64 = 2;

/// A Z-Image's transformer.
pub(super) fn z_image(tensors: Tensors<'_>, layout: Layout) -> Option<Map<String, Value>> {
    let (embedder, norm) = match layout {
        Layout::Original => ("x_embedder.weight", "layers.0.attention.q_norm.weight"),
        Layout::Diffusers => ("all_x_embedder.2-1.weight", "layers.0.attention.norm_q.weight"),
    };
    let dim = tensors.size(embedder, 0)?;
    let blocks = |row: &str| tensors.count(|n| format!("{row}.{n}.attention_norm1.weight"));
    let mut found = above_zero([
        ("dim", Some(dim)),
        (
            "in_channels",
            tensors.size(embedder, 1).map(|wide| wide / (PATCH * PATCH)),
        ),
        ("cap_feat_dim", tensors.size("cap_embedder.1.weight", 1)),
        ("n_layers", Some(blocks("layers"))),
    ]);
    // A model may have none of these.
    found.insert("n_refiner_layers".to_owned(), blocks("noise_refiner").into());
    if let Some(head) = tensors.size(norm, 0).filter(|head| *head > 0 && head % 16 == 0) {
        for field in ["n_heads", "n_kv_heads"] {
            found.insert(field.to_owned(), (dim / head).into());
        }
        // The published proportions, of 128.
        let axes = [head / 4, head * 3 / 8, head * 3 / 8];
        found.insert("axes_dims".to_owned(), json!(axes));
    }
    Some(found)
}

/// The way into a Chroma's approximator.
const GUIDE: &str = "distilled_guidance_layer.in_proj.weight";

/// What a FLUX.1 and a Chroma call what is looked at.
struct Names {
    latents: &'static str,
    tokens: &'static str,
    pooled: &'static str,
    guidance: &'static str,
    out: &'static str,
    double: (&'static str, &'static str),
    single: (&'static str, &'static str),
    /// A norm of queries, as wide as a head.
    norms: &'static [&'static str],
    /// Within a layer of the approximator.
    approximator: &'static str,
}

const BFL: Names = Names {
    latents: "img_in.weight",
    tokens: "txt_in.weight",
    pooled: "vector_in.in_layer.weight",
    guidance: "guidance_in.in_layer.weight",
    out: "final_layer.linear.weight",
    double: ("double_blocks", "img_attn.qkv.weight"),
    single: ("single_blocks", "linear1.weight"),
    norms: &[
        "double_blocks.0.img_attn.norm.query_norm.scale",
        "double_blocks.0.img_attn.norm.query_norm.weight",
    ],
    approximator: "in_layer.weight",
};
const DIFFUSERS: Names = Names {
    latents: "x_embedder.weight",
    tokens: "context_embedder.weight",
    pooled: "time_text_embed.text_embedder.linear_1.weight",
    guidance: "time_text_embed.guidance_embedder.linear_1.weight",
    out: "proj_out.weight",
    double: ("transformer_blocks", "attn.to_q.weight"),
    single: ("single_transformer_blocks", "attn.to_q.weight"),
    norms: &["transformer_blocks.0.attn.norm_q.weight"],
    approximator: "linear_1.weight",
};

/// A FLUX.1's or a Chroma's transformer.
pub(super) fn flux(tensors: Tensors<'_>, layout: Layout) -> Option<Map<String, Value>> {
    let names = match layout {
        Layout::Original => BFL,
        Layout::Diffusers => DIFFUSERS,
    };
    let blocks = |(row, key): (&str, &str)| Some(tensors.count(|n| format!("{row}.{n}.{key}")));
    let mut found = above_zero([
        ("in_channels", tensors.size(names.latents, 1)),
        ("out_channels", tensors.size(names.out, 0)),
        ("joint_attention_dim", tensors.size(names.tokens, 1)),
        ("pooled_projection_dim", tensors.size(names.pooled, 1)),
        ("num_layers", blocks(names.double)),
        ("num_single_layers", blocks(names.single)),
        ("approximator_num_channels", tensors.size(GUIDE, 1)),
        ("approximator_hidden_dim", tensors.size(GUIDE, 0)),
        (
            "approximator_layers",
            blocks(("distilled_guidance_layer.layers", names.approximator)),
        ),
    ]);
    let norm = names.norms.iter().find_map(|key| tensors.size(key, 0));
    if let (Some(hidden), Some(head)) = (tensors.size(names.latents, 0), norm)
        && head > 0
        && head % 16 == 0
    {
        found.insert("attention_head_dim".to_owned(), head.into());
        found.insert("num_attention_heads".to_owned(), (hidden / head).into());
        // The published proportions, of 128.
        let axes = [head / 8, head * 7 / 16, head * 7 / 16];
        found.insert("axes_dims_rope".to_owned(), json!(axes));
    }
    found.insert("guidance_embeds".to_owned(), tensors.has(names.guidance).into());
    Some(found)
}
