//! The engine's one error type, in words that reach the person. Every room returns it; `torch/classify.rs` makes it of libtorch's
//! texts, and `worker/failure.rs` sorts it into the kinds of failure that the daemon is told. What is wrong with a header or a
//! model folder is `darkroom_formats::Error`, passed on as it is.

use std::path::PathBuf;

/// Why the engine could not do what was asked.
///
/// Each message says what was wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody asked for the work to end.
    #[error("Cancelled.")]
    Cancelled,
    /// The device has no room for an allocation.
    #[error("Out of memory{}: choose a smaller size or batch, or another device.", at(.doing))]
    OutOfMemory {
        /// What was being done, for instance `decoding 1536×1536`; may be empty.
        doing: String,
        /// Bytes of the allocation that failed; 0 where that is not known.
        asked: u64,
    },
    /// Nothing more can be done to make room; what would fit is in the text.
    #[error("{0}")]
    NoRoom(String),
    /// A model folder lacks a file or a component.
    #[error("{path}: {what}", path = path.display())]
    Model {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// A tensor that the model needs is not in its file.
    #[error(
        "{component}: tensor {key}{} is missing: the file is incomplete or of another model; fetch it again.",
        written.as_ref().map(|key| format!(" ({key} in a single file)")).unwrap_or_default()
    )]
    MissingTensor {
        /// Which part of the model, for instance `unet`.
        component: String,
        /// The full key.
        key: String,
        /// What the file would call it, where it has names of its own.
        written: Option<String>,
    },
    /// A tensor has another shape than the model's config says.
    #[error(
        "{component}: tensor {key} is {found:?}, the config asks for {expected:?}: config and weights are not of one model."
    )]
    TensorShape {
        /// Which part of the model.
        component: String,
        /// The full key.
        key: String,
        /// The shape in the file.
        found: Vec<i64>,
        /// The shape that the config implies.
        expected: Vec<i64>,
    },
    /// A config file asks for something that cannot be built.
    #[error("{component}: config {field}: {what}")]
    Config {
        /// Which part of the model.
        component: String,
        /// The field of its JSON.
        field: String,
        /// What is wrong and what is accepted.
        what: String,
    },
    /// A computation gave values that are not numbers.
    #[error("{component}: the result is not a number (NaN or infinite): try --dtype f32, or another model.")]
    NotANumber {
        /// Which part of the model.
        component: String,
    },
    /// The picture that a task begins with cannot be used.
    #[error("The picture to begin with ({}…): {what}.", .sha256.get(..12).unwrap_or_default())]
    Input {
        /// Its hash.
        sha256: String,
        /// What is wrong with it.
        what: String,
    },
    /// A LoRA cannot be applied.
    #[error("LoRA {name}: {what}", name = darkroom_protocol::text::escape_line(.name))]
    Lora {
        /// Its name.
        name: String,
        /// What is wrong and what to do, whole sentences.
        what: String,
    },
    /// The task asks for something that this engine cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// The engine itself went wrong; what happened is in the log.
    #[error("The engine went wrong, which is a defect of Darkroom: report it with the job's log.")]
    Defect,
    /// Any other complaint of libtorch, first line only.
    #[error("libtorch: {0}")]
    Torch(String),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A header or folder did not parse.
    #[error(transparent)]
    Format(#[from] darkroom_formats::Error),
}

impl From<darkroom_formats::prompt::Error> for Error {
    fn from(error: darkroom_formats::prompt::Error) -> Self {
        use darkroom_formats::prompt::Error as Of;
        match error {
            Of::Tokenizer { field, what } => Self::Config {
                component: "tokenizer".to_owned(),
                field,
                what,
            },
            Of::Refused(what) => Self::Unsupported(what),
            Of::Files(error) => Self::Format(error),
        }
    }
}

fn at(doing: &str) -> String {
    if doing.is_empty() {
        String::new()
    } else {
        format!(" while {doing}")
    }
}
