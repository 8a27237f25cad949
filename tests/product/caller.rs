//! A daemon keeps nothing of the command that happened to start it.

use std::process::Command;

use crate::support::{Home, Ran, Role, kill, wait_until};

/// Runs a script in which `$D` is the command, in that home.
fn script(home: &Home, text: &str) -> Ran {
    let mut command = Command::new("bash");
    command
        .args(["-c", text])
        .env("D", env!("CARGO_BIN_EXE_darkroom"))
        .env("DARKROOM_HOME", home.path())
        .current_dir(home.path());
    Ran::of(command.output().unwrap())
}

/// A row of `/proc/PID/limits`: the soft limit.
fn limit(pid: u32, name: &str) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let row = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    row.split_whitespace().next().unwrap().to_owned()
}

fn field(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let row = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    row.trim().to_owned()
}

fn niceness(pid: u32) -> i64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(16)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn the_first_callers_process_is_not_the_daemons() {
    let home = Home::new();
    std::fs::write(home.at("held"), "").unwrap();
    let own = niceness(std::process::id());
    script(
        &home,
        "exec 7<held 8>>held 9>held; flock 9; trap '' INT HUP QUIT USR1; umask 000; \
         ulimit -S -f 8; ulimit -S -t 600; ulimit -S -n 64; export SECRET_TOKEN=x LD_PRELOAD_NOT=y NOTIFY_SOCKET=/nowhere; \
         nice -n 5 \"$D\" daemon start",
    )
    .ok();
    let pid = home.daemon_pid().unwrap();
    for name in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let target = std::fs::read_link(name.path()).unwrap_or_default();
        assert!(!target.ends_with("held"), "{} is open in the daemon", target.display());
    }
    let free = script(&home, "flock -n held true");
    assert_eq!(free.code, 0, "the caller's lock is held by the daemon");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("DARKROOM_HOME="), "{environment}");
    for name in ["SECRET_TOKEN", "NOTIFY_SOCKET", "LD_PRELOAD_NOT"] {
        assert!(!environment.contains(name), "{name} is in the daemon's environment");
    }
    assert_eq!(
        std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(),
        Some("/")
    );
    for name in ["Max file size", "Max cpu time"] {
        assert_eq!(limit(pid, name), "unlimited", "{name}");
    }
    assert_ne!(limit(pid, "Max open files"), "64");
    let ignored = u64::from_str_radix(&field(pid, "SigIgn:"), 16).unwrap();
    for (name, number) in [("HUP", 1), ("INT", 2), ("QUIT", 3), ("USR1", 10)] {
        assert_eq!(ignored >> (number - 1) & 1, 0, "{name} is ignored");
    }
    assert_eq!(field(pid, "Umask:"), "0077");
    // Only who may lower it gets rid of it.
    let root = may_lower_niceness();
    assert_eq!(niceness(pid), if root { 0 } else { (own + 5).min(19) });
    if !root {
        let doctor = home.run("doctor");
        assert!(doctor.stdout.contains("niceness"), "{doctor:#?}");
    }
    // What it starts has nothing of it either, and a picture of more than 8 blocks is kept.
    home.generate("fox -W 64 -H 64").ok();
    let worker = home.pids(Role::Worker).next().unwrap();
    let ignored = u64::from_str_radix(&field(worker, "SigIgn:"), 16).unwrap();
    assert_eq!(ignored & 0b111, 0, "HUP, INT or QUIT is ignored in the worker");
    assert_eq!(limit(worker, "Max file size"), "unlimited");
    // A terminal that goes takes nothing along.
    kill(pid, "HUP");
    wait_until("the daemon to answer", || home.daemon_pid() == Some(pid));
}

fn may_lower_niceness() -> bool {
    field(std::process::id(), "CapEff:")
        .chars()
        .rev()
        .nth(5)
        // CAP_SYS_NICE is bit 23.
        .and_then(|digit| digit.to_digit(16))
        .is_some_and(|digit| digit >> 3 & 1 == 1)
}

#[test]
fn limits_that_cannot_be_raised_are_told_by_doctor() {
    let home = Home::new();
    // Of a user who is not root; `setpriv` is not everywhere.
    if script(
        &home,
        "command -v setpriv && setpriv --bounding-set -sys_resource,-sys_nice true",
    )
    .code
        != 0
    {
        return;
    }
    script(
        &home,
        "ulimit -f 400000; exec setpriv --bounding-set -sys_resource,-sys_nice --inh-caps -sys_resource,-sys_nice \
         nice -n 3 \"$D\" daemon start",
    )
    .ok();
    let doctor = home.run("doctor");
    assert_eq!(doctor.code, 1, "{doctor:#?}");
    assert!(doctor.stdout.contains("409600000 on its file size"), "{doctor:#?}");
    assert!(doctor.stdout.contains("niceness"), "{doctor:#?}");
}

#[test]
fn folders_made_under_any_umask_are_the_persons_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let deep = home.at("a/b");
    let text = format!("umask 000; DARKROOM_HOME='{}' \"$D\" daemon start", deep.display());
    script(&home, &text).ok();
    let mut folders = vec![home.at("a"), deep.clone()];
    folders.extend(
        [
            "data",
            "data/pictures",
            "data/staging",
            "data/inputs",
            "state",
            "state/jobs",
            "run",
        ]
        .map(|f| deep.join(f)),
    );
    for folder in folders {
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", folder.display());
    }
    for file in [
        "data/darkroom.db",
        "data/daemon.lock",
        "state/daemon.log",
        "run/darkroom.sock",
    ] {
        let mode = std::fs::metadata(deep.join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    script(&home, &format!("DARKROOM_HOME='{}' \"$D\" daemon stop", deep.display())).ok();
}
