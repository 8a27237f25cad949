//! A model in one file: the weights of every component under the names of the code that trained it, and no configuration.
//!
//! [`SingleFile`] shows such a file as the diffusers folder that it would be: the configurations are the family's published
//! ones with what the file and its `.yaml` say otherwise, and each component's weights are the tensors under its prefix.
//! Whoever reads folders reads these too. Of which family a file is, and what is published of it, [`crate::family`] says.

mod edm;
mod facts;
mod file;
mod flux;
mod measure;
mod yaml;

pub use file::SingleFile;

#[cfg(test)]
pub(crate) mod tests;
