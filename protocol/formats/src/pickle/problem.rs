//! What may be wrong with one of PyTorch's files, each case a sentence with the remedy. Who knows the file's name makes the crate's
//! `Error` of one.

use crate::Error;
use crate::shown::Shown;

/// What is wrong with a pickled checkpoint. The message starts after the file's name; [`PickleProblem::in_file`] puts it there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleProblem {
    /// It asks for code to be run.
    #[error("it calls {name}, which no weights need: it may be hostile, and nothing of it was run. Use its .safetensors file.", name = Shown(name))]
    Calls {
        /// What it calls, with its module.
        name: String,
    },
    /// Neither layout of torch.save.
    #[error("this is {what}, not a checkpoint of PyTorch: use its .safetensors file.")]
    NotTorch {
        /// What it is.
        what: &'static str,
    },
    /// It ends too early.
    #[error("the file is cut off, or damaged: download it again.")]
    Cut,
    /// The system could not read it.
    #[error("the file could not be read: {}.", Shown(.0))]
    Unread(String),
    /// An instruction that no checkpoint has, or one that makes no sense where it stands.
    #[error(
        "byte {at} of its pickle is an instruction (0x{code:02x}) that makes no sense there. The file is damaged or hostile."
    )]
    Instruction {
        /// The instruction.
        code: u8,
        /// Where it stands in the pickle.
        at: usize,
    },
    /// More than any model has.
    #[error("the file has {what}. No known model does: it is damaged or hostile.")]
    TooMuch {
        /// Of what.
        what: &'static str,
    },
    /// The archive does not fit together.
    #[error("its archive is damaged or hostile ({what}): download it again.")]
    Archive {
        /// What does not fit.
        what: String,
    },
    /// A tensor that is not where it says, or not as it is read here.
    #[error("tensor '{name}' {what}.", name = Shown(name))]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it, and what to do.
        what: &'static str,
    },
    /// There is nothing to read.
    #[error("it holds no tensors by name, which a model's state_dict is: it is no model.")]
    Empty,
}

impl PickleProblem {
    /// The error that names the file.
    pub fn in_file(self, file: impl std::fmt::Display) -> Error {
        Error::Pickle {
            file: file.to_string(),
            problem: Box::new(self),
        }
    }

    pub(super) fn archive(what: impl Into<String>) -> Self {
        Self::Archive { what: what.into() }
    }
}
