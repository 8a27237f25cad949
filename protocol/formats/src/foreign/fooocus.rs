//! Fooocus's own scheme: JSON in the place of A1111's text, with a text `fooocus_scheme` beside it in a PNG, a maker note in EXIF.
//! Source: `FooocusMetadataParser` and `get_exif` in modules/meta_parser.py. Its other scheme is A1111's text, read in `a1111.rs`.

use serde_json::{Map, Value};

use super::collect::{looks_like_object, object};
use super::{Said, Texts, Writer};

const ROWS: &[(&str, &str)] = &[
    ("steps", "steps"),
    ("guidance_scale", "cfg_scale"),
    ("seed", "seed"),
    ("scheduler", "schedule"),
];

pub(super) fn read(texts: &Texts) -> Option<Said> {
    let text = texts.parameters().filter(|text| looks_like_object(text))?;
    let scheme = texts.get("fooocus_scheme").or_else(|| texts.get("MakerNote"));
    let is_marked = scheme == Some("fooocus");
    let object = match object(text) {
        Ok(object) => object,
        Err(why) if is_marked => return Some(Said::unread(Writer::Fooocus, "parameters", &why)),
        Err(_) => return None,
    };
    (is_marked || is_its(&object)).then(|| parameters(object))
}

/// Whether the object is Fooocus's without any mark beside it.
fn is_its(object: &Map<String, Value>) -> bool {
    let says = |key: &str, begin: &str| {
        object
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|v| v.starts_with(begin))
    };
    says("version", "Fooocus") || says("metadata_scheme", "fooocus") || object.contains_key("full_prompt")
}

fn parameters(mut object: Map<String, Value>) -> Said {
    let mut said = Said::new(Writer::Fooocus);
    for (row, key, full) in [
        ("prompt", "prompt", "full_prompt"),
        ("negative_prompt", "negative_prompt", "full_negative_prompt"),
    ] {
        let (typed, full_text) = (object.remove(key).map(joined), object.remove(full).map(joined));
        for (key, text) in [(key, typed), (full, full_text)] {
            said.put(row, key, &text.unwrap_or_default());
        }
    }
    if let Some(resolution) = object.remove("resolution") {
        said.size("resolution", &resolution);
    }
    if let Some(model) = object.remove("base_model") {
        said.model("base_model", &model);
    }
    if let Some(sampler) = object.remove("sampler") {
        said.sampler("sampler", &sampler);
    }
    match object.remove("loras") {
        Some(Value::Array(loras)) => loras.iter().for_each(|lora| match (&lora[0], &lora[1]) {
            (Value::String(name), strength) => said.lora(name, strength),
            _ => said.other("loras", lora),
        }),
        other => said.other("loras", &other.unwrap_or_default()),
    }
    said.all(&object, ROWS);
    said
}

/// A list of texts as one, as Fooocus joins them for its other scheme.
fn joined(value: Value) -> Value {
    match &value {
        Value::Array(parts) if parts.iter().all(Value::is_string) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            parts.join(", ").into()
        }
        _ => value,
    }
}
