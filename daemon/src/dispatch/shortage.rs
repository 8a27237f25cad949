//! What keeps the line waiting while the environment takes nothing: why, how many bytes must fit, and when it is tried again. A
//! value without a disk or a dispatcher; `run_short` is what acts on it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause: so late a disk that has room again is noticed.
const LONGEST: Duration = Duration::from_secs(10);

/// The disk, a folder or the database takes nothing for now, so that nothing is started: that is no job's fault. The queue goes
/// on by itself when they do.
#[derive(Debug)]
pub struct Shortage {
    /// When it is tried again; `None` while all is well.
    pub until: Option<Instant>,
    pause: Duration,
    /// So many bytes must fit.
    pub bytes: u64,
    /// The folder of pictures in which something could not be kept.
    pub folder: Option<PathBuf>,
    why: String,
    told: bool,
}

impl Default for Shortage {
    fn default() -> Self {
        Self {
            until: None,
            pause: FIRST,
            bytes: 0,
            folder: None,
            why: String::new(),
            told: false,
        }
    }
}

impl Shortage {
    /// Begins or goes on: at least so many `bytes` must fit before anything is started again. `true` when it is to be told: the
    /// first time, and when it is for another reason than before.
    pub fn note(&mut self, bytes: u64, why: &str, now: Instant) -> bool {
        self.bytes = self.bytes.max(bytes);
        if self.until.is_none() {
            self.put_off(now);
        }
        let news = !self.told || self.why != why;
        self.why = why.to_owned();
        self.told = true;
        news
    }

    /// Tries again after the next, longer pause.
    pub fn put_off(&mut self, now: Instant) {
        self.until = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
    }

    /// Why nothing is started, and what to do; `None` while all is well.
    pub fn why(&self) -> Option<String> {
        self.until.map(|_| in_words(&self.why))
    }

    /// A job has ended as it should: all is well.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

/// A reason as people are told it.
pub fn in_words(why: &str) -> String {
    format!("{why} The queue waits and goes on by itself.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_and_tried_ever_more_rarely() {
        let now = Instant::now();
        let mut shortage = Shortage::default();
        assert!(shortage.note(10, "full.", now) && !shortage.note(5, "full.", now));
        assert_eq!((shortage.bytes, shortage.until), (10, Some(now + FIRST)));
        assert!(shortage.note(5, "read-only.", now), "another reason is told");
        assert_eq!(
            shortage.why().unwrap(),
            "read-only. The queue waits and goes on by itself."
        );
        shortage.put_off(now);
        assert_eq!(shortage.until, Some(now + 2 * FIRST));
        for _ in 0..9 {
            shortage.put_off(now);
        }
        assert_eq!(shortage.until, Some(now + LONGEST));
        shortage.end();
        assert_eq!((shortage.until, shortage.why()), (None, None));
        assert!(shortage.note(1, "full.", now));
        assert_eq!(shortage.until, Some(now + FIRST));
    }
}
