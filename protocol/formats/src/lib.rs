//! What model and picture files say: headers, detection, family cards, infotext.
//!
//! Files come from strangers. Every number in one is checked against the file's own length or a stated cap before anything
//! is allocated from it, and no input makes a function here panic.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
pub mod folder;
mod json;
pub mod safetensors;
mod shown;

pub use error::Error;
pub use folder::Folder;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
