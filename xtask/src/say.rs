//! What a person reads while a task runs: sizes, times, progress. All of it goes to stderr.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Decimal, as pip and disks count: `2 MB`, `531 MB`, `2.6 GB`.
pub fn size(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes >= 999.5 {
        format!("{:.1} GB", megabytes / 1e3)
    } else {
        format!("{:.0} MB", megabytes.ceil())
    }
}

/// `0.3 s`, `41.0 s`, `4 min 37 s`.
pub fn time(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round() as u64;
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

/// One line that counts up on a terminal; elsewhere a line every ten seconds.
pub struct Progress {
    label: String,
    total: u64,
    most: u64,
    started: Instant,
    shown: Instant,
    terminal: bool,
}

impl Progress {
    pub fn start(label: impl Into<String>, total: u64) -> Self {
        let now = Instant::now();
        Self {
            label: label.into(),
            total,
            most: 0,
            started: now,
            shown: now,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows `done` of the total bytes, when a showing is due. It never counts down.
    pub fn at(&mut self, done: u64) {
        self.most = self.most.max(done).min(self.total);
        let pause = if self.terminal {
            Duration::from_millis(200)
        } else {
            Duration::from_secs(10)
        };
        if self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let line = format!("  {}: {} of {}", self.label, size(self.most), size(self.total));
        if self.terminal {
            eprint!("\r\x1b[K{line}");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{line}");
        }
    }

    /// Ends with `detail` and the time it took.
    pub fn finish(self, detail: &str) {
        self.clear();
        eprintln!("  {}: {detail}, {}", self.label, time(self.started.elapsed()));
    }

    /// Leaves the line empty for a sentence to stand on.
    pub fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0 MB")]
    #[case(1, "1 MB")]
    #[case(2_243_632, "3 MB")]
    #[case(530_712_279, "531 MB")]
    #[case(999_600_000, "1.0 GB")]
    #[case(2_640_000_000, "2.6 GB")]
    fn sizes_read_as_people_say_them(#[case] bytes: u64, #[case] said: &str) {
        assert_eq!(size(bytes), said);
    }

    #[rstest]
    #[case(0.04, "0.0 s")]
    #[case(59.94, "59.9 s")]
    #[case(59.96, "1 min 0 s")]
    #[case(277.2, "4 min 37 s")]
    fn times_read_as_people_say_them(#[case] seconds: f64, #[case] said: &str) {
        assert_eq!(time(Duration::from_secs_f64(seconds)), said);
    }
}
