//! What the tensors of a FLUX.1 or a Chroma in one file say of it: its variants differ in what a token is made of, in whether they are
//! told a guidance, and, where somebody made one smaller, in how many blocks there are. `facts.rs` puts it into the configurations.

use serde_json::{Map, Value, json};

use crate::safetensors::Header;

/// No model has more blocks of a kind.
const MOST: u64 = 256;

/// What is found of `transformer/config.json`; `prefix` stands before its keys.
pub(super) fn transformer(header: &Header, prefix: &str) -> Map<String, Value> {
    let shape = |key: &str| header.tensors.get(&format!("{prefix}{key}")).map(|entry| &entry.shape);
    let size = |key: &str, axis: usize| shape(key)?.get(axis).copied();
    let count = |before: &str, key: &str| {
        let there = |n: &u64| shape(&format!("{before}.{n}.{key}")).is_some();
        (0..MOST).take_while(there).count() as u64
    };
    let mut found = Map::new();
    let mut put = |field: &str, value: Option<u64>| {
        if let Some(value) = value.filter(|value| *value > 0) {
            found.insert(field.to_owned(), value.into());
        }
    };
    put("in_channels", size("img_in.weight", 1));
    put("out_channels", size("final_layer.linear.weight", 0));
    put("joint_attention_dim", size("txt_in.weight", 1));
    put("pooled_projection_dim", size("vector_in.in_layer.weight", 1));
    put("num_layers", Some(count("double_blocks", "img_attn.qkv.weight")));
    put("num_single_layers", Some(count("single_blocks", "linear1.weight")));
    const GUIDE: &str = "distilled_guidance_layer";
    put("approximator_num_channels", size(&format!("{GUIDE}.in_proj.weight"), 1));
    put("approximator_hidden_dim", size(&format!("{GUIDE}.in_proj.weight"), 0));
    put(
        "approximator_layers",
        Some(count(&format!("{GUIDE}.layers"), "in_layer.weight")),
    );
    let norms = ["scale", "weight"].map(|leaf| size(&format!("double_blocks.0.img_attn.norm.query_norm.{leaf}"), 0));
    if let (Some(hidden), Some(head)) = (size("img_in.weight", 0), norms.into_iter().flatten().next())
        && head > 0
        && head % 16 == 0
    {
        put("attention_head_dim", Some(head));
        put("num_attention_heads", Some(hidden / head));
        // The published proportions, of 128.
        found.insert(
            "axes_dims_rope".to_owned(),
            json!([head / 8, head * 7 / 16, head * 7 / 16]),
        );
    }
    found.insert(
        "guidance_embeds".to_owned(),
        shape("guidance_in.in_layer.weight").is_some().into(),
    );
    found
}

/// What is found of the scheduler's configuration: schnell, which is not told a guidance, has a schedule that no size shifts.
pub(super) fn scheduler(header: &Header, prefix: &str) -> Map<String, Value> {
    let mut found = Map::new();
    let has = |key: &str| header.tensors.contains_key(&format!("{prefix}{key}"));
    if has("vector_in.in_layer.weight") && !has("guidance_in.in_layer.weight") {
        found.insert("shift".to_owned(), json!(1.0));
        found.insert("use_dynamic_shifting".to_owned(), false.into());
    }
    found
}

/// Whether the file's metadata call it a Kontext, whose tensors are those of dev.
pub(super) fn is_kontext(header: &Header) -> bool {
    let said = ["modelspec.architecture", "modelspec.title"].map(|key| header.metadata.get(key));
    said.into_iter()
        .flatten()
        .any(|text| text.to_ascii_lowercase().contains("kontext"))
}

/// What is found of a T5's config.json, where its tensors begin with `prefix`.
pub(super) fn t5(header: &Header, prefix: &str) -> Map<String, Value> {
    let shape = |key: &str| header.tensors.get(&format!("{prefix}{key}")).map(|entry| &entry.shape);
    let size = |key: &str, axis: usize| shape(key)?.get(axis).copied();
    let block = |n: u64, rest: &str| format!("encoder.block.{n}.layer.{rest}");
    let table = ["shared.weight", "encoder.embed_tokens.weight"].map(|key| size(key, 0).zip(size(key, 1)));
    let table = table.into_iter().flatten().next();
    let there = |n: &u64| shape(&block(*n, "0.SelfAttention.q.weight")).is_some();
    let heads = size(&block(0, "0.SelfAttention.relative_attention_bias.weight"), 1).filter(|heads| *heads > 0);
    let mut found = Map::new();
    let mut put = |field: &str, value: Option<u64>| {
        if let Some(value) = value.filter(|value| *value > 0) {
            found.insert(field.to_owned(), value.into());
        }
    };
    put("vocab_size", table.map(|(rows, _)| rows));
    put("d_model", table.map(|(_, width)| width));
    put("num_layers", Some((0..MOST).take_while(there).count() as u64));
    put("num_heads", heads);
    let inner = size(&block(0, "0.SelfAttention.q.weight"), 0);
    put("d_kv", inner.zip(heads).map(|(inner, heads)| inner / heads));
    put("d_ff", size(&block(0, "1.DenseReluDense.wi_0.weight"), 0));
    found
}

/// What is found of a CLIP's config.json, where its tensors begin with `prefix`; its heads are 64 wide, as all of OpenAI's.
pub(super) fn clip(header: &Header, prefix: &str) -> Map<String, Value> {
    let size = |key: &str, axis: usize| {
        let entry = header.tensors.get(&format!("{prefix}text_model.{key}"))?;
        entry.shape.get(axis).copied()
    };
    let layer = |n: u64| format!("encoder.layers.{n}.mlp.fc1.weight");
    let there = |n: &u64| size(&layer(*n), 0).is_some();
    let hidden = size("embeddings.token_embedding.weight", 1);
    let mut found = Map::new();
    let mut put = |field: &str, value: Option<u64>| {
        if let Some(value) = value.filter(|value| *value > 0) {
            found.insert(field.to_owned(), value.into());
        }
    };
    put("hidden_size", hidden);
    put("num_attention_heads", hidden.map(|hidden| hidden / 64));
    put("intermediate_size", size(&layer(0), 0));
    put("num_hidden_layers", Some((0..MOST).take_while(there).count() as u64));
    found
}
