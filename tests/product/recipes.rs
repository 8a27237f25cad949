//! The README's recipes, as they are written: each line of its shell blocks is run by bash in a home of its own, and its settings are
//! read. `~/models/sd15` is the embedded model's folder there, `ID` a job that the recipe makes sense for, and history has the pictures
//! that are named by numbers. Left out is what
//! builds darkroom or installs a service.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use darkroom_daemon::settings::Settings;

use crate::support::{Home, Ran, wait_until};

/// Lines that begin so change the machine, not the home, or want what a hub has: `pull.rs` fetches from a hub of its own.
const LEFT_OUT: [&str; 4] = [
    "cargo xtask",
    "darkroom daemon install",
    "darkroom pull sdxl",
    "darkroom generate \"a fox\" -m stable-diffusion-xl-base-1.0",
];
/// A reader of the socket for machines without socat, in the form that the README uses.
const SOCAT: &str = "#!/usr/bin/env python3
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[-1].removeprefix('UNIX:'))
peer.settimeout(30)
peer.sendall(sys.stdin.buffer.read())
data = b''
while not data.endswith(b'\\n'):
    data += peer.recv(65536)
sys.stdout.buffer.write(data)
";

/// A machine elsewhere that is this one.
const SSH: &str = "#!/bin/sh\nfor word; do :; done\nexec sh -c \"$word\"\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The fenced blocks of a language in the README.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let fence = format!("```{language}\n");
    let parts = readme.split(&fence).skip(1);
    parts
        .map(|part| part.split("\n```").next().unwrap().to_owned())
        .collect()
}

/// A home as the recipes suppose it.
fn home() -> Home {
    let home = Home::empty();
    home.settings("threads = 1\nmodels = ['~/models']\n");
    std::fs::create_dir_all(home.at("models")).unwrap();
    let model = root().join("daemon/engine/assets/emoji");
    std::os::unix::fs::symlink(model, home.at("models/sd15")).unwrap();
    std::fs::create_dir_all(home.at("stable-diffusion-webui/outputs")).unwrap();
    std::fs::create_dir(home.at("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_darkroom"), home.at("bin/darkroom")).unwrap();
    std::fs::write(home.at("bin/ssh"), SSH).unwrap();
    std::fs::set_permissions(home.at("bin/ssh"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    home
}

fn has(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    found.is_ok_and(|found| found.status.success())
}

/// Runs a script in the home.
fn bash(home: &Home, script: &str) -> Ran {
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", script])
        .current_dir(home.path())
        .env("HOME", home.path())
        .env("DARKROOM_HOME", home.path())
        .env("PATH", format!("{}:{path}", home.at("bin").display()))
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::null())
        .output();
    Ran::of(output.unwrap())
}

/// A job for a recipe that names one: `retry` wants one that was cancelled, others one that waits.
fn job_for(home: &Home, line: &str) -> String {
    home.run("queue pause").ok();
    let id = home.generate("rocket --detach").ok().line().to_owned();
    if line.contains("retry") {
        home.run(&format!("cancel {id}")).ok();
    }
    if line.contains("log") {
        home.run("queue resume").ok();
    }
    id
}

/// Runs one line and holds it to its promise: it succeeds. What follows a log for ever is ended after its first lines.
fn recipe(home: &Home, line: &str) {
    let command = line.split(" #").next().unwrap().trim();
    if command.is_empty() || LEFT_OUT.iter().any(|left| command.starts_with(left)) {
        return;
    }
    let mut command = command.to_owned();
    if command.split(' ').any(|word| word == "ID") {
        command = command.replace(" ID", &format!(" {}", job_for(home, &command)));
    }
    if command.contains("history show 17") {
        // The pictures that the lines about history name.
        home.generate("rocket -b 18").ok();
    }
    let endless = command == "darkroom logs -f";
    if endless {
        command = format!("timeout 2 {command} || test $? = 124");
    }
    let ran = bash(home, &command);
    assert_eq!(ran.code, 0, "{line}\n{ran:#?}");
    home.run("queue resume").ok();
    if command.starts_with("darkroom queue pause ") {
        home.run(&command.replace("darkroom queue pause", "queue resume")).ok();
    }
}

#[test]
fn every_line_of_the_readme_works_as_it_is_written() {
    let home = home();
    let scripts: Vec<String> = blocks("sh")
        .into_iter()
        .filter(|block| !block.contains("rpc()"))
        .collect();
    let lines: Vec<&str> = scripts.iter().flat_map(|block| block.lines()).collect();
    assert!(lines.len() > 20, "{lines:#?}");
    for line in &lines {
        if line.contains("jq") && !has("jq") {
            eprintln!("not run, for jq is missing: {line}");
            continue;
        }
        recipe(&home, line);
    }
    for file in ["fox.png", "rockets", "again.png", "best/pictures.jsonl"] {
        assert!(home.at(file).exists(), "{file}");
    }
    wait_until("the four of both recipes that write there", || {
        std::fs::read_dir(home.at("rockets")).unwrap().count() == 8
    });
}

#[test]
fn the_socket_is_spoken_to_as_the_readme_has_it() {
    let home = home();
    let script = blocks("sh").into_iter().find(|block| block.contains("rpc()")).unwrap();
    if !has("jq") || !(has("socat") || has("python3")) {
        eprintln!("not run: jq and socat, or jq and python3, are missing");
        return;
    }
    if !has("socat") {
        stand_in(&home.at("bin/socat"), SOCAT);
    }
    home.run("daemon start").ok();
    let ran = bash(&home, &script).ok();
    let answers = ran.json();
    assert!(answers[0]["result"]["pid"].is_number(), "{ran:#?}");
    let job = answers[1]["result"]["job"].as_str().unwrap();
    home.run(&format!("wait {job}")).ok();
}

fn stand_in(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn its_settings_are_settings() {
    let blocks = blocks("toml");
    assert!(!blocks.is_empty());
    for text in blocks {
        Settings::parse(&text, Some(Path::new("/home/me"))).unwrap();
    }
}
