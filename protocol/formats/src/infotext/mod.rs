//! The text that AUTOMATIC1111's web UI writes into a picture under the key `parameters`, and that most programs read.
//!
//! ```text
//! a red apple
//! Negative prompt: blurry
//! Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model: sd15, Version: darkroom 0.1.0
//! ```
//!
//! Source of the format: `create_infotext` in modules/processing.py and `parse_generation_parameters`, `quote`, `unquote` in
//! modules/infotext_utils.py of stable-diffusion-webui. The format has no escape for prompts: a prompt with a line that starts
//! with `Negative prompt:` reads back split there. Darkroom's own pictures carry the whole task as JSON beside it, which counts
//! where it is there: see [`crate::record`].

mod parse;
mod write;

/// What this program calls itself in pictures.
pub const VERSION: &str = concat!("darkroom ", env!("CARGO_PKG_VERSION"));

/// A picture's prompt and settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Infotext {
    /// What it was to show.
    pub prompt: String,
    /// What it was to avoid; empty when nothing.
    pub negative: String,
    /// Key and value in the text's order, for instance `Steps` and `20`.
    pub settings: Vec<(String, String)>,
}

impl Infotext {
    /// The value of the setting `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests;
