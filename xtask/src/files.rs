//! How Rust files are written, held by a test: each over 40 lines opens with what is in it, and none is longer than a person reads at
//! once. No command runs this.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repo;

/// From so many lines on a file says what it is.
const SHORT: usize = 40;
/// No file has more lines.
const LONG: usize = 1000;
/// The folders with code of ours.
const FOLDERS: [&str; 6] = ["src", "daemon", "protocol", "tui", "tests", "xtask"];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_is_short() {
    let mut files = Vec::new();
    FOLDERS
        .iter()
        .for_each(|folder| rust_files(&repo::root().join(folder), &mut files));
    assert!(files.len() > 500, "they are looked for where they are");
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        if lines > SHORT && !text.starts_with("//!") {
            wrong.push(format!("{} has no header", file.display()));
        }
        if lines > LONG {
            wrong.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
