//! Who imports whom inside a crate, against the tables of ARCHITECTURE.md: a room may import those above it. Tests of the product
//! only; no command runs this.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::repo;

/// The rooms of the table under `heading`, from the top.
fn rooms(heading: &str) -> Vec<String> {
    let text = fs::read_to_string(repo::root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split_once(heading).unwrap().1;
    let section = section.split_once("\n## ").map_or(section, |(this, _)| this);
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once("/` |")?.0.to_owned());
    section.lines().filter_map(row).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// Whether a file is there for tests alone.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    let inside = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
    name == "tests" || name.ends_with("_tests") || ["fixture", "testing", "oracle"].contains(&&*name) || inside("toy")
}

/// The rooms that code names, its tests left out.
fn named(code: &str) -> BTreeSet<String> {
    let code = code
        .split_once("#[cfg(test)]\nmod tests")
        .map_or(code, |(code, _)| code);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let word = |rest: &str| {
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap()
            .to_owned()
    };
    let mut found = BTreeSet::new();
    for line in lines {
        found.extend(line.split("crate::").skip(1).map(word));
        // `use crate::{weights, nn::Linear}` on one line.
        if let Some((_, list)) = line.split_once("use crate::{") {
            found.extend(list.split(',').map(|item| word(item.trim())));
        }
    }
    found
}

#[test]
fn imports_are_read() {
    let code = "use crate::weights::Weights;\nuse crate::{Cancel, nn::silu};\n// crate::worker\nlet x = crate::torch::to();\n\
                #[cfg(test)]\nmod tests { use crate::pipeline; }";
    let found = named(code);
    let found: Vec<_> = found
        .iter()
        .map(String::as_str)
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(found, ["Cancel", "nn", "torch", "weights"]);
}

#[test]
fn rooms_of_the_engine_import_upward_in_the_table() {
    let rooms = rooms("## The engine's rooms");
    let source = repo::root().join("daemon/engine/src");
    let there: BTreeSet<String> = fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir() && entry.file_name() != "bin")
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        rooms.iter().cloned().collect::<BTreeSet<_>>(),
        there,
        "the table names every room"
    );
    let place = |room: &str| rooms.iter().position(|other| other == room);
    let mut wrong = Vec::new();
    for room in &rooms {
        for file in files(&source.join(room)).iter().filter(|file| !is_test(file)) {
            let code = fs::read_to_string(file).unwrap();
            let down = |other: &&String| place(other).is_some_and(|at| at > place(room).unwrap());
            wrong.extend(
                named(&code)
                    .iter()
                    .filter(down)
                    .map(|other| format!("{}: crate::{other}", file.display())),
            );
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}
