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
    /// `Negative prompt` becomes the negative prompt; `Width` and `Height` become A1111's `Size`, the second pass's its `Hires resize`,
    /// in which 0 is a side that nobody named; empty values are left out;
    /// `Version` is added.
    pub fn new<K: Into<String>, V: Into<String>>(prompt: &str, settings: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut settings: Vec<(String, String)> = settings.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        let negative = take(&mut settings, "Negative prompt").unwrap_or_default();
        if let (Some(width), Some(height)) = (take(&mut settings, "Width"), take(&mut settings, "Height")) {
            settings.push(("Size".to_owned(), format!("{width}x{height}")));
        }
        let resized = ["Hires resize width", "Hires resize height"].map(|key| take(&mut settings, key));
        if resized.iter().any(Option::is_some) {
            let [width, height] = resized.map(|side| side.unwrap_or_else(|| "0".to_owned()));
            settings.push(("Hires resize".to_owned(), format!("{width}x{height}")));
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

#[cfg(test)]
mod tests {
    use darkroom_protocol::{Hires, ImageTask};

    use super::Infotext;

    /// The keys are A1111's (`modules/processing.py`).
    #[test]
    fn a_second_pass_is_written_under_a1111s_keys() {
        let mut task = ImageTask::of("sd15", "a fox");
        task.hires = Hires {
            width: Some(1024),
            upscaler: Some("/models/ESRGAN/4x-UltraSharp.pth".into()),
            steps: Some(12),
            denoise: Some(0.55),
            cfg_scale: Some(5.0),
            ..Hires::default()
        };
        let text = Infotext::new("a fox", task.metadata(0)).to_string();
        for said in [
            "Size: 512x512",
            "Denoising strength: 0.55",
            "Hires resize: 1024x0",
            "Hires upscaler: 4x-UltraSharp",
            "Hires steps: 12",
            "Hires CFG Scale: 5",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        assert!(
            !text.contains("Hires denoising strength") && !text.contains("Hires resize width"),
            "{text}"
        );
        // Beside a picture to begin with there are two strengths.
        task.inputs.denoise = Some(0.4);
        task.inputs.init_image = Some("0".repeat(64));
        let text = Infotext::new("a fox", task.metadata(0)).to_string();
        assert!(
            text.contains("Denoising strength: 0.4") && text.contains("Hires denoising strength: 0.55"),
            "{text}"
        );
    }
}
