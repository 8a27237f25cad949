//! Components of a model that come from files of their own: a VAE, text encoders, a denoiser. Here is how a request names one, and
//! how a task keeps it. The daemon finds the files (`daemon/src/catalog/parts.rs`); which component of a family a file is, and how it
//! is put into a model, is decided in `formats/src/parts`.

use serde::{Deserialize, Serialize};

use crate::hash::is_sha256;

/// The most files of text encoders that a request names; no family has more encoders.
pub const MAX_TEXT_ENCODERS: usize = 4;
/// The longest name or path, in bytes.
const MAX_NAME: usize = 4096;
/// The word for the VAE that the model brings, whatever lies beside it.
pub const OWN_VAE: &str = "none";

/// What a component is for, which is also the parameter that gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartRole {
    /// Predicts the noise: a UNet, a transformer.
    Denoiser,
    /// Reads prompts.
    TextEncoder,
    /// Between pictures and latents.
    Vae,
}

impl PartRole {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Denoiser => "denoiser",
            Self::TextEncoder => "text encoder",
            Self::Vae => "VAE",
        }
    }

    /// The flag that gives it, with its dashes.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Denoiser => "--denoiser",
            Self::TextEncoder => "--text-encoder",
            Self::Vae => "--vae",
        }
    }
}

/// A file, or a folder in diffusers' layout, that stands in for a component of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFile {
    /// What it is for.
    pub role: PartRole,
    /// What people call it: the file's name with its ending, or the folder's.
    pub name: String,
    /// Absolute.
    pub path: String,
    /// Bytes of its weights.
    pub bytes: u64,
    /// When the newest of its files was last changed, in milliseconds since 1970.
    pub changed_ms: u64,
    /// The SHA-256 of its weights, lower-case hexadecimal, where they are one file that is small enough to be read for it.
    pub sha256: Option<String>,
}

impl PartFile {
    /// The word that asks for exactly this file.
    pub fn pinned(&self) -> String {
        match &self.sha256 {
            Some(hash) => format!("{}@{hash}", self.path),
            None => self.path.clone(),
        }
    }
}

/// Name or path, and the SHA-256 behind an `@` that the file must have, of a word of a request.
pub fn named(word: &str) -> (&str, Option<&str>) {
    match word.rsplit_once('@') {
        Some((name, hash)) if is_sha256(hash) => (name, Some(hash)),
        _ => (word, None),
    }
}

/// A word of a list as it is kept; `None` for one that names nothing.
pub fn canonical(word: &str) -> Option<String> {
    let word = word.trim();
    let plain = !named(word).0.is_empty() && word.len() <= MAX_NAME && !word.chars().any(char::is_control);
    plain.then(|| word.to_owned())
}

/// Whether the VAE that is asked for is left to what lies beside the model, as A1111's `Automatic` does: also where none is.
pub fn is_automatic(word: Option<&str>) -> bool {
    word.is_none_or(|word| matches!(crate::text::fold(word.trim()).as_str(), "" | "automatic" | "auto"))
}

/// Whether it is the model's own, A1111's `None`.
pub fn is_own(word: &str) -> bool {
    matches!(crate::text::fold(word.trim()).as_str(), "none" | "bakedin")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_word_may_say_the_hash() {
        let hash = "0f".repeat(32);
        let mut part = PartFile {
            role: PartRole::Vae,
            name: "x@2.pt".into(),
            path: "/vae/x@2.pt".into(),
            bytes: 1,
            changed_ms: 2,
            sha256: Some(hash.clone()),
        };
        let pinned = part.pinned();
        assert_eq!(named(&pinned), ("/vae/x@2.pt", Some(hash.as_str())));
        part.sha256 = None;
        assert_eq!(named(&part.pinned()), ("/vae/x@2.pt", None));
    }

    #[rstest]
    #[case(None, true, false)]
    #[case(Some("Automatic"), true, false)]
    #[case(Some("auto"), true, false)]
    #[case(Some("None"), false, true)]
    #[case(Some("baked-in"), false, true)]
    #[case(Some("none.pt"), false, false)]
    fn the_words_of_a1111_are_known(#[case] word: Option<&str>, #[case] automatic: bool, #[case] own: bool) {
        assert_eq!((is_automatic(word), word.is_some_and(is_own)), (automatic, own));
    }

    #[rstest]
    #[case(" clip_l ", Some("clip_l"))]
    #[case("", None)]
    #[case("a\u{1b}", None)]
    fn words_are_kept(#[case] word: &str, #[case] kept: Option<&str>) {
        assert_eq!(canonical(word).as_deref(), kept);
    }
}
