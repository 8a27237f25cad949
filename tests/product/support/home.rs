//! `Home`: a temporary folder with a daemon of its own, the command run in it, and questions about its jobs and files. Nearly
//! every test of the product begins with one. What a command printed is `ran.rs`; a command that still runs is `watched.rs`;
//! processes by their number are in `process.rs`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Ran, Rpc, is_alive, wait_until};

/// A daemon's whole world in a temporary folder. The daemon is stopped when it is dropped.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// A home in which nothing is but settings: one thread a worker, so that tests can run side by side.
    pub fn new() -> Self {
        let home = Self::empty();
        home.settings("threads = 1\n");
        home
    }

    /// An empty home. Its path is short, for the socket's sake.
    pub fn empty() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_darkroom"));
        let worker = program.with_file_name("darkroom-worker");
        assert!(
            worker.is_file() || std::env::var_os("DARKROOM_WORKER").is_some(),
            "{} is missing: build it with `cargo build -p darkroom-engine`",
            worker.display()
        );
        Self {
            dir: tempfile::Builder::new().prefix("dk").tempdir_in("/tmp").unwrap(),
        }
    }

    /// Writes config.toml.
    pub fn settings(&self, text: &str) {
        std::fs::create_dir_all(self.at("config")).unwrap();
        std::fs::write(self.at("config/config.toml"), text).unwrap();
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path within it.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path().join(path)
    }

    /// Removes a folder and all that is in it, although the daemon may be writing there.
    pub fn take_away(&self, folder: &str) {
        let path = self.at(folder);
        let is_gone = |tried: std::io::Result<()>| match tried {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(()) => true,
        };
        wait_until("a folder to go", || is_gone(std::fs::remove_dir_all(&path)));
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.at("run/darkroom.sock")
    }

    /// `darkroom ARGS…`, not yet run.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_darkroom"));
        command
            .args(args)
            .current_dir(self.path())
            .env("DARKROOM_HOME", self.path())
            .env("DARKROOM_HOLD", self.at("hold"));
        for variable in [
            "DARKROOM_FAILPOINT",
            "DARKROOM_STARVE",
            "XDG_RUNTIME_DIR",
            "DARKROOM_IMAGES",
            "DARKROOM_LOG",
        ] {
            command.env_remove(variable);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `darkroom` with the words of `line`.
    pub fn run(&self, line: &str) -> Ran {
        self.run_args(line.split_whitespace())
    }

    /// Runs `darkroom` with these arguments.
    pub fn run_args<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs `darkroom generate` with the words of `line`: 16×16 and one step unless they say otherwise.
    pub fn generate(&self, line: &str) -> Ran {
        let mut words = vec!["generate"];
        words.extend(line.split_whitespace());
        for (flag, value) in [("-W", "16"), ("-H", "16"), ("--steps", "1")] {
            if !words.contains(&flag) {
                words.extend([flag, value]);
            }
        }
        self.run_args(words)
    }

    /// Lets no worker of a daemon that is started from this home go beyond `place`, such as `denoise:8:2` (phase, picture, step;
    /// its beginning will do), until its job is cancelled or another place is named.
    pub fn hold(&self, place: &str) {
        std::fs::write(self.at("hold"), place).unwrap();
    }

    /// Starts the daemon with a failpoint armed, in it and in its workers.
    pub fn start_armed(&self, failpoint: &str) {
        let started = self
            .command(["daemon", "start"])
            .env("DARKROOM_FAILPOINT", failpoint)
            .output();
        Ran::of(started.unwrap()).ok();
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
        self.status()?["workers"][0]["pid"]
            .as_u64()
            .map(|pid| pid as u32)
            .filter(|pid| *pid > 0)
    }

    /// Starts the daemon, waits until its worker is idle, and gives the pids of both.
    #[track_caller]
    pub fn warm(&self) -> (u32, u32) {
        self.run("daemon start").ok();
        wait_until("an idle worker", || {
            self.status().is_some_and(|s| s["workers"][0]["state"] == "idle")
        });
        (self.daemon_pid().unwrap(), self.worker_pid().unwrap())
    }

    /// Every process that belongs to this home.
    #[cfg(target_os = "linux")]
    pub fn processes(&self) -> Vec<super::Process> {
        super::census::census(self.path())
    }

    /// The processes that are such.
    #[cfg(target_os = "linux")]
    pub fn pids(&self, role: super::Role) -> impl Iterator<Item = u32> {
        let such = self.processes().into_iter().filter(move |process| process.role == role);
        such.map(|process| process.pid)
    }

    /// A connection that speaks JSON-RPC.
    pub fn rpc(&self) -> Rpc {
        Rpc::connect(&self.socket())
    }

    /// Every job, newest first.
    pub fn jobs(&self) -> Vec<Value> {
        let mut jobs = self.run("queue --all --limit 1000 --json").ok().json();
        jobs.sort_by_key(|job| std::cmp::Reverse(job["id"].to_string()));
        jobs
    }

    /// Waits until no job is left; each may take a minute.
    #[track_caller]
    pub fn all_end(&self) {
        let left = || {
            let status = self.status().unwrap();
            status["queued"].as_u64().unwrap() + status["running"].as_array().unwrap().len() as u64
        };
        let mut before = left();
        while before > 0 {
            wait_until("another job's end", || left() < before);
            before = left();
        }
    }

    /// Files of finished pictures.
    pub fn pictures(&self) -> Vec<PathBuf> {
        files_under(&self.at("data/pictures"))
    }

    /// Files on their way.
    pub fn staged(&self) -> Vec<PathBuf> {
        files_under(&self.at("data/staging"))
    }

    /// Every job is done, with each of its pictures once, in the store and on disk, and nothing is left on its way.
    #[track_caller]
    pub fn everything_once(&self) {
        let mut paths = Vec::new();
        for job in self.jobs() {
            assert_eq!(job["state"], "done", "{job:#}");
            let pictures = job["pictures"].as_array().unwrap();
            let batch = job["task"]["image"]["size"]["batch"].as_u64().unwrap();
            let indices: Vec<u64> = pictures.iter().map(|p| p["index"].as_u64().unwrap()).collect();
            assert_eq!(indices, (0..batch).collect::<Vec<_>>(), "{job:#}");
            paths.extend(pictures.iter().map(|p| PathBuf::from(p["path"].as_str().unwrap())));
        }
        paths.sort();
        assert_eq!(self.pictures(), paths);
        paths.iter().for_each(|path| drop(image::open(path).unwrap()));
        assert_eq!(self.staged(), [] as [PathBuf; 0]);
    }

    /// The daemon of that pid lives and makes a picture.
    #[track_caller]
    pub fn still_works(&self, daemon: u32) {
        assert_eq!(self.daemon_pid(), Some(daemon), "the daemon died");
        self.generate("fine").ok();
        assert_eq!(self.staged(), [] as [PathBuf; 0]);
        assert_eq!(self.daemon_pid(), Some(daemon), "the daemon died");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let pids = [self.daemon_pid(), self.worker_pid()];
        let ended = self.command(["daemon", "stop", "--force"]).output();
        if ended.is_ok() && !std::thread::panicking() {
            let alive = || pids.into_iter().flatten().any(is_alive);
            wait_until("the daemon's and worker's end", || !alive());
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
