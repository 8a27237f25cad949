//! A prompt and settings made into A1111's text: the order of its keys, its `Size`, its quotation marks. The engine writes the
//! text into every picture (`pipeline/encode/parameters.rs`), and `record.rs` makes the one that `show` prints of an exact
//! record. Which settings there are comes from the task; the names of their keys are in the parameter table.

use std::borrow::Cow;
use std::fmt;

use super::{Infotext, VERSION};

/// A1111's own order; keys that it does not know follow as they were given, the version last.
const ORDER: [&str; 11] = [
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Seed",
    "Size",
    "Model hash",
    "Model",
    "VAE hash",
    "VAE",
    "Denoising strength",
];

impl Infotext {
    /// The text of a picture made from `prompt` with these settings, in any order.
    ///
    /// `Negative prompt` becomes the negative prompt; `Width` and `Height` become A1111's `Size`; empty values are left out;
    /// `Version` is added.
    pub fn new<K: Into<String>, V: Into<String>>(prompt: &str, settings: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut settings: Vec<(String, String)> = settings.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        let negative = take(&mut settings, "Negative prompt").unwrap_or_default();
        if let (Some(width), Some(height)) = (take(&mut settings, "Width"), take(&mut settings, "Height")) {
            settings.push(("Size".to_owned(), format!("{width}x{height}")));
        }
        settings.retain(|(key, value)| !value.is_empty() && key != "Version");
        settings.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
        settings.push(("Version".to_owned(), VERSION.to_owned()));
        Self {
            prompt: prompt.to_owned(),
            negative,
            settings,
        }
    }
}

/// Removes the first setting called `key`.
fn take(settings: &mut Vec<(String, String)>, key: &str) -> Option<String> {
    let at = settings.iter().position(|(known, _)| known == key)?;
    Some(settings.remove(at).1)
}

impl fmt::Display for Infotext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = "";
        if !self.prompt.is_empty() {
            f.write_str(&self.prompt)?;
            end = "\n";
        }
        if !self.negative.is_empty() {
            write!(f, "{end}Negative prompt: {}", self.negative)?;
            end = "\n";
        }
        for (key, value) in &self.settings {
            write!(f, "{end}{}: {}", plain_key(key), quote(value))?;
            end = ", ";
        }
        Ok(())
    }
}

/// Readers take letters, digits, space, `-`, `_` and `/` for a key; anything else becomes a space.
fn plain_key(key: &str) -> Cow<'_, str> {
    if key.chars().all(super::parse::is_key_char) {
        return Cow::Borrowed(key);
    }
    Cow::Owned(
        key.chars()
            .map(|c| if super::parse::is_key_char(c) { c } else { ' ' })
            .collect(),
    )
}

/// The value as JSON text where a bare one would be read back as another. A1111 quotes for `,`, `:` and newlines alone; a
/// value that begins with a quotation mark or has outer white space would lose it on the way back.
fn quote(value: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, ',' | ':') || c.is_control();
    if value.contains(special) || value.starts_with('"') || value.trim() != value {
        return Cow::Owned(serde_json::Value::from(value).to_string());
    }
    Cow::Borrowed(value)
}
