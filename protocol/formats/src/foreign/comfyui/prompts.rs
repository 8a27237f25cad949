//! The words of a prompt: from a sampler's `positive` or `negative` through nodes that combine, move or weigh what was encoded, to
//! the texts that were encoded, and to the nodes that such texts come from. `walk.rs` asks for both sides. What a node makes of a
//! text is not known here: of texts that it joins all are found, in the order of its inputs' names.

use std::collections::BTreeSet;

use serde_json::Value;

use super::graph::{Graph, Node, is_link};

/// Which of a sampler's two prompts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Positive,
    Negative,
}

impl Side {
    fn of_slot(slot: u64) -> Option<Self> {
        match slot {
            0 => Some(Self::Positive),
            1 => Some(Self::Negative),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Positive => Self::Negative,
            Self::Negative => Self::Positive,
        }
    }
}

/// Inputs that lead away from the words.
const ASIDE: [&str; 18] = [
    "model",
    "clip",
    "vae",
    "image",
    "images",
    "pixels",
    "samples",
    "latent",
    "latent_image",
    "mask",
    "control_net",
    "controlnet",
    "clip_vision",
    "clip_vision_output",
    "style_model",
    "noise",
    "sigmas",
    "guider",
];

/// Inputs that are words, beside those whose names begin with `text` or `string`.
const WORDS: [&str; 8] = [
    "prompt",
    "value",
    "clip_l",
    "clip_g",
    "t5xxl",
    "llama",
    "populated_text",
    "conditioning_text",
];

/// What was found on the way.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// Texts, each once, in order; `None` where nobody wrote any, not even an empty one.
    pub texts: Option<Vec<&'a str>>,
    /// Values of nodes that set a guidance beside the text.
    pub guidance: Vec<&'a Value>,
}

impl Found<'_> {
    /// The texts as one, a line each.
    pub fn joined(&self) -> Option<String> {
        self.texts.as_ref().map(|texts| texts.join("\n"))
    }
}

/// What `start`, a text or a link, leads to on that side.
pub(super) fn find<'a>(graph: &'a Graph, start: &'a Value, side: Side) -> Found<'a> {
    let mut found = Found::default();
    let (mut nodes, mut known) = (BTreeSet::new(), BTreeSet::new());
    // The next one is the last of it.
    let mut left = vec![start];
    while let Some(value) = left.pop() {
        if let Some(text) = value.as_str() {
            let texts = found.texts.get_or_insert_default();
            if !text.is_empty() && known.insert(text) {
                texts.push(text);
            }
            continue;
        }
        let Some((node, slot)) = graph.follow(value) else {
            continue;
        };
        // What ComfyUI zeroes out has no words any more.
        if !nodes.insert(&node.id) || node.kind == "ConditioningZeroOut" || node.is_sampler() {
            continue;
        }
        found
            .guidance
            .extend(node.inputs.get("guidance").filter(|value| !is_link(value)));
        left.extend(onward(node, slot, side).into_iter().rev());
    }
    found
}

/// The inputs of `node` that its output `slot` has its words from.
fn onward(node: &Node, slot: u64, side: Side) -> Vec<&Value> {
    // A loader that encodes words too has other outputs before those.
    let is_loader = node.has("ckpt_name");
    let is_pair = ["positive", "negative"]
        .iter()
        .all(|name| node.inputs.get(*name).is_some_and(is_link));
    let side = Side::of_slot(slot).filter(|_| is_pair && !is_loader).unwrap_or(side);
    let mut inputs: Vec<(&String, &Value)> = node
        .inputs
        .iter()
        .filter(|(name, value)| {
            let is_words = name.starts_with("text") || name.starts_with("string") || WORDS.contains(&name.as_str());
            let is_wanted = is_words || is_link(value) || name.contains(side.word());
            is_wanted && !ASIDE.contains(&name.as_str()) && !name.contains(side.other().word())
        })
        .collect();
    // `ConditioningConcat` puts its `conditioning_from` behind its `conditioning_to`.
    inputs.sort_by_key(|(name, _)| name.ends_with("_from"));
    inputs.into_iter().map(|(_, value)| value).collect()
}
