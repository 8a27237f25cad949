//! Who imports whom inside a crate, against the tables of ARCHITECTURE.md: a room may import those above it. Tests of the product
//! only; no command runs this.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::repo;

/// The rooms of the table under `heading`, from the top: folders and single files.
fn rooms(heading: &str) -> Vec<String> {
    let text = fs::read_to_string(repo::root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split_once(heading).unwrap().1;
    let section = section.split_once("\n## ").map_or(section, |(this, _)| this);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.flat_map(|row| row.split(" | ").next().unwrap().split('`'))
        .filter_map(|name| name.strip_suffix('/').or(name.strip_suffix(".rs")))
        .map(str::to_owned)
        .collect()
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
    let code = lines.collect::<Vec<_>>().join("\n");
    let word = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    let mut found: BTreeSet<String> = code.split("crate::").skip(1).map(word).collect();
    // `use crate::{weights, nn::Linear}`, on one line or several.
    for list in code.split("use crate::{").skip(1) {
        let list = list.split_once("};").map_or(list, |(list, _)| list);
        found.extend(list.split(['{', ',']).map(|item| word(item.trim())));
    }
    found.remove("");
    found
}

#[test]
fn imports_are_read() {
    let code = "use crate::weights::Weights;\nuse crate::{\n    Cancel,\n    nn::{Linear, silu},\n};\n// crate::worker\nlet x = crate::torch::to();\n\
                #[cfg(test)]\nmod tests { use crate::pipeline; }";
    let found = named(code);
    let found: Vec<_> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["Cancel", "Linear", "nn", "silu", "torch", "weights"]);
}

/// Every import in `source` of a room that stands further down in the table under `heading`. The table must name whatever lies
/// there, but for `others`.
fn downward(heading: &str, source: &str, others: &[&str]) -> Vec<String> {
    let rooms = rooms(heading);
    let source = repo::root().join(source);
    let there = fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let there: BTreeSet<String> = there.map(name).filter(|name| !others.contains(&&**name)).collect();
    let told: BTreeSet<String> = rooms.iter().cloned().collect();
    assert_eq!(told, there, "the table names every room");
    let place = |room: &str| rooms.iter().position(|other| other == room);
    let mut wrong = Vec::new();
    for (at, room) in rooms.iter().enumerate() {
        let found = match source.join(room) {
            folder if folder.is_dir() => files(&folder),
            folder => vec![folder.with_extension("rs")],
        };
        for file in found.iter().filter(|file| !is_test(file)) {
            let named = named(&fs::read_to_string(file).unwrap());
            let down = named
                .iter()
                .filter(|other| place(other).is_some_and(|other| other > at));
            wrong.extend(down.map(|other| format!("{}: crate::{other}", file.display())));
        }
    }
    wrong
}

#[test]
fn rooms_of_the_engine_import_upward_in_the_table() {
    let others = ["bin", "lib", "cancel", "error"];
    let wrong = downward("## The engine's rooms", "daemon/engine/src", &others);
    assert_eq!(wrong, [] as [String; 0]);
}

/// Only `darkroom pull` asks another machine for anything: one room names the HTTP crate, and nobody else opens an internet socket.
#[test]
fn one_room_opens_network_connections() {
    let sources = [
        "src",
        "protocol/src",
        "protocol/client/src",
        "protocol/formats/src",
        "daemon/src",
        "daemon/engine/src",
        "tui/src",
    ];
    let words = [
        "ureq",
        "reqwest",
        "hyper::",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "TcpSocket",
    ];
    let of = |source: &str| files(&repo::root().join(source));
    let names = |path: &PathBuf| {
        let code = fs::read_to_string(path).unwrap();
        let mut lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.any(|line| words.iter().any(|word| line.contains(word)))
    };
    let all: Vec<PathBuf> = sources.iter().flat_map(|source| of(source)).filter(names).collect();
    let room = repo::root().join("daemon/src/pull");
    let outside: Vec<_> = all.iter().filter(|path| !path.starts_with(&room)).collect();
    assert_eq!(outside, [] as [&PathBuf; 0]);
    assert!(all.contains(&room.join("web.rs")), "the words are the right ones");
    let manifests = [
        "",
        "protocol",
        "protocol/client",
        "protocol/formats",
        "daemon/engine",
        "tui",
        "xtask",
    ];
    for manifest in manifests {
        let text = fs::read_to_string(repo::root().join(manifest).join("Cargo.toml")).unwrap();
        let own = text.split_once("[dependencies]").map_or("", |(_, own)| own);
        assert!(!own.contains("ureq"), "{manifest}");
    }
}

#[test]
fn rooms_of_the_daemon_import_upward_in_the_table() {
    let wrong = downward("## The daemon's rooms", "daemon/src", &["lib", "testing"]);
    assert_eq!(wrong, [] as [String; 0]);
}
