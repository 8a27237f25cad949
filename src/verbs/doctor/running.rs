//! What `doctor` says of a daemon that runs: limits, niceness and descriptors that it kept of the command that started it. Read from
//! /proc; nothing is changed here.

use std::path::Path;

use rustix::process::Pid;

use crate::say;

/// Limits of a process that jobs run into, as /proc calls them, and what they are of.
const LIMITS: [(&str, &str); 4] = [
    ("Max cpu time", "processor time (seconds)"),
    ("Max file size", "file size (bytes)"),
    ("Max data size", "memory (bytes)"),
    ("Max address space", "memory (bytes)"),
];

/// What the daemon has kept of the command that started it, because the system did not let it be changed: each with its remedy.
/// Nothing where there is no /proc, the daemon is not seen from here, or it was given these on purpose, in the foreground.
pub(super) fn inherited(pid: u32) -> Vec<String> {
    let folder = format!("/proc/{pid}");
    let line = std::fs::read(Path::new(&folder).join("cmdline")).unwrap_or_default();
    let background = [&b"daemon"[..], b"run", b"--background"];
    if !line.split(|byte| *byte == 0).skip(1).take(3).eq(background) {
        return Vec::new();
    }
    let limits = std::fs::read_to_string(Path::new(&folder).join("limits")).unwrap_or_default();
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let nice = number.and_then(|pid| rustix::process::getpriority_process(Some(pid)).ok());
    complaints(nice.unwrap_or(0), &limits)
}

fn complaints(nice: i32, limits: &str) -> Vec<String> {
    let mut all = Vec::new();
    if nice > 0 {
        all.push(format!(
            "The daemon runs at niceness {nice}, which it has from the command that started it: it is slow beside other work. {AGAIN}"
        ));
    }
    for (name, of) in LIMITS {
        let row = limits.lines().find_map(|line| line.strip_prefix(name));
        let soft = row.and_then(|row| row.split_whitespace().next());
        if let Some(limit) = soft.filter(|limit| *limit != "unlimited") {
            all.push(format!(
                "The daemon has a limit of {} on its {of}: jobs may fail of it. {AGAIN}",
                say::brief(limit, 20)
            ));
        }
    }
    all
}

/// The remedy.
const AGAIN: &str = "Run `darkroom daemon restart` from a shell without it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_laid_down_is_told() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
             Max cpu time              unlimited            unlimited            seconds   \n\
             Max file size             409600               409600               bytes     \n\
             Max data size             unlimited            unlimited            bytes     \n";
        assert_eq!(
            complaints(0, &limits.replace("409600", "unlimited")),
            Vec::<String>::new()
        );
        let told = complaints(10, limits);
        assert_eq!(told.len(), 2);
        assert!(
            told[0].contains("niceness 10") && told[1].contains("409600 on its file size"),
            "{told:?}"
        );
        assert_eq!(inherited(std::process::id()), Vec::<String>::new(), "it is no daemon");
    }
}
