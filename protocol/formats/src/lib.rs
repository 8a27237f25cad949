//! What model and picture files say: headers, detection, family cards, infotext.
//!
//! Files come from strangers. Every number in one is checked against the file's own length or a stated cap before anything
//! is allocated from it, and no input makes a function here panic.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod adapter;
pub mod card;
mod error;
pub mod exif;
pub mod family;
pub mod folder;
pub mod foreign;
pub mod infotext;
#[cfg(feature = "pictures")]
pub mod input;
mod json;
pub mod parts;
pub mod pickle;
pub mod png;
#[cfg(feature = "prompts")]
pub mod prompt;
pub mod record;
pub mod safetensors;
pub mod schema;
mod shown;
pub mod single;
#[cfg(feature = "pictures")]
pub mod thumbnail;
pub mod tokenizer;

pub use card::Card;
pub use error::Error;
pub use folder::Folder;
pub use infotext::Infotext;
pub use parts::Parts;
pub use record::Record;
pub use single::SingleFile;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
