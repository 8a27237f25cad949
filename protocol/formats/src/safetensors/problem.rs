//! What may be wrong with a safetensors header, each case a sentence with the remedy. `header.rs` and `raw.rs` find the problems;
//! who knows the file's name makes the crate's `Error` of one. What may be wrong with a shard index is in `index.rs`.

use crate::Error;
use crate::shown::Shown;

use super::{Dtype, MAX_HEADER, MAX_METADATA, MAX_NAME, MAX_RANK, MAX_TENSORS};

/// What is wrong with a safetensors file. The message starts after the file's name; [`HeaderProblem::in_file`] puts it there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// There is no room for the length of a header.
    #[error("the file has {len} bytes; the shortest file of tensors has 10. Download it again.")]
    TooShort {
        /// Bytes of the file.
        len: u64,
    },
    /// What git leaves in place of a large file.
    #[error("this is a git-lfs pointer, not the weights. Run `git lfs pull` in the model's folder.")]
    LfsPointer,
    /// The length is one that no safetensors file has.
    #[error(
        "the header claims {claimed} bytes; {MAX_HEADER} are the most, and no known model comes near. This is not a safetensors file, or a damaged one: download it again."
    )]
    OverLimit {
        /// Bytes that the header claims.
        claimed: u64,
    },
    /// The header is longer than the file.
    #[error(
        "the header claims {claimed} bytes, the file has {len}. It is cut off or not a safetensors file: download it again."
    )]
    OverFile {
        /// Bytes that the header claims.
        claimed: u64,
        /// Bytes of the file.
        len: u64,
    },
    /// The caller handed over fewer bytes than the header has.
    #[error("the header needs the first {needed} bytes of the file, {given} were read. Read on.")]
    ShortPrefix {
        /// Bytes from the start of the file.
        needed: u64,
        /// Bytes handed over.
        given: usize,
    },
    /// The header is not the JSON that the format prescribes.
    #[error("the header is not that of a safetensors file: {}. Download it again.", Shown(.0))]
    Json(String),
    /// More tensors than any model has.
    #[error("the header names more than {MAX_TENSORS} tensors. No known model does: the file is damaged or hostile.")]
    TooManyTensors,
    /// More metadata than any model has.
    #[error(
        "the header has more than {MAX_METADATA} entries of metadata. No known model does: the file is damaged or hostile."
    )]
    TooMuchMetadata,
    /// A name longer than any model's.
    #[error("a tensor's name has {len} bytes, over the limit of {MAX_NAME}. The file is damaged or hostile.")]
    LongName {
        /// Bytes of the name.
        len: usize,
    },
    /// Two tensors, or two metadata entries, of one name.
    #[error("'{name}' is in the header twice. The file is damaged or hostile: download it again.", name = Shown(name))]
    Duplicate {
        /// The name.
        name: String,
    },
    /// An element type that the format does not know.
    #[error("tensor '{name}' has the element type '{dtype}', which safetensors does not know. A newer version of Darkroom may.",
        name = Shown(name), dtype = Shown(dtype))]
    UnknownDtype {
        /// The tensor.
        name: String,
        /// Its type as written.
        dtype: String,
    },
    /// More dimensions than weights have.
    #[error("tensor '{name}' has {rank} dimensions; {MAX_RANK} are the most. The file is damaged or hostile.", name = Shown(name))]
    Rank {
        /// The tensor.
        name: String,
        /// Its number of dimensions.
        rank: usize,
    },
    /// The number of bytes does not fit 64 bits, or is no whole number.
    #[error("tensor '{name}' has a shape whose size cannot be: {shape:?} of {dtype}. The file is damaged or hostile.", name = Shown(name))]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Its element type.
        dtype: Dtype,
    },
    /// The bytes set aside are not those that the shape needs.
    #[error("tensor '{name}' needs {needed} bytes for {shape:?} of {dtype}, the header gives it {given}. The file is damaged: download it again.",
        name = Shown(name))]
    Size {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Its element type.
        dtype: Dtype,
        /// Bytes that shape and type make.
        needed: u64,
        /// Bytes between the offsets.
        given: u64,
    },
    /// Offsets that run backwards.
    #[error("tensor '{name}' runs from byte {begin} to {end}. The file is damaged or hostile.", name = Shown(name))]
    Backwards {
        /// The tensor.
        name: String,
        /// First byte, counted from the end of the header.
        begin: u64,
        /// Byte after the last.
        end: u64,
    },
    /// A tensor that starts before the last one ends.
    #[error("tensor '{name}' starts at byte {begin}, inside the one before, which ends at {previous}. The file is damaged or hostile.",
        name = Shown(name))]
    Overlap {
        /// The tensor.
        name: String,
        /// First byte, counted from the end of the header.
        begin: u64,
        /// Where the tensor before ends.
        previous: u64,
    },
    /// Bytes that belong to no tensor.
    #[error("tensor '{name}' starts at byte {begin}, the one before ends at {previous}: safetensors allows no hole. The file is damaged or hostile.",
        name = Shown(name))]
    Hole {
        /// The tensor.
        name: String,
        /// First byte, counted from the end of the header.
        begin: u64,
        /// Where the tensor before ends.
        previous: u64,
    },
    /// The file ends before its tensors do.
    #[error("the file has {len} bytes, its tensors end at {needed} ('{name}'). The download is incomplete: download it again.", name = Shown(name))]
    Truncated {
        /// The tensor that is cut off or missing.
        name: String,
        /// Bytes that the tensors need.
        needed: u64,
        /// Bytes of the file.
        len: u64,
    },
    /// The file goes on after its tensors.
    #[error("the file has {len} bytes, its tensors end at {needed}. The file is damaged: download it again.")]
    Trailing {
        /// Bytes that the tensors need.
        needed: u64,
        /// Bytes of the file.
        len: u64,
    },
}

impl HeaderProblem {
    /// The error that names the file.
    pub fn in_file(self, file: impl std::fmt::Display) -> Error {
        Error::Header {
            file: file.to_string(),
            problem: Box::new(self),
        }
    }
}
