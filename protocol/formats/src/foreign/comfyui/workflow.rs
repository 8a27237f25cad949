//! The graph as it was drawn: nodes with the values of their widgets in order, and links with numbers of their own, made into a
//! graph as it is run. `comfyui::read` comes here where only `workflow` is there. Names of widgets are known for ComfyUI's own
//! nodes, and where newer versions write them down; subgraphs are not opened.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::graph::{Graph, Node};

/// What is drawn and not run, and what is passed by.
const MUTED: i64 = 2;
const BYPASSED: i64 = 4;
/// What a widget behind a seed says; of old it was a switch.
const CONTROLS: [&str; 4] = ["fixed", "randomize", "increment", "decrement"];

/// Names of the widgets of ComfyUI's own nodes, in order, without the control that follows a seed.
const WIDGETS: &[(&str, &[&str])] = &[
    (
        "KSampler",
        &["seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"],
    ),
    (
        "KSamplerAdvanced",
        &[
            "add_noise",
            "noise_seed",
            "steps",
            "cfg",
            "sampler_name",
            "scheduler",
            "start_at_step",
            "end_at_step",
            "return_with_leftover_noise",
        ],
    ),
    ("SamplerCustom", &["add_noise", "noise_seed", "cfg"]),
    ("KSamplerSelect", &["sampler_name"]),
    ("BasicScheduler", &["scheduler", "steps", "denoise"]),
    ("KarrasScheduler", &["steps", "sigma_max", "sigma_min", "rho"]),
    ("ExponentialScheduler", &["steps", "sigma_max", "sigma_min"]),
    ("SDTurboScheduler", &["steps", "denoise"]),
    ("AlignYourStepsScheduler", &["model_type", "steps", "denoise"]),
    ("Flux2Scheduler", &["steps", "width", "height"]),
    ("RandomNoise", &["noise_seed"]),
    ("CFGGuider", &["cfg"]),
    ("FluxGuidance", &["guidance"]),
    ("CLIPTextEncode", &["text"]),
    (
        "CLIPTextEncodeSDXL",
        &[
            "width",
            "height",
            "crop_w",
            "crop_h",
            "target_width",
            "target_height",
            "text_g",
            "text_l",
        ],
    ),
    ("CLIPTextEncodeSDXLRefiner", &["ascore", "width", "height", "text"]),
    ("CLIPTextEncodeFlux", &["clip_l", "t5xxl", "guidance"]),
    ("CLIPTextEncodeSD3", &["clip_l", "clip_g", "t5xxl", "empty_padding"]),
    ("CheckpointLoaderSimple", &["ckpt_name"]),
    ("CheckpointLoader", &["config_name", "ckpt_name"]),
    ("unCLIPCheckpointLoader", &["ckpt_name"]),
    ("ImageOnlyCheckpointLoader", &["ckpt_name"]),
    ("UNETLoader", &["unet_name", "weight_dtype"]),
    ("UnetLoaderGGUF", &["unet_name"]),
    ("DiffusionModelLoader", &["model_name", "weight_dtype"]),
    ("VAELoader", &["vae_name"]),
    ("LoraLoader", &["lora_name", "strength_model", "strength_clip"]),
    ("LoraLoaderModelOnly", &["lora_name", "strength_model"]),
    ("EmptyLatentImage", &["width", "height", "batch_size"]),
    ("EmptySD3LatentImage", &["width", "height", "batch_size"]),
    ("EmptyFlux2LatentImage", &["width", "height", "batch_size"]),
    (
        "StableCascade_EmptyLatentImage",
        &["width", "height", "compression", "batch_size"],
    ),
    ("LoadImage", &["image"]),
    ("PrimitiveNode", &["value"]),
];

impl Graph {
    /// The graph as it was drawn; `None` where `object` is none.
    pub fn drawn(mut object: Map<String, Value>) -> Option<Self> {
        let links = links(object.get("links")?);
        let Some(Value::Array(nodes)) = object.get_mut("nodes").map(Value::take) else {
            return None;
        };
        Self::of(nodes.into_iter().filter_map(|drawn| node(drawn, &links)))
    }
}

/// Where each link comes from: as a node's input has it.
fn links(list: &Value) -> BTreeMap<u64, Value> {
    let end = |link: &Value, place: usize, name: &str| link.get(place).or_else(|| link.get(name)).cloned();
    let one = |link: &Value| {
        let number = end(link, 0, "id")?.as_u64()?;
        let from = [end(link, 1, "origin_id")?, end(link, 2, "origin_slot")?];
        Some((number, Value::from(from.to_vec())))
    };
    list.as_array().into_iter().flatten().filter_map(one).collect()
}

fn node(mut drawn: Value, links: &BTreeMap<u64, Value>) -> Option<Node> {
    let id = match drawn.get("id")? {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    let kind = drawn.get("type")?.as_str()?.to_owned();
    let mode = drawn["mode"].as_i64().unwrap_or_default();
    if mode == MUTED {
        return None;
    }
    let mut inputs = Map::new();
    for input in drawn["inputs"].as_array().into_iter().flatten() {
        let link = input["link"].as_u64().and_then(|number| links.get(&number));
        if let (Some(name), Some(link)) = (input["name"].as_str(), link) {
            inputs.insert(name.to_owned(), link.clone());
        }
    }
    if mode == BYPASSED {
        // It passes on what it is given, and nothing of its own.
        let kind = "Reroute".to_owned();
        return Some(Node { id, kind, inputs });
    }
    match drawn.get_mut("widgets_values").map(Value::take) {
        Some(Value::Array(values)) => widgets(&mut inputs, &names(&drawn, &kind), values),
        Some(Value::Object(values)) => values.into_iter().for_each(|(name, value)| {
            inputs.entry(name).or_insert(value);
        }),
        _ => {}
    }
    Some(Node { id, kind, inputs })
}

/// The names of a node's widgets.
fn names(drawn: &Value, kind: &str) -> Vec<String> {
    if let Some((_, names)) = WIDGETS.iter().find(|(known, _)| *known == kind) {
        return names.iter().map(|name| (*name).to_owned()).collect();
    }
    let inputs = drawn["inputs"].as_array().into_iter().flatten();
    let written: Vec<String> = inputs
        .filter_map(|input| input["widget"]["name"].as_str().map(str::to_owned))
        .collect();
    let is_words = ["Text", "String", "Prompt"].iter().any(|part| kind.contains(part));
    match written.is_empty() {
        false => written,
        true if kind.starts_with("Primitive") => vec!["value".to_owned()],
        true if is_words => vec!["text".to_owned()],
        true => Vec::new(),
    }
}

/// Gives the values their names. A link counts before the value that its widget was left with.
fn widgets(inputs: &mut Map<String, Value>, names: &[String], values: Vec<Value>) {
    let mut values = values.into_iter().peekable();
    for name in names {
        let Some(value) = values.next() else { return };
        inputs.entry(name.as_str()).or_insert(value);
        if matches!(name.as_str(), "seed" | "noise_seed" | "value") {
            values.next_if(|next| next.is_boolean() || next.as_str().is_some_and(|word| CONTROLS.contains(&word)));
        }
    }
}
