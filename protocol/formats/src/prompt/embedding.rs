//! Embeddings (textual inversion, Gal et al. 2022) as a prompt sees them: a name, and how many tokens' places its vectors take. A
//! prompt names one by its name alone, as in AUTOMATIC1111, or by `embedding:name`, as in ComfyUI. [`shapes`] says what a file holds
//! from its header alone; the engine makes tensors of it (`engine/src/prompt/concept.rs`), the daemon counts.

use darkroom_protocol::text::escape_line;

use super::brackets::{is_space, is_word};
use super::{Error, Result};
use crate::pickle;
use crate::safetensors::{Entry, Header};

/// How a prompt names one without doubt.
const PREFIX: &str = "embedding:";
/// Where an embedding of AUTOMATIC1111's holds its vectors, as a pickle.
const PARAMS: &str = "string_to_param.";

/// An embedding that a prompt may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// What a prompt calls it.
    pub name: String,
    /// The file, for messages.
    pub path: String,
    /// How many places it takes.
    pub vectors: usize,
}

impl Embedding {
    /// An error about it.
    pub fn refused(&self, what: &str) -> Error {
        refused(&self.name, &self.path, what)
    }
}

/// An error about the embedding `name` in the file at `path`.
pub fn refused(name: &str, path: &str, what: &str) -> Error {
    Error::Refused(format!(
        "The embedding {} ({}) {what}.",
        escape_line(name),
        escape_line(path)
    ))
}

/// A tensor of an embedding's file.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its name there.
    pub name: String,
    /// Where it lies, and as what.
    pub entry: Entry,
    /// Vectors, at least 1.
    pub rows: u64,
    /// The width of each, at least 1.
    pub width: u64,
}

/// The tensors of a file, one an encoder and all of as many vectors: first that called `clip_l`, then the others by name.
///
/// # Errors
/// What is wrong with it, without the file's name and a full stop.
pub fn shapes(bytes: &[u8]) -> std::result::Result<Vec<Shape>, String> {
    let file = header(bytes)?;
    let params = file.tensors.keys().any(|name| name.starts_with(PARAMS));
    let named = file.tensors.iter();
    let mut named: Vec<_> = named.filter(|(name, _)| !params || name.starts_with(PARAMS)).collect();
    named.sort_by_key(|(name, _)| (*name != "clip_l", (*name).clone()));
    if named.is_empty() || named.len() > 4 {
        return Err(format!(
            "holds {} tensors, and an embedding has one an encoder",
            named.len()
        ));
    }
    let mut shapes: Vec<Shape> = Vec::new();
    for (name, entry) in named {
        let (rows, width) = match entry.shape[..] {
            [width] => (1, width),
            [rows, width] => (rows, width),
            _ => {
                return Err(format!(
                    "holds {} of {} dimensions, and vectors have 2",
                    escape_line(name),
                    entry.shape.len()
                ));
            }
        };
        if rows == 0 || width == 0 {
            return Err(format!("holds nothing as {}", escape_line(name)));
        }
        shapes.push(Shape {
            name: name.clone(),
            entry: entry.clone(),
            rows,
            width,
        });
    }
    if shapes.iter().any(|shape| shape.rows != shapes[0].rows) {
        return Err("has another number of vectors for each encoder".to_owned());
    }
    Ok(shapes)
}

/// What a file holds, by its format.
fn header(bytes: &[u8]) -> std::result::Result<Header, String> {
    if pickle::is_pickle(bytes) {
        return pickle::index(&bytes).map_err(|e| format!("is a pickle that cannot be used ({e})"));
    }
    Header::parse(bytes, bytes.len() as u64).map_err(|e| format!("is neither a safetensors file nor a pickle ({e})"))
}

/// The first `embedding:name` of `text`: what is before it, the name, and what is behind it.
pub fn named(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.match_indices(PREFIX).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + PREFIX.len()..].chars().next();
        !before.is_some_and(is_word) && after.is_some_and(|c| !is_space(c) && c != ',')
    })?;
    let rest = &text[at + PREFIX.len()..];
    let end = rest.find(|c| is_space(c) || c == ',').unwrap_or(rest.len());
    Some((&text[..at], &rest[..end], &rest[end..]))
}

/// Which of `embeddings` is called `name`, with or without the extension of its file; case does not matter.
///
/// # Errors
/// [`Error::Refused`] naming it.
pub fn find(embeddings: &[Embedding], name: &str) -> Result<usize> {
    let bare = [".safetensors", ".pt", ".bin"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let called = |name: &str| {
        embeddings
            .iter()
            .position(|embedding| embedding.name.eq_ignore_ascii_case(name))
    };
    called(name).or_else(|| called(bare?)).ok_or_else(|| {
        let name: String = name.chars().take(80).collect();
        Error::Refused(format!(
            "There is no embedding {}: put {0}.safetensors into a folder `embeddings` of the models folders.",
            escape_line(&name)
        ))
    })
}
