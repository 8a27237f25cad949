//! How a pull goes, in a line: written over on a terminal, else a line for each change of state. `mod.rs` shows it while it waits, and
//! lists print the same words.

use std::io::{IsTerminal as _, Write as _};

use darkroom_client::words;
use darkroom_protocol::message::pull::{Pull, PullState};
use darkroom_protocol::text::escape_line;

use crate::say;

/// The line on standard error.
pub struct Line {
    on_terminal: bool,
    shown: bool,
    last: Option<(PullState, Option<String>)>,
}

impl Line {
    pub fn new() -> Self {
        Self {
            on_terminal: std::io::stderr().is_terminal(),
            shown: false,
            last: None,
        }
    }

    /// Shows how it stands.
    pub fn show(&mut self, pull: &Pull) {
        if self.on_terminal {
            let width = say::columns_of_stderr().unwrap_or(80).saturating_sub(3);
            let text = say::brief(&line(pull), width);
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
            self.shown = true;
            return;
        }
        let now = (pull.state, pull.notice.clone());
        let is_told = matches!(
            pull.state,
            PullState::Fetching | PullState::Checking | PullState::Waiting
        );
        if is_told && self.last.as_ref() != Some(&now) {
            say::note(&line(pull));
        }
        self.last = Some(now);
    }

    /// Takes it away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
        }
    }
}

/// How far it is.
fn line(pull: &Pull) -> String {
    let mut parts = vec![pull.state.name().to_owned()];
    match pull.bytes {
        Some(bytes) if bytes > 0 => {
            let percent = (u128::from(pull.done) * 100 / u128::from(bytes)).min(100);
            parts.push(format!("{percent}%"));
            parts.push(format!("{} of {}", words::size(pull.done), words::size(bytes)));
        }
        _ if pull.done > 0 => parts.push(words::size(pull.done)),
        _ => {}
    }
    if pull.state == PullState::Fetching && pull.speed > 0 {
        parts.push(format!("{}/s", words::size(pull.speed)));
    }
    if let Some(left) = pull.eta_s.filter(|_| pull.state == PullState::Fetching) {
        parts.push(format!("{} left", words::duration(left as f64)));
    }
    parts.extend(pull.notice.as_ref().map(|notice| escape_line(notice).into_owned()));
    parts.join(", ")
}

/// A row of the list.
pub fn row(pull: &Pull) -> String {
    let mut row = format!("{}  {}  ", pull.id, say::brief(&pull.what, 60));
    row.push_str(&line(pull));
    if let Some(problem) = &pull.problem {
        row.push_str(": ");
        row.push_str(&escape_line(problem));
    } else if pull.state == PullState::Done {
        row.push_str(": ");
        row.push_str(&escape_line(&pull.to));
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let mut pull = Pull {
            id: "0a1b2c3d".into(),
            what: "sdxl".into(),
            state: PullState::Fetching,
            bytes: Some(6 << 30),
            done: 3 << 30,
            speed: 50 << 20,
            eta_s: Some(62),
            ..Pull::default()
        };
        insta::assert_snapshot!(row(&pull), @"0a1b2c3d  sdxl  fetching, 50%, 3.0 GiB of 6.0 GiB, 50.0 MiB/s, 1 min 2 s left");
        pull.state = PullState::Failed;
        pull.problem = Some("The disk is\x1b full.".into());
        insta::assert_snapshot!(row(&pull), @r"0a1b2c3d  sdxl  failed, 50%, 3.0 GiB of 6.0 GiB: The disk is\u{1b} full.");
    }
}
