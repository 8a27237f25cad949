//! Asking the worker program something without a daemon: it prints a line of JSON and ends.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use darkroom_daemon::workers::Program;
use tokio::process::Command;

use crate::say;

/// What the worker did.
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// Its last line of JSON; may be empty.
    pub line: String,
    /// The last thing it complained about.
    pub complaint: String,
}

/// Runs the worker with `args` and waits for its end, at most `patience`. It is killed when the wait ends early.
///
/// # Errors
/// That it cannot be run or says nothing in time, in one line.
pub async fn ask(program: &Program, args: &[&OsStr], patience: Duration) -> Result<Answer, String> {
    let shown = say::shown(&program.path);
    let child = Command::new(&program.path)
        .args(&program.args)
        .args(args)
        .envs(program.env.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("The worker {shown} cannot be run: {e}. Install it with `cargo xtask install`."))?;
    let output = match tokio::time::timeout(patience, child.wait_with_output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(e)) => return Err(format!("The worker {shown} cannot be read: {e}.")),
        Err(_) => {
            let seconds = patience.as_secs();
            return Err(format!(
                "The worker {shown} says nothing within {seconds} s: try `{shown} --describe`."
            ));
        }
    };
    let last = |bytes: &[u8], wanted: fn(&&str) -> bool| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().rev().find(wanted).map(str::to_owned)
    };
    let complaint = last(&output.stderr, |line| !line.trim().is_empty());
    Ok(Answer {
        status: output.status,
        line: last(&output.stdout, |line| line.starts_with('{')).unwrap_or_default(),
        complaint: complaint.unwrap_or_else(|| "it says nothing".to_owned()),
    })
}
