//! `Watched`: a running command with `--events`, whose events a test can wait for and which it can signal. Tests in `cancel.rs`,
//! `crash.rs`, `disk.rs`, `queue.rs` and others use it. A command that is only run to its end is `ran.rs`, which also gives
//! events the socket's form.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::{Ran, kill, nested};

/// A running `generate --events` or `wait --events`.
pub struct Watched {
    child: Child,
    events: Receiver<Value>,
    errors: JoinHandle<String>,
    /// Every event so far.
    pub seen: Vec<Value>,
}

impl Watched {
    /// Runs the command, whose standard output is events.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (sender, events) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                let _ = sender.send(nested(event));
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self {
            child,
            events,
            errors,
            seen: vec![],
        }
    }

    /// The next event's kind; `None` after the last.
    fn next(&mut self) -> Option<Value> {
        let event = self.events.recv_timeout(Duration::from_secs(300)).ok()?;
        self.seen.push(event.clone());
        Some(event)
    }

    /// Waits for an event that `wanted` takes; its job's id.
    #[track_caller]
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> String {
        while let Some(event) = self.next() {
            if wanted(&event["kind"]) {
                return event["job"].as_str().unwrap().to_owned();
            }
        }
        panic!("it never came: {:#?}", self.seen);
    }

    /// Waits until the job is in that phase.
    #[track_caller]
    pub fn until_phase(&mut self, phase: &str) -> String {
        self.until(|kind| kind["progress"]["phase"] == phase)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        kill(self.child.id(), signal);
    }

    /// Waits for its end; standard output is in `seen`.
    pub fn finish(mut self) -> (Ran, Vec<Value>) {
        while self.next().is_some() {}
        let status = self.child.wait().unwrap();
        let ran = Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: self.errors.join().unwrap(),
        };
        (ran, self.seen)
    }
}
