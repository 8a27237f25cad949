//! Reads libtorch's error texts and the messages of `tch`'s panics: out of memory, with the bytes asked for, or the first line.
//! `catch.rs` and `ffi.rs` ask, and so does each `?` on a `TchError`. No other file of the engine looks into such a text; what is
//! tried when memory ran out is in `pipeline/ladder.rs`.

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

/// Texts with which oneDNN gives up once it has found how to compute something: only memory for code, weights or scratch can
/// be missing then (`dnnl::error` of `dnnl_out_of_memory`, whose status is lost on the way).
const NO_ONEDNN_MEMORY: [&str; 3] = [
    "could not create a primitive",
    "could not execute a primitive",
    "could not create a memory object",
];

/// The error behind a text of libtorch: out of memory, or its first line.
pub(super) fn text(text: &str) -> Error {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let first = first.unwrap_or("an error without a text");
    if NO_MEMORY.iter().any(|sign| first.contains(sign)) || NO_ONEDNN_MEMORY.contains(&first) {
        Error::OutOfMemory {
            doing: String::new(),
            asked: asked(first),
        }
    } else {
        Error::Torch(shortened(first.trim_end_matches('.')))
    }
}

/// The bytes in `you tried to allocate 123 bytes` and `Tried to allocate 20.00 GiB`; 0 where there are none.
pub(super) fn asked(line: &str) -> u64 {
    let Some((_, rest)) = line.split_once("ried to allocate ") else {
        return 0;
    };
    let mut words = rest.split_whitespace();
    let number = words.next().and_then(|word| word.parse::<f64>().ok());
    let unit = match words.next().map(|word| word.trim_end_matches(['.', ','])) {
        Some("GiB") => 1u64 << 30,
        Some("MiB") => 1 << 20,
        Some("KiB") => 1 << 10,
        _ => 1,
    };
    // A float to an integer saturates; no allocation is that large.
    (number.unwrap_or(0.0) * unit as f64) as u64
}

/// At most 300 characters: libtorch lists every backend it knows where one is missing.
fn shortened(line: &str) -> String {
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
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
        | "NdArray" | "SafeTensorError" => Some(text(debug)),
        _ => None,
    }
}

/// Undoes what `Debug` does to a string: takes the quotes off and makes `\n` a line end again.
fn unescape(quoted: &str) -> String {
    let inner = quoted.strip_suffix(')').unwrap_or(quoted);
    let inner = inner.strip_prefix('"').unwrap_or(inner);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::cuda("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has …")]
    #[case::mps("MPS backend out of memory (MPS allocated: 1 GB)")]
    #[case::cpu(
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried …"
    )]
    #[case::cxx("std::bad_alloc")]
    #[case::onednn("could not create a primitive")]
    fn allocations_that_fail_are_told_from_other_failures(#[case] message: &str) {
        let full =
            format!("{message}\nException raised from alloc at file.cpp:1 (most recent call first):\nframe #0: …");
        let panic = panic_of(&TchError::Torch(full.clone()));
        for error in [Error::from(TchError::Torch(full)), panic_message(&panic).unwrap()] {
            assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
        }
    }

    #[rstest]
    #[case("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79 GiB", 20 << 30)]
    #[case("XPU out of memory. Tried to allocate 512.50 MiB. GPU 0 …", 537_395_200)]
    #[case("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1152921504606846976 bytes. Error code 12", 1 << 60)]
    #[case("std::bad_alloc", 0)]
    #[case("tried to allocate much", 0)]
    fn the_bytes_asked_for(#[case] line: &str, #[case] bytes: u64) {
        assert_eq!(asked(line), bytes);
    }

    #[rstest]
    #[case("a \"b\" c\nframe #0", "a \"b\" c")]
    #[case("", "an error without a text")]
    #[case(&"é".repeat(400), &format!("{}…", "é".repeat(300)))]
    fn first_lines_of_returned_and_panicked_errors(#[case] message: &str, #[case] expected: &str) {
        let error = TchError::Torch(message.to_owned());
        let panic = panic_of(&error);
        for found in [Error::from(error), panic_message(&panic).unwrap()] {
            assert!(matches!(&found, Error::Torch(text) if text == expected), "{found}");
        }
    }

    #[rstest]
    #[case(TchError::Shape("[1] is no matrix".to_owned()))]
    #[case(TchError::Kind("Half".to_owned()))]
    #[case(TchError::UnknownKind(44))]
    fn other_complaints_of_tch_are_taken_too(#[case] error: TchError) {
        let panic = panic_of(&error);
        assert!(matches!(panic_message(&panic), Some(Error::Torch(_))), "{panic}");
    }

    #[rstest]
    #[case("index out of bounds: the len is 1 but the index is 1")]
    #[case("called `Result::unwrap()` on an `Err` value: Os { code: 2 }")]
    #[case("called `Option::unwrap()` on a `None` value")]
    fn panics_of_others_are_left(#[case] message: &str) {
        assert!(panic_message(message).is_none());
    }

    fn panic_of(error: &TchError) -> String {
        format!("called `Result::unwrap()` on an `Err` value: {error:?}")
    }
}
