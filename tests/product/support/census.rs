//! The processes of one home, from /proc: what a daemon leaves behind has its environment.

use std::fs;
use std::path::Path;

/// What a process of a home is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Daemon,
    Worker,
    Client,
}

/// A process of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub role: Role,
}

/// Every process that runs with `home` as its DARKROOM_HOME; zombies are none.
pub fn census(home: &Path) -> Vec<Process> {
    let wanted = format!("DARKROOM_HOME={}", home.display());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| has(*pid, "environ", |entry| entry == wanted.as_bytes()))
        .filter_map(|pid| Some(Process { pid, role: role(pid)? }))
        .collect()
}

fn role(pid: u32) -> Option<Role> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    Some(match words.as_slice() {
        [program, ..] if program.ends_with(b"darkroom-worker") => Role::Worker,
        [_, b"daemon", b"run", ..] => Role::Daemon,
        _ => Role::Client,
    })
}

fn has(pid: u32, file: &str, wanted: impl Fn(&[u8]) -> bool) -> bool {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).any(wanted)
}
