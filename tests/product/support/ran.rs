//! `Ran`: the exit code and output of a command that has ended, and the claims that tests make of them. `Home::run` and the like
//! return one. A command that still runs is `watched.rs`.

use std::process::Output;

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
        for word in words {
            assert!(lines[0].contains(word), "lacks {word:?}: {self:#?}");
        }
        assert!(lines[0].len() < 600, "too long for a line: {self:#?}");
        self.printable();
    }

    /// The command failed with `code`, and what it said, on however many lines, has every word of `words`.
    #[track_caller]
    pub fn told(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "lacks {word:?}: {self:#?}");
        }
        self.printable();
    }

    /// Nothing that was printed can drive a terminal.
    #[track_caller]
    pub fn printable(&self) {
        let wild = |c: char| c.is_control() && c != '\n';
        assert!(!self.stderr.contains(wild) && !self.stdout.contains(wild), "{self:#?}");
    }

    /// The command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Its only line of standard output.
    #[track_caller]
    pub fn line(&self) -> &str {
        assert_eq!(self.stdout.lines().count(), 1, "{self:#?}");
        self.stdout.trim_end_matches('\n')
    }

    /// Its lines of standard output, which are events, as [`nested`] has them.
    #[track_caller]
    pub fn events(&self) -> Vec<serde_json::Value> {
        self.json().into_iter().map(nested).collect()
    }

    /// Its lines of standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A line of `--events` as the socket tells it: `{"seq", "job", "kind": {NAME: fields}}`.
#[track_caller]
pub fn nested(line: serde_json::Value) -> serde_json::Value {
    let name = line["event"].as_str().unwrap().to_owned();
    let (seq, job) = (line["seq"].clone(), line["job"].clone());
    let fields = if name == "notice" { line["text"].clone() } else { line };
    serde_json::json!({ "seq": seq, "job": job, "kind": { name: fields } })
}
