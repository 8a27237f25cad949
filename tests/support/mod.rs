//! What the tests of the whole product share: a home of their own, the command, waiting for conditions.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A daemon's whole world in a temporary folder. The daemon is stopped when it is dropped.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// An empty home. Its path is short, for the socket's sake.
    pub fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("dk").tempdir_in("/tmp").unwrap() }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.path().join("run/darkroom.sock")
    }

    /// `darkroom ARGS…`, not yet run.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_darkroom"));
        command.args(args).current_dir(self.path());
        command.env("DARKROOM_HOME", self.path()).env_remove("DARKROOM_FAILPOINT").env_remove("XDG_RUNTIME_DIR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `darkroom` with the words of `line`.
    pub fn run(&self, line: &str) -> Ran {
        self.run_args(line.split_whitespace())
    }

    /// Runs `darkroom` with these arguments.
    pub fn run_args<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// `darkroom status --json`.
    pub fn status(&self) -> Option<Value> {
        let ran = self.run("status --json");
        (ran.code == 0).then(|| serde_json::from_str(&ran.stdout).unwrap())
    }

    /// The daemon's process id.
    pub fn daemon_pid(&self) -> Option<u32> {
        self.status()?["pid"].as_u64().map(|pid| pid as u32)
    }

    /// The first worker's process id, once there is one.
    pub fn worker_pid(&self) -> Option<u32> {
        self.status()?["workers"][0]["pid"].as_u64().map(|pid| pid as u32).filter(|pid| *pid > 0)
    }

    /// Waits until the worker is idle.
    pub fn warm(&self) {
        wait_until("an idle worker", || self.status().is_some_and(|s| s["workers"][0]["state"] == "idle"));
    }

    /// Names of the files of finished pictures.
    pub fn pictures(&self) -> Vec<PathBuf> {
        files_under(&self.path().join("data/pictures"))
    }

    /// Names of the files on their way.
    pub fn staged(&self) -> Vec<PathBuf> {
        files_under(&self.path().join("data/staging"))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let pids = [self.daemon_pid(), self.worker_pid()];
        let _ = self.command(["daemon", "stop"]).output();
        for pid in pids.into_iter().flatten() {
            let deadline = Instant::now() + Duration::from_secs(10);
            while is_alive(pid) && Instant::now() < deadline {
                std::thread::yield_now();
            }
        }
    }
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; −1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// From a finished process.
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The command failed with `code` and one clear line that has every word of `words`.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        let lines: Vec<_> = self.stderr.lines().filter(|l| l.starts_with("darkroom: ")).collect();
        assert_eq!(lines.len(), 1, "not one line: {self:#?}");
        assert!(words.iter().all(|w| lines[0].contains(w)), "lacks one of {words:?}: {self:#?}");
        assert!(!self.stderr.contains('\u{1b}'), "an escape got through: {self:#?}");
    }

    /// The command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }
}

/// Waits for a condition, at most a minute.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited a minute for {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Whether a process runs (a zombie does not).
pub fn is_alive(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'),
        Err(_) if cfg!(target_os = "linux") => false,
        Err(_) => Command::new("kill").args(["-0", &pid.to_string()]).status().unwrap().success(),
    }
}

/// Sends a signal by name.
pub fn kill(pid: u32, signal: &str) {
    Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status().unwrap();
}

/// A copy of the embedded model as a folder that a test may spoil.
pub fn emoji_folder(into: &Path) -> PathBuf {
    let to = into.join("emoji-copy");
    copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("daemon/engine/assets/emoji"), &to);
    to
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files_under(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
