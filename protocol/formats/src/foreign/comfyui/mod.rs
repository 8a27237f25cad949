//! ComfyUI: the graph of nodes that made the picture, as it was run (`prompt`) or as it was drawn (`workflow`), in a PNG's texts or in
//! EXIF fields that begin with those words. Source: `SaveImage` in nodes.py, `_create_webp_metadata` in the API's ui helpers.
//!
//! The graph is in `graph.rs`, drawn ones are made into such in `workflow.rs`, what a sampler's links lead to is found in `walk.rs`,
//! the words of a prompt in `prompts.rs`. What custom nodes compute is not computed here.

mod graph;
mod prompts;
mod walk;
mod workflow;

use graph::Graph;
use serde_json::{Map, Value};

use super::collect::{looks_like_object, object};
use super::{Said, Texts, Writer};

/// EXIF fields that may carry a graph behind its name and a colon.
const FIELDS: [&str; 8] = [
    "Model",
    "Make",
    "ImageDescription",
    "DocumentName",
    "Software",
    "Artist",
    "Copyright",
    "UserComment",
];

pub(super) fn read(texts: &Texts) -> Option<Said> {
    let mut said = Said::new(Writer::ComfyUi);
    for (name, mark, of) in [
        ("prompt", "class_type", Graph::run as fn(_) -> _),
        ("workflow", "nodes", Graph::drawn as fn(_) -> _),
    ] {
        let Some(text) = carried(texts, name) else { continue };
        match inner(text, name) {
            Ok(object) => {
                if let Some(graph) = of(object) {
                    walk::read(&graph, &mut said);
                    return Some(said);
                }
            }
            Err(why) if text.contains(mark) => said.cannot_read(name, &why),
            Err(_) => {}
        }
    }
    said.problem.is_some().then_some(said)
}

/// The text of the graph called `name`.
fn carried<'a>(texts: &'a Texts, name: &str) -> Option<&'a str> {
    let field = |field: &&str| {
        let text = texts.get(field)?;
        let (begin, rest) = text.split_at_checked(name.len())?;
        let rest = rest.strip_prefix(':').filter(|_| begin.eq_ignore_ascii_case(name));
        // Some writers keep both graphs as one object in the comment.
        rest.or_else(|| (*field == "UserComment").then_some(text))
    };
    let text = texts.get(name).or_else(|| FIELDS.iter().find_map(field));
    text.filter(|text| looks_like_object(text))
}

/// The object itself, or the one that stands in it under its name.
fn inner(text: &str, name: &str) -> Result<Map<String, Value>, String> {
    let mut object = object(text)?;
    match object.get_mut(name).map(Value::take) {
        Some(Value::Object(inner)) => Ok(inner),
        Some(Value::String(text)) if looks_like_object(&text) => super::collect::object(&text),
        _ => Ok(object),
    }
}
