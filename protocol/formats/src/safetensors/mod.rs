//! safetensors files: what tensors one holds and where, without touching their bytes.
//!
//! The header is read by our own code on top of serde_json. The `safetensors` crate reads the same format and the tests
//! compare with it, but three things keep it out of the product: it keeps the last of two tensors with one name and says
//! nothing, its header type buffers the whole JSON twice (`serde(flatten)`), and its errors name neither the number that is
//! wrong nor the remedy.

mod dtype;
mod header;
mod index;
mod problem;
mod raw;

pub use dtype::Dtype;
pub use header::{Entry, Header};
pub use index::{IndexProblem, MAX_INDEX, MAX_SHARDS, ShardIndex};
pub use problem::HeaderProblem;

/// The longest header that the format allows, in bytes.
pub const MAX_HEADER: u64 = 100_000_000;
/// The most tensors that one file may name.
pub const MAX_TENSORS: usize = 1_000_000;
/// The longest tensor name, in bytes.
pub const MAX_NAME: usize = 4096;
/// The most dimensions a tensor may have (torch's own limit).
pub const MAX_RANK: usize = 64;

#[cfg(test)]
mod tests;
