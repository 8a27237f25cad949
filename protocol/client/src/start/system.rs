//! The start algorithm's [`World`] as it really is: the socket, the two locks, a child process and the log that it writes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{PipeReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use darkroom_protocol::files;
use darkroom_protocol::paths::{Paths, kept_folder};
use darkroom_protocol::text::escape_line;

use super::caller;
use super::ensure::World;
use super::owner::{Owner, owner};
use crate::words::{reason, shown};
use crate::{Client, Error, Result, candidates};

/// The daemon is looked for so often.
const PAUSE: Duration = Duration::from_millis(40);
/// So many of its log lines are shown when it does not come up.
const LAST_LINES: usize = 20;
/// Where they are looked for, counted from the end.
const LAST_BYTES: u64 = 64 * 1024;

/// The real system.
pub struct System<'a> {
    paths: &'a Paths,
    began: Instant,
    child: Option<Child>,
    /// What it says before it listens, where its log cannot be written.
    words: Option<PipeReader>,
    /// Length of the log before the daemon was started.
    log_before: u64,
}

impl<'a> System<'a> {
    pub fn new(paths: &'a Paths) -> Self {
        Self {
            paths,
            began: Instant::now(),
            child: None,
            words: None,
            log_before: 0,
        }
    }

    /// The last lines that the daemon wrote since it was started, each indented.
    fn last_words(&self) -> String {
        let mut text = Vec::new();
        let read = files::open(&self.paths.log()).and_then(|mut file| {
            let length = file.metadata()?.len();
            // A log that was set aside begins anew.
            let begin = if length < self.log_before { 0 } else { self.log_before };
            file.seek(SeekFrom::Start(begin.max(length.saturating_sub(LAST_BYTES))))?;
            file.take(LAST_BYTES).read_to_end(&mut text)
        });
        if read.is_err() {
            text.clear();
        }
        if let Some(words) = &self.words {
            // It does not wait: what was read until an error counts.
            let _ = words.take(LAST_BYTES).read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text);
        let lines = once(&text);
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        last.iter().map(|line| format!("\n  {}", escape_line(line))).collect()
    }
}

/// The lines of a log, without what the daemon said of its own end on standard error after it had logged the same.
fn once(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let said = line.strip_prefix("darkroom: ");
        let logged = |said: &str| lines.iter().any(|line| line.ends_with(&format!(": {said}")));
        if !said.is_some_and(logged) {
            lines.push(line);
        }
    }
    lines
}

impl World for System<'_> {
    type Client = Client;
    type Guard = File;

    async fn connect(&mut self) -> darkroom_protocol::Result<Client> {
        match Client::connect(self.paths).await {
            // A service manager listens for a daemon that it is just starting.
            Err(darkroom_protocol::Error::Timeout { .. }) if matches!(owner(self.paths), Ok(Owner::Nobody)) => {
                Err(darkroom_protocol::Error::Unreachable {
                    socket: self.paths.socket(),
                    why: "the service manager listens, the daemon does not answer yet".to_owned(),
                })
            }
            other => other,
        }
    }

    fn lock_startup(&mut self) -> Result<Option<File>> {
        for folder in [&self.paths.data, &self.paths.state] {
            kept_folder(folder)?;
        }
        let path = self.paths.startup_lock();
        let failed = |e: std::io::Error| {
            let (path, why) = (shown(&path), reason(&e));
            Error::Unreachable(format!("The daemon did not start: {path} cannot be written: {why}."))
        };
        if let Ok(meta) = std::fs::metadata(&path) {
            files::regular(meta.file_type()).map_err(failed)?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }

    fn holder(&mut self) -> Result<Option<u32>> {
        let path = self.paths.lock();
        let failed = |e| Error::Failed(format!("The lock {} cannot be read: {e}.", shown(&path)));
        match owner(self.paths).map_err(failed)? {
            Owner::Somebody(record) => Ok(Some(record.map_or(0, |r| r.pid))),
            // A dead daemon's socket is removed by the next one, which holds the lock while it does.
            Owner::Nobody => Ok(None),
        }
    }

    fn spawn(&mut self) -> Result<()> {
        let failed = |e: std::io::Error| Error::Failed(format!("The daemon cannot be started: {e}."));
        self.log_before = std::fs::metadata(self.paths.log()).map_or(0, |m| m.len());
        let (words, said) = std::io::pipe().map_err(failed)?;
        rustix::io::ioctl_fionbio(&words, true).map_err(|e| failed(e.into()))?;
        caller::keep_descriptors();
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command
            .args(["daemon", "run", "--background"])
            .env_clear()
            .envs(caller::environment(std::env::vars_os()).map_err(failed)?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .current_dir("/");
        self.child = Some(command.spawn().map_err(failed)?);
        self.words = Some(words);
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        Some(status.to_string())
    }

    async fn pause(&mut self) {
        tokio::time::sleep(PAUSE).await;
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn silent(&self, pid: u32) -> Error {
        let tried = candidates(self.paths);
        let socket = tried.first().map(|s| shown(s)).unwrap_or_default();
        Error::Unreachable(format!(
            "A daemon (pid {pid}) is running but does not answer on {socket}: see {}, or run `darkroom daemon restart --force`.",
            shown(&self.paths.log())
        ))
    }

    fn stillborn(&self, why: &str) -> Error {
        let log = shown(&self.paths.log());
        Error::Unreachable(format!(
            "The daemon did not start ({why}); its log is {log}:{}",
            self.last_words()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_ended_is_told_once() {
        let log = "2026 INFO  daemon::store: a: b\n2026 ERROR daemon::lifecycle: /c: line 1: no.\ndarkroom: /c: line 1: no.\ndarkroom: other\n";
        assert_eq!(
            once(log),
            [
                "2026 INFO  daemon::store: a: b",
                "2026 ERROR daemon::lifecycle: /c: line 1: no.",
                "darkroom: other"
            ]
        );
    }
}
