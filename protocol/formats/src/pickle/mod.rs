//! PyTorch's own files (`.ckpt`, `.pt`, `.pth`, `.bin`): which tensors one holds and where, as a safetensors header says it.
//!
//! They are pickles, programs for Python's object machine. Ours (`machine.rs`) builds tensors, plain containers and numbers and
//! nothing else: what a pickle calls beside the few names of `globals.rs` is refused by its name, and nothing is ever run. The
//! tensors' bytes stay in the file: `archive.rs` and `legacy.rs` say where each storage lies, `tensors.rs` checks every tensor
//! against that. [`crate::safetensors::Header::read`] and the engine's `weights/files.rs` come here by a file's first bytes.

mod archive;
mod globals;
mod legacy;
mod machine;
mod problem;
mod source;
mod tensors;

use std::path::Path;

use darkroom_protocol::files;

pub use problem::PickleProblem;
pub use source::Source;

use crate::safetensors::{Header, MAX_HEADER};
use crate::{Error, Result};

/// The longest pickle that is read, in bytes. Those of published checkpoints have some hundred thousand.
pub const MAX_PICKLE: u64 = 16 << 20;
/// The most objects that a pickle may make.
const MAX_VALUES: usize = 1 << 20;
/// The most entries of an archive: one a tensor, and a few.
const MAX_ENTRIES: u64 = 70_000;

/// Whether a file that begins with `first`, at least 8 bytes, may be one of PyTorch's: a zip archive or a pickle.
pub fn is_pickle(first: &[u8]) -> bool {
    // The same bytes may be the length of a safetensors header, where that is not too long.
    let length = first.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
    is_archive(first) || (matches!(first, [0x80, 2..=5, ..]) && length > MAX_HEADER)
}

fn is_archive(first: &[u8]) -> bool {
    first.starts_with(b"PK\x03\x04")
}

/// The tensors of the file, by name: those of its `state_dict` where it has one. Memory is bounded by the limits of this module.
///
/// # Errors
/// [`PickleProblem`]: what the file calls, what is damaged, what is not where it says.
pub fn index(file: &dyn Source) -> Result<Header, PickleProblem> {
    let first = file.read(0, file.size().min(4))?;
    match is_archive(&first) {
        true => archive::index(file),
        false => legacy::index(file),
    }
}

/// The same of the file at `path`, which must be a regular file.
///
/// # Errors
/// [`Error::Io`] and [`Error::Pickle`], both with the path.
pub fn read(path: &Path) -> Result<Header> {
    let io = |source| Error::io(path, source);
    let file = files::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    index(&(file, len)).map_err(|problem| problem.in_file(path.display()))
}

#[cfg(test)]
mod tests;
