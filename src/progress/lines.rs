//! Progress where standard error is no terminal: a line every five seconds. `Display` in `mod.rs` prints the lines; the words are
//! made in `words.rs`. The bar of a terminal is `bar.rs`.

use std::time::{Duration, Instant};

use darkroom_protocol::Progress;

use super::words;
use crate::say;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Progress for a log: one line each few seconds, so that a job that takes no longer says nothing.
#[derive(Default)]
pub(super) struct Lines {
    last: Option<Instant>,
}

impl Lines {
    /// The line to print now, if it is time.
    pub(super) fn line(&mut self, progress: &Progress, now: Instant) -> Option<String> {
        let last = *self.last.get_or_insert(now);
        if now.duration_since(last) < PAUSE {
            return None;
        }
        self.last = Some(now);
        Some(words::line(progress, &say::marks()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::Phase;

    #[test]
    fn lines_are_rare() {
        let progress = Progress {
            phase: Phase::Encode,
            image: 0,
            images: 1,
            step: 0,
            steps: 1,
            sigma: None,
            step_s: None,
            eta_s: None,
        };
        let (mut lines, start) = (Lines::default(), Instant::now());
        let printed = (0..100u32).filter(|i| {
            let now = start + Duration::from_millis(100 * u64::from(*i));
            lines.line(&progress, now).is_some()
        });
        assert_eq!(printed.collect::<Vec<_>>(), [50]);
    }
}
