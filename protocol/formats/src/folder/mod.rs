//! A model as diffusers publishes it: a folder with a model_index.json and a folder for each component.

mod choose;
mod component;
mod files;
mod read;
mod tokenizer;
mod watched;

pub use component::Component;
pub use files::{Directory, Embedded, Files};
pub use read::{Folder, Scheduler};
pub(crate) use read::{Weighed, weigh};
pub use tokenizer::TokenizerFiles;
pub use watched::Watched;

#[cfg(test)]
mod tests;
