//! Tensors by name, from a model's files to the device: mapped, never read ahead of need, copied only where they must be.

mod dtype;
#[cfg(feature = "embedded-model")]
mod embedded;
mod files;
mod ledger;
mod origin;
mod patches;
mod pieces;
mod random;
mod same;
mod source;
mod store;

pub(crate) use dtype::kind as stored_kind;
pub(crate) use files::map;
pub use ledger::Ledger;
pub use patches::{Delta, Deltas, Patches};
pub use pieces::{Piece, Rows};
pub use source::{Source, Spell, embedded_models, embedded_upscaler};
pub use store::{Provenance, Stored, Weights};
