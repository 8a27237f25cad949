//! The process of a daemon that is to end: that one, and never another that is given its number later.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, test_kill_process};

use crate::{Error, Result};

const PAUSE: Duration = Duration::from_millis(20);

/// A daemon's process, held so that its number cannot mislead.
pub struct Process {
    pid: Pid,
    /// The system's handle of it, where there are such.
    handle: Option<OwnedFd>,
    /// When it started, in the system's own words, where it tells.
    started: Option<String>,
}

impl Process {
    /// The daemon of that number; `None` when there is no such process, or it is something else: the number may have been told by
    /// a daemon in another container.
    pub fn of(pid: u32) -> Option<Self> {
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        let handle = handle(raw);
        // Looked at after the handle was taken: it is of the process that is seen here.
        let process = Self {
            pid: raw,
            handle,
            started: started(raw),
        };
        (is_daemon(raw) && !process.has_ended()).then_some(process)
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Whether it is gone.
    pub fn has_ended(&self) -> bool {
        if test_kill_process(self.pid) == Err(rustix::io::Errno::SRCH) {
            return true;
        }
        // A zombie has no start any more, and a successor by that number another one.
        self.started.is_some() && started(self.pid) != self.started
    }

    /// Waits for its end at most so long; whether it came.
    pub async fn ends_within(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while !self.has_ended() {
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    /// Sends it a signal. One that has ended needs none.
    ///
    /// # Errors
    /// [`Error::Failed`] when the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.has_ended() {
            return Ok(());
        }
        match send(self.handle.as_ref(), self.pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(e) => Err(Error::Failed(format!(
                "The daemon (pid {}) cannot be signalled: {e}.",
                self.pid()
            ))),
        }
    }
}

#[cfg(target_os = "linux")]
fn handle(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn handle(_: Pid) -> Option<OwnedFd> {
    None
}

#[cfg(target_os = "linux")]
fn send(handle: Option<&OwnedFd>, pid: Pid, signal: Signal) -> rustix::io::Result<()> {
    match handle {
        Some(handle) => rustix::process::pidfd_send_signal(handle, signal),
        None => rustix::process::kill_process(pid, signal),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(_: Option<&OwnedFd>, pid: Pid, signal: Signal) -> rustix::io::Result<()> {
    rustix::process::kill_process(pid, signal)
}

/// When a process started, in ticks since the machine did; `None` for a zombie, and where there is no /proc.
fn started(pid: Pid) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name before the last bracket may hold anything. The state follows it, and the start 19 fields later.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let alive = fields.first().is_some_and(|state| !matches!(*state, "Z" | "X"));
    fields.get(19).filter(|_| alive).map(|start| (*start).to_owned())
}

/// Whether it is a daemon of ours, as far as the system tells.
fn is_daemon(pid: Pid) -> bool {
    match std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) {
        Ok(line) => line
            .split(|byte| *byte == 0)
            .skip(1)
            .take(2)
            .eq([&b"daemon"[..], b"run"]),
        Err(_) => !std::path::Path::new("/proc/self").exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_no_daemon_is_none() {
        assert!(Process::of(std::process::id()).is_none());
        assert!(Process::of(0).is_none());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn it_ends_once_and_is_not_mistaken_for_another() {
        // `sleep` under the name of a daemon; the words after it are its second and third argument.
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "exec sleep 60", "daemon", "run"]);
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        let process = Process {
            pid,
            handle: handle(pid),
            started: started(pid),
        };
        assert!(!process.has_ended());
        let another = Process {
            started: Some("1".to_owned()),
            handle: None,
            ..process
        };
        assert!(another.has_ended(), "its start is another");
        let process = Process {
            pid,
            handle: handle(pid),
            started: started(pid),
        };
        process.signal(Signal::KILL).unwrap();
        assert!(process.ends_within(Duration::from_secs(60)).await, "a zombie has ended");
        child.wait().unwrap();
        process.signal(Signal::KILL).unwrap();
    }
}
