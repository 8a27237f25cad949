//! A graph of nodes whose inputs are values or links to other nodes, and the walk against the links. `walk.rs` and `prompts.rs` ask
//! it. Nodes may be missing and links may go round: a walk meets each node once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

/// A step of the work.
pub(super) struct Node {
    pub id: String,
    /// Its class, such as `KSampler`.
    pub kind: String,
    /// Values, and links: a list of a node's id and the number of its output.
    pub inputs: Map<String, Value>,
}

impl Node {
    pub fn has(&self, input: &str) -> bool {
        self.inputs.contains_key(input)
    }

    /// Whether it makes a picture out of noise: one of ComfyUI's own.
    pub fn is_known_sampler(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "KSampler" | "KSamplerAdvanced" | "SamplerCustom" | "SamplerCustomAdvanced"
        )
    }

    /// The same, or one that takes what those take.
    pub fn is_sampler(&self) -> bool {
        let has_seed = self.has("seed") || self.has("noise_seed");
        self.is_known_sampler()
            || self.has("steps") && has_seed
            || self.has("positive") && (self.has("steps") || has_seed)
    }
}

/// Nodes by their ids.
pub(super) struct Graph {
    nodes: BTreeMap<String, Node>,
}

impl Graph {
    /// The graph as it was run; `None` where `object` is none.
    pub fn run(object: Map<String, Value>) -> Option<Self> {
        let nodes = object.into_iter().filter_map(|(id, mut node)| {
            let kind = node.get("class_type")?.as_str()?.to_owned();
            let Some(Value::Object(inputs)) = node.get_mut("inputs").map(Value::take) else {
                return None;
            };
            Some(Node { id, kind, inputs })
        });
        Self::of(nodes)
    }

    pub fn of(nodes: impl Iterator<Item = Node>) -> Option<Self> {
        let nodes: BTreeMap<_, _> = nodes.map(|node| (node.id.clone(), node)).collect();
        (!nodes.is_empty()).then_some(Self { nodes })
    }

    /// Every node, in the order of the ids as texts.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// The node that a link leads to, and the number of its output.
    pub fn follow(&self, value: &Value) -> Option<(&Node, u64)> {
        let (id, slot) = link(value)?;
        Some((self.nodes.get(id.as_ref())?, slot))
    }

    /// The nodes that links lead to from `starts` on, those before them, and so on: nearest first, each once.
    pub fn above<'a>(&'a self, starts: impl IntoIterator<Item = &'a Node>) -> impl Iterator<Item = &'a Node> {
        let mut queue: VecDeque<&Node> = starts.into_iter().collect();
        let mut seen: BTreeSet<&str> = queue.iter().map(|node| node.id.as_str()).collect();
        std::iter::from_fn(move || {
            let node = queue.pop_front()?;
            for (next, _) in node.inputs.values().filter_map(|value| self.follow(value)) {
                if seen.insert(&next.id) {
                    queue.push_back(next);
                }
            }
            Some(node)
        })
    }

    /// The same from a link on.
    pub fn above_link<'a>(&'a self, link: Option<&Value>) -> impl Iterator<Item = &'a Node> {
        let start = link.and_then(|value| self.follow(value));
        self.above(start.map(|(node, _)| node))
    }

    /// The nodes that no other takes anything from.
    pub fn last(&self) -> impl Iterator<Item = &Node> {
        let links = self.nodes().flat_map(|node| node.inputs.values());
        let taken: BTreeSet<_> = links.filter_map(link).map(|(id, _)| id.into_owned()).collect();
        self.nodes().filter(move |node| !taken.contains(&node.id))
    }
}

/// Id and output of a link. Other lists of two are rare, and lead nowhere.
fn link(value: &Value) -> Option<(Cow<'_, str>, u64)> {
    match value.as_array()?.as_slice() {
        [Value::String(id), slot] => Some((id.into(), slot.as_u64()?)),
        [Value::Number(id), slot] => Some((id.to_string().into(), slot.as_u64()?)),
        _ => None,
    }
}

/// Whether `value` is a link at all.
pub(super) fn is_link(value: &Value) -> bool {
    link(value).is_some()
}
