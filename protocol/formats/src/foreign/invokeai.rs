//! InvokeAI's three ways: `invokeai_metadata` (3 and later, `CoreMetadataInvocation` in invocations/metadata.py), `sd-metadata`
//! (2), and the command line `Dream` (1 and lstein's fork before it). The last two have the negative prompt in brackets within the
//! prompt. The graph that InvokeAI keeps beside them is not read.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::collect::object;
use super::{Said, Texts, Writer};

const ROWS: &[(&str, &str)] = &[
    ("positive_prompt", "prompt"),
    ("negative_prompt", "negative_prompt"),
    ("seed", "seed"),
    ("steps", "steps"),
    ("cfg_scale", "cfg_scale"),
    ("cfg_rescale_multiplier", "guidance_rescale"),
    ("scheduler", "sampler"),
    ("sampler", "sampler"),
    ("width", "width"),
    ("height", "height"),
    ("strength", "denoise"),
];

/// The flags of the command line that are parameters.
const FLAGS: &[(&str, &str)] = &[
    ("s", "steps"),
    ("S", "seed"),
    ("W", "width"),
    ("H", "height"),
    ("C", "cfg_scale"),
    ("A", "sampler"),
    ("f", "denoise"),
    ("steps", "steps"),
    ("seed", "seed"),
    ("width", "width"),
    ("height", "height"),
    ("cfg_scale", "cfg_scale"),
    ("sampler", "sampler"),
    ("strength", "denoise"),
];

pub(super) fn read(texts: &Texts) -> Option<Said> {
    for (name, parameters) in [
        ("invokeai_metadata", third as fn(_) -> _),
        ("sd-metadata", second as fn(_) -> _),
    ] {
        if let Some(text) = texts.get(name) {
            return Some(match object(text) {
                Ok(object) => parameters(object),
                Err(why) => Said::unread(Writer::InvokeAi, name, &why),
            });
        }
    }
    texts.get("Dream").map(first)
}

fn third(mut object: Map<String, Value>) -> Said {
    let mut said = Said::new(Writer::InvokeAi);
    match object.remove("model") {
        Some(Value::Object(mut model)) => {
            let name = ["name", "model_name", "key"].iter().find_map(|key| model.remove(*key));
            said.model("model", &name.unwrap_or_default());
            said.other("model", &rest(model));
        }
        other => said.model("model", &other.unwrap_or_default()),
    }
    match object.remove("loras") {
        Some(Value::Array(loras)) => loras.iter().for_each(|lora| match lora_name(lora) {
            Some(name) => said.lora(name, &lora["weight"]),
            None => said.other("loras", lora),
        }),
        other => said.other("loras", &other.unwrap_or_default()),
    }
    // Pictures that began with noise may say a strength all the same.
    let is_text = object.get("generation_mode").and_then(Value::as_str);
    if is_text.is_some_and(|mode| mode.contains("txt2img")) {
        said.other("strength", &object.remove("strength").unwrap_or_default());
    }
    said.all(&object, ROWS);
    said
}

fn lora_name(lora: &Value) -> Option<&str> {
    let model = lora.get("model").or_else(|| lora.get("lora"))?;
    let names = ["name", "model_name", "key"];
    names.iter().find_map(|key| model.get(key)?.as_str())
}

fn second(mut object: Map<String, Value>) -> Said {
    let mut said = Said::new(Writer::InvokeAi);
    let mut image = match object.remove("image") {
        Some(Value::Object(image)) => image,
        other => {
            said.other("image", &other.unwrap_or_default());
            Map::new()
        }
    };
    match image.remove("prompt") {
        Some(Value::String(text)) => bracketed(&mut said, &text),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["prompt"].as_str()).collect();
            bracketed(&mut said, &texts.join("\n"));
            // Weights of several prompts have no counterpart.
            let is_plain = parts
                .iter()
                .all(|part| part["weight"].as_f64().is_none_or(|weight| weight == 1.0));
            said.other("prompt", &if is_plain { Value::Null } else { Value::Array(parts) });
        }
        other => said.other("prompt", &other.unwrap_or_default()),
    }
    said.all(&image, ROWS);
    said.model("model_weights", &object.remove("model_weights").unwrap_or_default());
    said.all(&object, &[]);
    said
}

/// `"a fox [blurry]" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms`; a value may stand at its flag: `-s50`. Quotation marks within the
/// prompt are not escaped.
fn first(line: &str) -> Said {
    let mut said = Said::new(Writer::InvokeAi);
    let line = line.trim();
    let (prompt, end) = match line.strip_prefix('"') {
        Some(rest) => (rest, "\" -"),
        None => (line, " -"),
    };
    let (prompt, flags) = match prompt.find(end) {
        Some(at) => (&prompt[..at], &prompt[at + end.len() - 1..]),
        None => (prompt.strip_suffix('"').unwrap_or(prompt), ""),
    };
    bracketed(&mut said, prompt);
    // A value is tried once a flag: what a name is near to takes time to find out.
    let mut known = BTreeSet::new();
    for part in flags.strip_prefix('-').unwrap_or(flags).split(" -") {
        let (flag, value) = flag(part.trim());
        match FLAGS.iter().find(|(known, _)| *known == flag) {
            Some((_, row)) if !value.is_empty() && known.insert(flag) => said.put(row, flag, &value.into()),
            _ if !flag.is_empty() => said.other(flag, &value.into()),
            _ => {}
        }
    }
    said
}

/// A flag without its first dash, and its value.
fn flag(part: &str) -> (&str, &str) {
    if let Some(long) = part.strip_prefix('-') {
        return long.split_once([' ', '=']).unwrap_or((long, ""));
    }
    // Some of two letters have one dash all the same: `-cf 0.75`.
    if let Some((name, value)) = part.split_once(' ')
        && name.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return (name, value.trim());
    }
    part.split_at(part.chars().next().map_or(0, char::len_utf8))
}

/// A prompt whose negative parts are in brackets.
fn bracketed(said: &mut Said, text: &str) {
    let (mut prompt, mut negative) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some((before, (inside, after))) = rest
        .split_once('[')
        .and_then(|(before, after)| Some((before, after.split_once(']')?)))
    {
        prompt.push(before.trim());
        negative.push(inside.trim());
        rest = after;
    }
    prompt.push(rest.trim());
    prompt.retain(|part| !part.is_empty());
    negative.retain(|part| !part.is_empty());
    said.put("prompt", "prompt", &prompt.join(" ").into());
    said.put("negative_prompt", "prompt", &negative.join(" ").into());
}

/// Null where nothing is left.
fn rest(object: Map<String, Value>) -> Value {
    if object.is_empty() {
        Value::Null
    } else {
        Value::Object(object)
    }
}
