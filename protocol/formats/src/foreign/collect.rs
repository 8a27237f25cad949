//! How a reader of this folder fills a [`Said`]: a value goes to its parameter, or, where that refuses it or is set already, to the
//! others. Every writer's file comes through these few functions, so that none of them drops a value. Which key belongs to which
//! parameter is the writers' files' knowledge.

use darkroom_protocol::GenerateRequest;
use darkroom_protocol::params::{self, Kind};
use darkroom_protocol::sampler::{Named, Sampler};
use serde_json::{Map, Value};

use super::{Said, Writer};
use crate::json;

/// The longest text that is read as JSON, in bytes.
const MAX_JSON: usize = 4 << 20;
/// Endings of model files. Other dots belong to names: "v1.5".
const ENDINGS: [&str; 8] = ["safetensors", "ckpt", "gguf", "sft", "pt", "pth", "bin", "onnx"];

impl Said {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            writer,
            request: GenerateRequest::default(),
            others: Vec::new(),
            problem: None,
        }
    }

    /// What is left to say where the text called `name` cannot be read.
    pub(super) fn unread(writer: Writer, name: &str, why: &str) -> Self {
        let mut said = Self::new(writer);
        said.cannot_read(name, why);
        said
    }

    pub(super) fn cannot_read(&mut self, name: &str, why: &str) {
        self.problem
            .get_or_insert_with(|| format!("its text {name} cannot be read: {why}"));
    }

    /// A value for the parameter `row`, which the writer calls `key`. Null is no value; of two the first counts.
    pub(super) fn put(&mut self, row: &str, key: &str, value: &Value) {
        if !value.is_null() && !self.set(row, value) {
            self.other(key, value);
        }
    }

    /// Whether the parameter took it.
    fn set(&mut self, row: &str, value: &Value) -> bool {
        // A schedule may be said twice, by a sampler's name and beside it; the request settles whether they agree.
        if row != "schedule" && self.request.get(row).is_some() {
            return false;
        }
        match value {
            Value::String(text) => {
                let set = self.request.set_text(row, text).is_ok();
                set || whole(row, text).is_some_and(|number| self.request.set_json(row, &number).is_ok())
            }
            other => self.request.set_json(row, other).is_ok(),
        }
    }

    /// A value that no parameter is for.
    pub(super) fn other(&mut self, key: &str, value: &Value) {
        if !value.is_null() {
            self.others.push((key.to_owned(), plain(value)));
        }
    }

    /// As [`Said::put`], of a model's file: its name without folders and ending.
    pub(super) fn model(&mut self, key: &str, value: &Value) {
        match value {
            Value::String(path) => self.put("model", key, &stem(path).into()),
            other => self.other(key, other),
        }
    }

    /// Width and height from any text with two whole numbers, or a list of two. Both or none are taken.
    pub(super) fn size(&mut self, key: &str, value: &Value) {
        let text = plain(value);
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        let (width, height) = (numbers.next(), numbers.next());
        let before = (self.request.width, self.request.height);
        let mut set = |row, number: Option<&str>| number.is_some_and(|number| self.set(row, &number.into()));
        if !(set("width", width) && set("height", height) && numbers.next().is_none()) {
            (self.request.width, self.request.height) = before;
            self.other(key, value);
        }
    }

    /// The size of a second pass, in which 0 is a side that nobody named.
    pub(super) fn second_size(&mut self, key: &str, value: &Value) {
        let text = plain(value);
        let sides = text.split_once('x');
        let side = |text: &str| text.trim().parse::<u32>().ok();
        match sides.and_then(|(width, height)| Some((side(width)?, side(height)?))) {
            Some((width, height)) if width > 0 || height > 0 => {
                for (row, side) in [("hires_width", width), ("hires_height", height)] {
                    if side > 0 {
                        self.put(row, key, &side.into());
                    }
                }
            }
            _ => self.other(key, value),
        }
    }

    /// A sampler by ComfyUI's names, which Fooocus has too: `_gpu` says where its noise is made, not how it steps.
    pub(super) fn sampler(&mut self, key: &str, value: &Value) {
        let name = value.as_str().and_then(|name| name.strip_suffix("_gpu"));
        match name.filter(|name| self.request.sampler.is_none() && Sampler::from_name(name).is_some()) {
            Some(name) => self.put("sampler", key, &name.into()),
            None => self.put("sampler", key, value),
        }
    }

    /// A fine-tuning of the model.
    pub(super) fn lora(&mut self, name: &str, strength: &Value) {
        let text = format!("{} {}", stem(name), plain(strength));
        self.others.push(("lora".to_owned(), text.trim_end().to_owned()));
    }

    /// Every value of `object`: those that `rows` name go to their parameter, the rest to the others.
    pub(super) fn all(&mut self, object: &Map<String, Value>, rows: &[(&str, &str)]) {
        for (key, value) in object {
            match rows.iter().find(|(known, _)| known == key) {
                Some((_, row)) => self.put(row, key, value),
                None => self.other(key, value),
            }
        }
    }
}

/// The number that `text` writes as a fraction, for a parameter that is a whole one: "20.0".
fn whole(row: &str, text: &str) -> Option<Value> {
    let is_whole = matches!(params::find(row)?.kind, Kind::Integer { .. });
    let number: f64 = text.trim().parse().ok().filter(|_| is_whole)?;
    Some(number.into())
}

/// A value as text: words as they are, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The name of a model's file, without folders and ending.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)) => {
            stem
        }
        _ => name,
    }
}

/// The object that a picture's text spells; the error is a phrase.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.len() > MAX_JSON {
        return Err(format!("it is longer than {MAX_JSON} bytes"));
    }
    json::object_within(text.as_bytes(), json::PICTURE)
}

/// Whether `text` can be an object at all.
pub(super) fn looks_like_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}
