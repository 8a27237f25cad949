//! What the tensors and metadata of a FLUX.1 in one file say of it beyond its shapes, which `parts/transformers.rs` measures: its schedule,
//! and that it edits. `facts.rs` puts it into the configurations.

use serde_json::{Map, Value, json};

use crate::family::Layout;
use crate::safetensors::Header;

/// What is found of the scheduler's configuration: schnell, which is not told a guidance, has a schedule that no size shifts.
pub(super) fn scheduler(header: &Header, (prefix, layout): (&str, Layout)) -> Map<String, Value> {
    let mut found = Map::new();
    let [pooled, guidance] = match layout {
        Layout::Original => ["vector_in.in_layer.weight", "guidance_in.in_layer.weight"],
        Layout::Diffusers => [
            "time_text_embed.text_embedder.linear_1.weight",
            "time_text_embed.guidance_embedder.linear_1.weight",
        ],
    };
    let has = |key: &str| header.tensors.contains_key(&format!("{prefix}{key}"));
    if has(pooled) && !has(guidance) {
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
