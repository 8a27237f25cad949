//! Text encoders by their tensors alone: CLIP under transformers' names and open_clip's, T5 and Qwen3 under transformers'. `measure.rs`
//! asks, for files of their own and for those of a checkpoint; what no tensor shows (eps, the base of rotary embeddings) stays as it is
//! in the configuration that this is put over.

use serde_json::{Map, Value};

use super::measure::Tensors;

/// How wide the heads of CLIP's text encoders are, in all of them.
const CLIP_HEAD: u64 = 64;
/// What may stand before a language model's names: those that the layers look for (`text/language/decoder.rs` of the engine).
const LANGUAGE: [&str; 3] = ["model.", "", "model.language_model."];

/// Heads of a CLIP that wide.
pub(crate) fn clip_heads(width: u64) -> u64 {
    (width / CLIP_HEAD).max(1)
}

/// A CLIP text encoder under transformers' names, with or without `text_model.`, or open_clip's.
pub(super) fn clip(tensors: Tensors<'_>, base: &Map<String, Value>) -> Option<Map<String, Value>> {
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
        put("num_attention_heads", clip_heads(width));
    }
    Some(config)
}

/// The encoder of a T5. Files have its table of tokens under either name, or twice.
pub(super) fn t5(tensors: Tensors<'_>) -> Option<Map<String, Value>> {
    let block = |n: u64, rest: &str| format!("encoder.block.{n}.layer.{rest}");
    let mut tables = ["shared.weight", "encoder.embed_tokens.weight"].into_iter();
    let table = tables.find(|key| tensors.has(key))?;
    let heads = tensors
        .size(&block(0, "0.SelfAttention.relative_attention_bias.weight"), 1)
        .filter(|heads| *heads > 0);
    let inner = tensors.size(&block(0, "0.SelfAttention.q.weight"), 0);
    Some(above_zero([
        ("vocab_size", tensors.size(table, 0)),
        ("d_model", tensors.size(table, 1)),
        (
            "num_layers",
            Some(tensors.count(|n| block(n, "0.SelfAttention.q.weight"))),
        ),
        ("num_heads", heads),
        ("d_kv", inner.zip(heads).map(|(inner, heads)| inner / heads)),
        ("d_ff", tensors.size(&block(0, "1.DenseReluDense.wi_0.weight"), 0)),
    ]))
}

/// A language model of Qwen3, whose norms of queries and keys show how wide a head is.
pub(super) fn qwen3(tensors: Tensors<'_>) -> Option<Map<String, Value>> {
    let mut models = LANGUAGE.into_iter();
    let model = models.find(|model| tensors.has(&format!("{model}embed_tokens.weight")))?;
    let first = |rest: &str| tensors.size(&format!("{model}layers.0.{rest}.weight"), 0);
    let head = first("self_attn.q_norm").filter(|head| *head > 0);
    let heads = |proj: &str| first(proj).zip(head).map(|(rows, head)| rows / head);
    let table = format!("{model}embed_tokens.weight");
    Some(above_zero([
        ("vocab_size", tensors.size(&table, 0)),
        ("hidden_size", tensors.size(&table, 1)),
        (
            "num_hidden_layers",
            Some(tensors.count(|n| format!("{model}layers.{n}.self_attn.q_proj.weight"))),
        ),
        ("intermediate_size", first("mlp.gate_proj")),
        ("head_dim", head),
        ("num_attention_heads", heads("self_attn.q_proj")),
        ("num_key_value_heads", heads("self_attn.k_proj")),
    ]))
}

/// Fields with those of the numbers that were found.
pub(super) fn above_zero<const N: usize>(fields: [(&str, Option<u64>); N]) -> Map<String, Value> {
    let found = |(field, value): (&str, Option<u64>)| {
        let value = value.filter(|value| *value > 0)?;
        Some((field.to_owned(), value.into()))
    };
    fields.into_iter().filter_map(found).collect()
}
