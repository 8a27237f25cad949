//! safetensors files: what tensors one holds and where, without touching their bytes.
//!
//! The header is read by our own code on top of serde_json. The `safetensors` crate reads the same format and the tests
//! compare with it, but three things keep it out of the product: it keeps the last of two tensors with one name and says
//! nothing, its header type buffers the whole JSON twice (`serde(flatten)`), and its errors name neither the number that is
//! wrong nor the remedy. Headers stream into checked tables under caps, so that a stranger's costs no more than a model's.

mod dtype;
mod header;
mod index;
mod problem;
mod raw;

pub use dtype::Dtype;
pub use header::{Entry, Header};
pub use index::{IndexProblem, MAX_INDEX, MAX_SHARDS, ShardIndex};
pub use problem::HeaderProblem;

/// The longest header that is read, in bytes. The format allows 100 MB; a large model's has 1 MB, and what trainers write into
/// the metadata a few more.
pub const MAX_HEADER: u64 = 8 << 20;
/// The most tensors that one file may name. Published image models have a few thousand.
pub const MAX_TENSORS: usize = 65_536;
/// The most entries of a header's metadata. Trainers write about a hundred.
pub const MAX_METADATA: usize = 4096;
/// The longest tensor name, in bytes.
pub const MAX_NAME: usize = 4096;
/// The most dimensions a tensor may have. Weights have up to 5.
pub const MAX_RANK: usize = 8;

#[cfg(test)]
mod tests;
