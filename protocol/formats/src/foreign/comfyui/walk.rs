//! From the picture's output to the sampler that is nearest to it, and from there along its links to steps, seed, sizes, model and
//! words. `comfyui::read` comes here with either kind of graph. Where a value is computed by a node that is not known, it is said to
//! come from there: no value is better than a wrong one.

use darkroom_protocol::sampler::{Named as _, Schedule};
use serde_json::Value;

use super::graph::{Graph, Node, is_link};
use super::prompts::{self, Side};
use crate::foreign::Said;
use crate::foreign::collect::plain;

/// A parameter, the names that a sampler has for it, and the link through which it comes where the sampler has none.
type Field = (&'static str, &'static [&'static str], &'static str);

const FIELDS: [Field; 5] = [
    ("seed", &["seed", "noise_seed"], "noise"),
    ("steps", &["steps"], "sigmas"),
    ("cfg_scale", &["cfg"], "guider"),
    ("sampler", &["sampler_name"], "sampler"),
    ("schedule", &["scheduler"], "sigmas"),
];
/// Names of a file that is the model itself.
const MODELS: [&str; 5] = ["ckpt_name", "unet_name", "model_name", "gguf_name", "model_path"];
/// Inputs of nodes that give a single value.
const VALUES: [&str; 9] = [
    "value",
    "int",
    "float",
    "number",
    "string",
    "text",
    "seed",
    "noise_seed",
    "Number",
];

/// Puts what the picture's sampler says into `said`.
pub(super) fn read(graph: &Graph, said: &mut Said) {
    let Some(sampler) = nearest(graph) else { return };
    let mut reader = Reader { graph, said, sampler };
    reader.words();
    for field in FIELDS {
        reader.field(field);
    }
    let begins_empty = reader.size();
    reader.denoise(begins_empty);
    reader.model();
    reader.rest();
}

/// The sampler nearest to where a picture is saved, else shown, else to any end. ComfyUI's own count before custom ones, which
/// often only touch up.
fn nearest(graph: &Graph) -> Option<&Node> {
    let called = |part: &'static str| from(graph, graph.nodes().filter(|node| node.kind.contains(part)).collect());
    called("SaveImage")
        .or_else(|| called("Save"))
        .or_else(|| called("PreviewImage"))
        .or_else(|| from(graph, graph.last().collect()))
        .or_else(|| graph.nodes().find(|node| node.is_sampler()))
}

/// The sampler nearest to `ends`.
fn from<'a>(graph: &'a Graph, ends: Vec<&'a Node>) -> Option<&'a Node> {
    let found = |is: fn(&Node) -> bool| graph.above(ends.iter().copied()).find(|node| is(node));
    found(Node::is_known_sampler).or_else(|| found(Node::is_sampler))
}

struct Reader<'a, 's> {
    graph: &'a Graph,
    said: &'s mut Said,
    sampler: &'a Node,
}

impl<'a> Reader<'a, '_> {
    /// The first of these inputs of the sampler.
    fn input(&self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.sampler.inputs.get(*name))
    }

    /// The first node from the sampler's input `via` on that has one of these inputs, with that.
    fn through(&self, via: &str, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        let nodes = self.graph.above_link(self.sampler.inputs.get(via));
        first(nodes, names)
    }

    /// The same of the guider alone: what is before it may belong to another sampler.
    fn guided(&self, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        let mut nodes = self.graph.above_link(self.sampler.inputs.get("guider"));
        first(nodes.find(|node| node.kind != "Reroute"), names)
    }

    fn field(&mut self, (row, names, via): Field) {
        let own = first([self.sampler], names);
        let through = || match via {
            "guider" => self.guided(names),
            _ => self.through(via, names),
        };
        let Some((name, value)) = own.or_else(through) else {
            // Some nodes are a sampler or a schedule by their class alone.
            if let Some((node, _)) = self.input(&[via]).and_then(|link| self.graph.follow(link)) {
                self.named(row, via, node);
            }
            return;
        };
        match (self.value(value), row) {
            (Some(value), "sampler") => self.said.sampler(name, value),
            (Some(value), _) => self.said.put(row, name, value),
            (None, _) => self.computed(name, value),
        }
    }

    /// `KarrasScheduler` and the like; what has no counterpart keeps its class.
    fn named(&mut self, row: &str, via: &str, node: &Node) {
        let schedule = node.kind.strip_suffix("Scheduler").and_then(Schedule::from_name);
        match (row, schedule) {
            ("schedule", Some(schedule)) => self.said.put("schedule", via, &schedule.name().into()),
            ("schedule" | "sampler", _) => self.said.other(via, &node.kind.as_str().into()),
            _ => {}
        }
    }

    /// The value itself, or that of the node which gives it, through such as only pass it on; `None` where it is computed.
    fn value(&self, value: &'a Value) -> Option<&'a Value> {
        if !is_link(value) {
            return Some(value);
        }
        for node in self.graph.above_link(Some(value)) {
            let given = VALUES.iter().find_map(|name| node.inputs.get(*name));
            if let Some(given) = given.filter(|given| !is_link(given)) {
                return Some(given);
            }
            if node.inputs.len() != 1 {
                return None;
            }
        }
        None
    }

    fn computed(&mut self, name: &str, value: &Value) {
        let kind = self.graph.follow(value).map(|(node, _)| node.kind.as_str());
        let text = format!("computed by {}", kind.unwrap_or("a node that is missing"));
        self.said.other(name, &text.into());
    }

    fn words(&mut self) {
        let guided = |names: &[&'static str]| self.guided(names).map(|(_, value)| value);
        let positive = ["positive", "positive_prompt", "prompt", "conditioning"];
        let positive = self
            .input(&positive)
            .or_else(|| guided(&["positive", "conditioning", "cond1"]));
        let negative = self
            .input(&["negative", "negative_prompt"])
            .or_else(|| guided(&["negative"]));
        for (row, name, start, side) in [
            ("prompt", "positive", positive, Side::Positive),
            ("negative_prompt", "negative", negative, Side::Negative),
        ] {
            let Some(start) = start else { continue };
            let found = prompts::find(self.graph, start, side);
            match found.joined() {
                Some(text) => self.said.put(row, name, &text.into()),
                None => self.computed(name, start),
            }
            let guidance = found.guidance.into_iter().filter(|_| side == Side::Positive);
            guidance.for_each(|value| self.said.other("guidance", value));
        }
    }

    /// Size and number, of the latent image that the sampler begins with; whether that is an empty one.
    fn size(&mut self) -> bool {
        let link = self.input(&["latent_image", "latent", "samples"]);
        let mut nodes = self.graph.above_link(link);
        let begin =
            nodes.find(|node| node.kind.contains("Empty") && node.has("width") || node.kind.contains("LoadImage"));
        let Some(begin) = begin else { return false };
        if let Some(image) = begin.inputs.get("image") {
            self.said.other("image", image);
            return false;
        }
        for (row, name) in [("width", "width"), ("height", "height"), ("batch", "batch_size")] {
            let Some(value) = begin.inputs.get(name) else { continue };
            match self.value(value) {
                Some(value) => self.said.put(row, name, value),
                None => self.computed(name, value),
            }
        }
        true
    }

    /// How far a picture may change: a parameter only where there was one.
    fn denoise(&mut self, begins_empty: bool) {
        let own = first([self.sampler], &["denoise"]);
        let Some((name, value)) = own.or_else(|| self.through("sigmas", &["denoise"])) else {
            return;
        };
        match self.value(value) {
            Some(value) if begins_empty || value.as_f64() == Some(1.0) => self.said.other(name, value),
            Some(value) => self.said.put("denoise", name, value),
            None => self.computed(name, value),
        }
    }

    fn model(&mut self) {
        let guided = self.guided(&["model"]).map(|(_, value)| value);
        let link = self.input(&["model"]).or(guided);
        let mut is_found = false;
        for node in self.graph.above_link(link) {
            match first([node], &MODELS) {
                Some((name, value)) if !is_found && !is_link(value) => {
                    self.said.model(name, value);
                    is_found = true;
                }
                _ => {}
            }
            loras(self.said, node);
        }
        let files = self.graph.nodes().filter_map(|node| node.inputs.get("vae_name"));
        files.for_each(|name| self.said.other("vae", name));
    }

    /// What else the sampler is given, and the samplers beside it.
    fn rest(&mut self) {
        let taken = FIELDS.iter().flat_map(|(_, names, _)| *names).copied();
        let words = [
            "denoise",
            "positive",
            "negative",
            "prompt",
            "positive_prompt",
            "negative_prompt",
        ];
        let taken: Vec<&str> = taken.chain(words).collect();
        let rest = self.sampler.inputs.iter();
        for (name, value) in rest.filter(|(name, value)| !taken.contains(&name.as_str()) && !is_link(value)) {
            self.said.other(name, value);
        }
        let beside = self
            .graph
            .nodes()
            .filter(|node| node.is_sampler() && node.id != self.sampler.id);
        for node in beside {
            let inputs = node
                .inputs
                .iter()
                .filter(|(_, value)| value.is_number() || value.is_string());
            let inputs: Vec<String> = inputs.map(|(name, value)| format!("{name} {}", plain(value))).collect();
            let text = format!("node {}: {}", node.id, inputs.join(", "));
            self.said.other(&node.kind, &text.into());
        }
    }
}

/// The first of `nodes` that has one of these inputs, with that.
fn first<'a>(nodes: impl IntoIterator<Item = &'a Node>, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
    let own = |node: &'a Node| names.iter().find_map(|name| Some((*name, node.inputs.get(*name)?)));
    nodes.into_iter().find_map(own)
}

/// The fine-tunings that `node` adds: one by name, or several as objects.
fn loras(said: &mut Said, node: &Node) {
    if let Some(name) = node.inputs.get("lora_name").and_then(Value::as_str) {
        let strength = first([node], &["strength_model", "strength", "lora_strength"]);
        said.lora(name, strength.map_or(&Value::Null, |(_, value)| value));
    }
    for several in node.inputs.values() {
        if let Some(name) = several.get("lora").and_then(Value::as_str)
            && several["on"] != Value::Bool(false)
        {
            said.lora(name, &several["strength"]);
        }
    }
}
