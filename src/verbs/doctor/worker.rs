//! What the worker says of itself, or why it does not start, in one line with the remedy. `mod.rs` asks. The program is run by
//! `src/worker.rs`, which `bench` uses too; whether the answer is good enough is decided in `checks.rs`.

use std::ffi::OsStr;
use std::time::Duration;

use darkroom_daemon::workers::Program;
use darkroom_protocol::message::worker::Ready;

use crate::{say, worker};

/// Loading libtorch from a cold disk takes a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks the worker what it is: `--describe` prints one line.
///
/// # Errors
/// What is wrong with it and what to do, in one line.
pub(super) async fn describe(program: &Program) -> Result<Ready, String> {
    let shown = say::shown(&program.path);
    let answer = worker::ask(program, &[OsStr::new("--describe")], PATIENCE).await?;
    if !answer.status.success() {
        return Err(format!(
            "The worker {shown} does not start ({}): {}. Its libtorch is missing or another one; fetch it with `cargo xtask libtorch`.",
            answer.status,
            answer.complaint.trim().trim_end_matches('.')
        ));
    }
    serde_json::from_str(&answer.line).map_err(|e| {
        format!(
            "The worker {shown} is of another build ({e}): install both programs together with `cargo xtask install`."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn described(script: &str) -> Result<Ready, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("darkroom-worker");
        // Written by another process: a file that this one has open for writing could leak into a test's child, and a
        // program that anybody has open for writing cannot be started.
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"";
        let written = std::process::Command::new("sh")
            .args(["-c", write, "sh", script])
            .arg(&path)
            .status();
        assert!(written.unwrap().success());
        let program = Program {
            path,
            ..Program::default()
        };
        describe(&program).await
    }

    #[tokio::test]
    async fn the_last_line_counts() {
        let script = r#"echo noise; echo '{"version":"0.1.0","pid":1,"libtorch":"2.11.0","folder":"/t","device":"cpu","devices":[],"cpu":["avx2"],"capabilities":["image"],"embedded":["emoji"]}'"#;
        assert_eq!(described(script).await.unwrap().libtorch, "2.11.0");
    }

    #[tokio::test]
    async fn one_that_does_not_start_is_quoted() {
        let message = described("echo 'libtorch.so: cannot open' >&2; exit 127")
            .await
            .unwrap_err();
        assert!(
            message.contains("libtorch.so: cannot open") && message.contains("cargo xtask libtorch"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn one_of_another_build_is_told_apart() {
        let message = described("echo usage").await.unwrap_err();
        assert!(message.contains("of another build"), "{message}");
    }
}
