use tch::TchError;

use crate::Error;

/// Texts by which libtorch says that an allocation failed: its CPU allocator, its device allocators, and C++ itself.
const NO_MEMORY: [&str; 5] = [
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "std::bad_alloc",
    "Storage size calculation overflowed",
];

/// The error behind a text of libtorch: out of memory, or its first line.
pub(super) fn text(text: &str) -> Error {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let first = first.unwrap_or("an error without a text");
    if NO_MEMORY.iter().any(|sign| first.contains(sign)) {
        Error::OutOfMemory { doing: String::new() }
    } else {
        Error::Torch(first.trim_end_matches('.').to_owned())
    }
}

impl From<TchError> for Error {
    fn from(error: TchError) -> Self {
        match error {
            TchError::Torch(message) => text(&message),
            other => text(&other.to_string()),
        }
    }
}

/// The error in the message of a panic, when it is one of `tch`: its infallible methods unwrap a `TchError`.
pub(super) fn panic_message(message: &str) -> Option<Error> {
    let debug = message.strip_prefix("called `Result::unwrap()` on an `Err` value: ")?;
    let (variant, rest) = debug.split_once(['(', ' '])?;
    match variant {
        "Torch" => Some(text(&unescape(rest))),
        "Convert" | "FileFormat" | "TensorNameNotFound" | "Kind" | "MissingImage" | "Shape" | "UnknownKind"
        | "NdArray" | "SafeTensorError" => Some(Error::Torch(format!("{variant}({}", unescape(debug_body(rest))))),
        _ => None,
    }
}

fn debug_body(rest: &str) -> &str {
    rest.lines().next().unwrap_or(rest)
}

/// Undoes what `Debug` does to a string: takes the quotes off and makes `\n` a line end again.
fn unescape(quoted: &str) -> String {
    let inner = quoted.strip_suffix(')').unwrap_or(quoted);
    let inner = inner.strip_prefix('"').unwrap_or(inner);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => out.push(c),
            _ => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
        }
    }
    out
}
