//! How a prompt is written and what its weights do: the words by which a person chooses. What each means is in the engine's `prompt/`.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// Which program's syntax a prompt is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptSyntax {
    /// AUTOMATIC1111's: `(x:1.3)`, `[x]`, `BREAK`, `[a:b:0.5]`, `[a|b]`, `AND`.
    #[default]
    A1111,
    /// ComfyUI's: `(x:1.3)`, where a number replaces the weights around it.
    Comfy,
    /// compel's: `word++`, `(some words)1.3`, `"some words"--`.
    Compel,
    /// None: every character is text.
    Plain,
}

impl PromptSyntax {
    /// What weights do in the program that the syntax is of.
    pub fn emphasis(self) -> Emphasis {
        match self {
            Self::A1111 => Emphasis::Original,
            Self::Comfy => Emphasis::Comfy,
            Self::Compel => Emphasis::Compel,
            Self::Plain => Emphasis::None,
        }
    }
}

impl Named for PromptSyntax {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::A1111, "a1111", &["automatic1111", "webui", "forge", "native"]),
        (Self::Comfy, "comfy", &["comfyui"]),
        (Self::Compel, "compel", &["diffusers"]),
        (Self::Plain, "plain", &["fixed", "none", "off", "raw"]),
    ];
}

/// What the weights of a prompt do to its conditioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emphasis {
    /// They scale each token's state, and then the whole chunk back to the mean that it had (AUTOMATIC1111's).
    Original,
    /// They scale each token's state.
    NoNorm,
    /// They move each token's state away from that of an empty prompt (ComfyUI's).
    Comfy,
    /// The same, and what weighs less than 1 is blended with the prompt without it (compel's and SD.Next's).
    Compel,
    /// Nothing; they are read and left out.
    Ignore,
    /// They are not even read: brackets are text.
    None,
}

impl Named for Emphasis {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Original, "Original", &["a1111", "mean"]),
        (Self::NoNorm, "No norm", &[]),
        (Self::Comfy, "Comfy", &["comfyui"]),
        (Self::Compel, "Compel", &["sdnext", "sd.next"]),
        (Self::Ignore, "Ignore", &[]),
        (Self::None, "None", &["off"]),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("no_norm", Some(Emphasis::NoNorm))]
    #[case("No norm", Some(Emphasis::NoNorm))]
    #[case("A1111", Some(Emphasis::Original))]
    #[case("SD.Next", Some(Emphasis::Compel))]
    #[case("loud", None)]
    fn emphasis_by_name(#[case] name: &str, #[case] expected: Option<Emphasis>) {
        assert_eq!(Emphasis::from_name(name), expected);
    }

    #[rstest]
    #[case("native", Some(PromptSyntax::A1111))]
    #[case("fixed", Some(PromptSyntax::Plain))]
    #[case("Compel", Some(PromptSyntax::Compel))]
    #[case("xhinker", None)]
    fn syntax_by_name(#[case] name: &str, #[case] expected: Option<PromptSyntax>) {
        assert_eq!(PromptSyntax::from_name(name), expected);
    }
}
