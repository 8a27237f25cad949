//! What can be wrong with a model's or a picture's file, each case a sentence with what to do. Most functions of this crate
//! return it. Parsers that know no file name have problems of their own (`safetensors/problem.rs`, `safetensors/index.rs`), which
//! get the name here. The daemon's catalogue makes refusals of it (`catalog/folder.rs`), the engine keeps it as `Error::Format`.

use std::path::{Path, PathBuf};

use crate::pickle::PickleProblem;
use crate::safetensors::{HeaderProblem, IndexProblem};
use crate::shown::Shown;

/// Why a file could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system could not read the file.
    #[error("Cannot read {path}: {source}.", path = Shown(&path.to_string_lossy()))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A safetensors header that is damaged, or is not one.
    #[error("{file}: {problem}", file = Shown(file))]
    Header {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        problem: Box<HeaderProblem>,
    },
    /// A file of PyTorch that is damaged, or asks for code to be run.
    #[error("{file}: {problem}", file = Shown(file))]
    Pickle {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        problem: Box<PickleProblem>,
    },
    /// A shard index that is damaged, or is not one.
    #[error("{file}: {problem}", file = Shown(file))]
    Index {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        problem: IndexProblem,
    },
    /// A file that is longer than its kind ever is.
    #[error("{file} has more than {cap} bytes, the most that is read. The file is damaged or hostile.", file = Shown(file))]
    TooLong {
        /// The file's name.
        file: String,
        /// The most bytes.
        cap: u64,
    },
    /// A configuration file that is not the JSON it should be.
    #[error("{file}: {problem}. Download it again.", file = Shown(file), problem = Shown(problem))]
    Json {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A tokenizer that the model's text encoder cannot use.
    #[error("{file}: {what}.", file = Shown(file), what = Shown(what))]
    Tokenizer {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// No folder at the path.
    #[error("There is no folder {path}: {instead}. Give the path of a model's folder.", path = Shown(&path.to_string_lossy()))]
    NoFolder {
        /// The path.
        path: PathBuf,
        /// What is there.
        instead: &'static str,
    },
    /// A folder that is not a diffusers model.
    #[error("There is no model_index.json in {place}: a diffusers model folder has one. Give the folder that holds it.", place = Shown(place))]
    NotAModel {
        /// Where.
        place: String,
    },
    /// model_index.json names a component whose configuration is not there.
    #[error("{place}: {file} is missing, though model_index.json names that component. The download is incomplete: download it again.",
        place = Shown(place))]
    MissingConfig {
        /// The model.
        place: String,
        /// The file, relative to the model.
        file: String,
    },
    /// model_index.json does not name a component that the family needs.
    #[error("{place}: model_index.json names no '{component}'. This model is incomplete, or of a family that Darkroom does not know.",
        place = Shown(place))]
    NoComponent {
        /// The model.
        place: String,
        /// The component.
        component: String,
    },
    /// A component without weights.
    #[error("{place}: there are no weights in {component}/ ({wanted} or its .index.json): {there}. The download is incomplete: download it again.",
        place = Shown(place))]
    NoWeights {
        /// The model.
        place: String,
        /// The component.
        component: String,
        /// How the file would be called.
        wanted: String,
        /// What is there instead, escaped.
        there: String,
    },
    /// A component whose weights are in a format that is not read.
    #[error("{place}: {component}/ has no .safetensors, only {file}. Such files can run code when they are read, so Darkroom does not. Download the model's .safetensors files, or save it again with diffusers (save_pretrained).",
        place = Shown(place))]
    OnlyForeignWeights {
        /// The model.
        place: String,
        /// The component.
        component: String,
        /// The files there, escaped.
        file: String,
    },
    /// A model of a family that is known and that no picture can be made with.
    #[error("{place} is a model of {label} ({class}), a family that is not built yet: Darkroom reads models of {known}.", place = Shown(place), class = Shown(class))]
    NotBuilt {
        /// The model.
        place: String,
        /// The family.
        label: &'static str,
        /// Its pipeline.
        class: String,
        /// Labels of the families that are built.
        known: String,
    },
    /// A model of a family that has no row.
    #[error("{place} is of a family that Darkroom does not know: {against}. It knows {known}.", place = Shown(place), against = Shown(against))]
    UnknownFamily {
        /// The model.
        place: String,
        /// What speaks against the families that are known.
        against: String,
        /// Their labels.
        known: String,
    },
    /// A model in one file that cannot be used.
    #[error("{file} {what}", file = Shown(file))]
    SingleFile {
        /// The file.
        file: String,
        /// What it is instead, and what to do.
        what: String,
    },
    /// A configuration that asks for something that cannot be built, or whose parts do not fit.
    #[error("{place}: config {field}: {what}", place = Shown(place), field = Shown(field))]
    Config {
        /// The part of the model, for instance `unet`, with its model where that is known.
        place: String,
        /// The field of its JSON.
        field: String,
        /// What is wrong and what is accepted.
        what: String,
    },
    /// A configuration whose numbers no model has.
    #[error("{file}: {field} is {found}; models have 1 to {most}. The file is damaged or hostile: download it again.", file = Shown(file), found = Shown(found))]
    Number {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// Its value.
        found: String,
        /// The most that is accepted.
        most: u64,
    },
    /// A side that is no multiple of the VAE factor.
    #[error("{side} {value} is not a multiple of {factor}, the model's VAE factor: try {below} or {above}.")]
    SizeStep {
        /// `Width` or `Height`.
        side: &'static str,
        /// What was asked for, in pixels.
        value: u32,
        /// Pixels a latent cell covers.
        factor: u32,
        /// The next smaller value that works.
        below: u32,
        /// The next larger value that works.
        above: u32,
    },
    /// A side that is too short or too long.
    #[error("{side} {value} is outside what this model makes: give {least} to {most} pixels, in steps of {least}.")]
    SizeRange {
        /// `Width` or `Height`.
        side: &'static str,
        /// What was asked for, in pixels.
        value: u32,
        /// The least that works: one latent cell.
        least: u32,
        /// The most that works.
        most: u32,
    },
    /// A file that is no PNG, or a damaged one.
    #[error("{file}: {problem}. It is not a PNG picture, or a damaged one.", file = Shown(file), problem = Shown(problem))]
    Png {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A shard that the index names is not there.
    #[error("{index} names {shard}, which is not beside it: there are {there}. The download is incomplete: download it again.", index = Shown(index))]
    MissingShard {
        /// The index.
        index: String,
        /// The shard.
        shard: String,
        /// The files that are there, escaped.
        there: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
