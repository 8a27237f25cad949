//! What a row of [`super::families`] is made of, and the short forms in which [`super::table`] is written. No row is here, and
//! nothing that reads one.

use serde_json::Value;

use super::Family;

/// A family as data: how it is recognised, and what is known of its models where it is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    /// What people call it.
    pub label: &'static str,
    /// The pipelines that a model_index.json of it names, or a modular_model_index.json.
    pub pipelines: &'static [&'static str],
    /// What its components' configuration says, where rows share a pipeline.
    pub facts: &'static [Fact],
    /// How its denoiser looks in a file; any of them will do.
    pub signatures: &'static [Signature],
    /// What making pictures with it takes; `None` for a family that is only recognised.
    pub built: Option<&'static Built>,
}

impl Row {
    /// Fields that few rows have.
    pub(crate) const NOT_BUILT: Self = Self {
        label: "",
        pipelines: &[],
        facts: &[],
        signatures: &[],
        built: None,
    };
}

/// What is known of every model of a family that is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Built {
    /// Which.
    pub family: Family,
    /// The components that it must have, with their class.
    pub components: &'static [(&'static str, &'static str)],
    /// Components that make a folder another family's.
    pub without: &'static [&'static str],
    /// The classes of its tokenizers, where the folder names them.
    pub tokenizers: &'static [(&'static str, &'static [&'static str])],
    /// The component that predicts the noise.
    pub denoiser: &'static str,
    /// What its pipeline sets in scheduler_config.json, whatever the file says.
    pub scheduler: &'static [(&'static str, Setting)],
    /// Default width and height in pixels where the configuration names none.
    pub side: u32,
    /// Default steps.
    pub steps: u32,
    /// Default guidance.
    pub cfg_scale: f64,
    /// Its models in one file.
    pub checkpoint: Checkpoint,
}

/// What a family's published folder says and its checkpoints in one file do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Configuration files by name. They also say what a folder without a scheduler_config.json is given.
    pub configs: &'static [(&'static str, &'static str)],
    /// The components.
    pub parts: &'static [Part],
    /// How `modelspec.architecture` begins in its files' metadata.
    pub architecture: &'static str,
    /// The class of its text encoder in a `.yaml` beside a file.
    pub text_encoder: &'static str,
    /// Which of its layers such a `.yaml` asks for.
    pub layer: &'static str,
    /// Settings of the denoiser in such a `.yaml` that make the family, with its values; others there are another net.
    pub denoiser: &'static [(&'static str, &'static str)],
}

impl Checkpoint {
    /// The published configuration `name`.
    pub(crate) fn config(&self, name: &str) -> Option<&'static str> {
        let (_, text) = self.configs.iter().find(|(known, _)| *known == name)?;
        Some(text)
    }
}

/// A component inside a single file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in a diffusers folder.
    pub component: &'static str,
    /// Its weights, as a folder would call them.
    pub weights: &'static str,
    /// What stands before its tensors' names; `None` for the denoiser, where detection finds it.
    pub prefix: Option<&'static str>,
}

/// A value in a JSON configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Flag(bool),
    Number(u64),
}

impl Setting {
    pub(crate) fn value(self) -> Value {
        match self {
            Self::Flag(flag) => flag.into(),
            Self::Number(number) => number.into(),
        }
    }
}

/// Something in a component's config.json that tells a family from others with its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub component: &'static str,
    pub field: &'static str,
    pub is: Is,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    /// This number.
    Number(u64),
    /// This number, or missing: it is the class's default.
    NumberOrMissing(u64),
    /// On, as Python tests for truth.
    On,
    /// Off, as Python tests for truth, or missing.
    Off,
}

/// Whose names the tensors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// diffusers: `down_blocks.0.resnets.0.conv1.weight`.
    Diffusers,
    /// The code that trained the family, which ComfyUI mostly keeps: `input_blocks.1.0.in_layers.2.weight`.
    Original,
}

/// How a family's denoiser looks in a file. Before every key stands the same one of `PREFIXES` in [`super::detect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub layout: Layout,
    /// Tensors that are there.
    pub present: &'static [Mark],
    /// Tensors that are not.
    pub absent: &'static [&'static str],
}

/// A tensor, and how long its axes are where that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its name, without the prefix.
    pub key: &'static str,
    /// Axes, outermost 0, with their sizes.
    pub sizes: &'static [(usize, u64)],
}

/// The tensor `key` of any shape.
pub(super) const fn has(key: &'static str) -> Mark {
    Mark { key, sizes: &[] }
}

/// The tensor `key` with axes of these sizes.
pub(super) const fn sized(key: &'static str, sizes: &'static [(usize, u64)]) -> Mark {
    Mark { key, sizes }
}

pub(super) const fn original(present: &'static [Mark]) -> Signature {
    Signature {
        layout: Layout::Original,
        present,
        absent: &[],
    }
}

pub(super) const fn diffusers(present: &'static [Mark]) -> Signature {
    Signature {
        layout: Layout::Diffusers,
        present,
        absent: &[],
    }
}

impl Signature {
    /// The same, where none of `absent` is there.
    pub(super) const fn without(mut self, absent: &'static [&'static str]) -> Self {
        self.absent = absent;
        self
    }
}

pub(super) const fn fact(component: &'static str, field: &'static str, is: Is) -> Fact {
    Fact { component, field, is }
}
