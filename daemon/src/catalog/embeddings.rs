//! Embeddings (textual inversion) that prompts name: small files in folders `embeddings` of the models folders, called as the file is.
//! `server/verbs/submit.rs` asks for them when a job comes, so that its task says which files, with which bytes, made the picture. What
//! is in them is the worker's to read.

use std::path::{Path, PathBuf};

use darkroom_protocol::files;
use darkroom_protocol::hash::hex;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::task::EmbeddingFile;
use darkroom_protocol::text::escape_line;
use sha2::{Digest as _, Sha256};

/// The most bytes of one; the worker takes no more either.
const MAX_BYTES: u64 = 16 << 20;
/// The most files that are looked at in one folder.
const MOST: usize = 10_000;
/// The most that a task may name.
const MOST_NAMED: usize = 64;
/// Folders in folders.
const DEEP: u32 = 4;
/// The first is taken where several have one name.
const ENDINGS: [&str; 3] = ["safetensors", "pt", "bin"];

/// The embeddings in `models`, folders of models, that one of `prompts` names, by their names.
///
/// # Errors
/// Usage errors, where one cannot be read, is larger than any embedding, or where too many are named.
pub(crate) fn embeddings(models: &[PathBuf], prompts: &[&str]) -> Result<Vec<EmbeddingFile>, RemoteError> {
    let prompts: Vec<String> = prompts.iter().map(|prompt| prompt.to_lowercase()).collect();
    let mut found: Vec<(String, usize, PathBuf)> = Vec::new();
    for folder in models {
        let mut left = MOST;
        look(
            &folder.join("embeddings"),
            DEEP,
            &mut left,
            &mut |name, ending, path| {
                let called = name.to_lowercase();
                if prompts.iter().any(|prompt| names(prompt, &called)) {
                    found.push((name.to_owned(), ending, path));
                }
            },
        );
    }
    // Of one name the first folder's, and there the better kind.
    found.sort_by_key(|(name, ending, _)| (name.to_lowercase(), *ending));
    found.dedup_by_key(|(name, ..)| name.to_lowercase());
    if found.len() > MOST_NAMED {
        let what = format!(
            "The prompts name {} embeddings, and the most are {MOST_NAMED}.",
            found.len()
        );
        return Err(RemoteError::usage(what));
    }
    let file = |(name, _, path): (String, usize, PathBuf)| {
        let bytes = files::read(&path, MAX_BYTES).map_err(|e| {
            let shown = path.to_string_lossy();
            RemoteError::usage(format!(
                "The embedding {} ({}) cannot be used: {e}.",
                escape_line(&name),
                escape_line(&shown)
            ))
        })?;
        let path = path.to_string_lossy().into_owned();
        Ok(EmbeddingFile {
            name,
            path,
            sha256: hex(Sha256::digest(&bytes)),
        })
    };
    found.into_iter().map(file).collect()
}

/// Shows every file in `folder` that may be an embedding: its name, the place of its ending among [`ENDINGS`], and where it is.
fn look(folder: &Path, deep: u32, left: &mut usize, show: &mut dyn FnMut(&str, usize, PathBuf)) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let path = entry.path();
        if path.is_dir() {
            if let Some(deep) = deep.checked_sub(1) {
                look(&path, deep, left, show);
            }
            continue;
        }
        let text = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
        let (Some(name), Some(ending)) = (text(path.file_stem()), text(path.extension())) else {
            continue;
        };
        if let Some(ending) = ENDINGS.iter().position(|known| ending.eq_ignore_ascii_case(known)) {
            show(&name, ending, path);
        }
    }
}

/// Whether `prompt` has `name` as words of its own; both in lower case.
fn names(prompt: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty()
        && prompt.match_indices(name).any(|(at, _)| {
            let before = prompt[..at].chars().next_back();
            let after = prompt[at + name.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn models() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("embeddings");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        for (name, bytes) in [
            ("Style.safetensors", "a"),
            ("style.pt", "b"),
            ("deep/bad-hands.pt", "c"),
            ("notes.txt", "d"),
        ] {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        dir
    }

    #[rstest]
    #[case("a fox", "", &[])]
    #[case("a fox, STYLE", "", &["Style.safetensors"])]
    #[case("(style:1.2)", "embedding:bad-hands.pt", &["deep/bad-hands.pt", "Style.safetensors"])]
    #[case("my_style, styles, notes", "bad hands", &[])]
    fn those_that_a_prompt_names(#[case] prompt: &str, #[case] negative: &str, #[case] expected: &[&str]) {
        let dir = models();
        let folders = [dir.path().to_owned(), dir.path().join("none")];
        let found = embeddings(&folders, &[prompt, negative]).unwrap();
        let paths: Vec<PathBuf> = found.iter().map(|file| PathBuf::from(&file.path)).collect();
        let expected: Vec<PathBuf> = expected
            .iter()
            .map(|name| dir.path().join("embeddings").join(name))
            .collect();
        assert_eq!(paths, expected);
        for file in found {
            assert_eq!(file.sha256, hex(Sha256::digest(std::fs::read(&file.path).unwrap())));
        }
    }

    #[test]
    fn one_that_is_too_large_is_named() {
        let dir = models();
        let file = std::fs::File::create(dir.path().join("embeddings/huge.safetensors")).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        let error = embeddings(&[dir.path().to_owned()], &["huge"]).unwrap_err();
        assert!(error.message.contains("huge.safetensors"), "{}", error.message);
    }
}
