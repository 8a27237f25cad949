//! When the next preview may come: once the terminal has come to the end of the last one. A write over ssh blocks only after a MiB, so
//! that how long it takes says nothing; the terminal is asked for its state behind the frame (`CSI 5 n`) and answers when it gets there.
//! Pure; `run.rs` asks, and tells the daemon, which sends no preview before. A terminal that does not answer is asked no more.

use std::time::{Duration, Instant};

/// A terminal that has never answered is waited for so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// And one that answers, over the slowest link.
const LONGEST: Duration = Duration::from_secs(30);

/// What is to be done after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it shows no other preview than the one before.
    Nothing,
    /// The terminal is to be asked for its state.
    Ask,
    /// The preview was seen.
    Seen,
}

/// How it stands.
#[derive(Debug, Default)]
pub struct Pacing {
    drawn: u64,
    asked: Option<Instant>,
    answers: Option<bool>,
}

impl Pacing {
    /// A frame was written whose newest preview is the one of that number; 0 where it has none.
    pub fn drew(&mut self, preview: u64, now: Instant) -> Next {
        if preview == 0 || preview == self.drawn {
            return Next::Nothing;
        }
        self.drawn = preview;
        match (self.asked, self.answers) {
            (Some(_), _) => Next::Nothing,
            (None, Some(false)) => Next::Seen,
            (None, _) => {
                self.asked = Some(now);
                Next::Ask
            }
        }
    }

    /// The terminal has answered: whether a preview was seen by that.
    pub fn answered(&mut self) -> bool {
        self.answers = Some(true);
        self.asked.take().is_some()
    }

    /// When waiting is over.
    pub fn due(&self) -> Option<Instant> {
        let patience = if self.answers == Some(true) { LONGEST } else { PATIENCE };
        self.asked.map(|asked| asked + patience)
    }

    /// It is: the terminal does not answer, or not any more.
    pub fn give_up(&mut self) {
        self.asked = None;
        self.answers = Some(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_a_preview_and_none_before_its_answer() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert_eq!(pacing.drew(0, now), Next::Nothing);
        assert_eq!(pacing.drew(1, now), Next::Ask);
        assert_eq!(pacing.drew(1, now), Next::Nothing, "another frame with the same");
        assert_eq!(pacing.due(), Some(now + PATIENCE));
        assert!(pacing.answered());
        assert!(!pacing.answered(), "nobody asked");
        assert_eq!(pacing.due(), None);
        assert_eq!(pacing.drew(2, now), Next::Ask);
        assert_eq!(pacing.due(), Some(now + LONGEST));
    }

    #[test]
    fn a_silent_terminal_is_asked_once_and_one_that_answers_late_again() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert_eq!(pacing.drew(1, now), Next::Ask);
        pacing.give_up();
        assert_eq!(pacing.drew(2, now), Next::Seen);
        assert!(!pacing.answered());
        assert_eq!(pacing.drew(3, now), Next::Ask);
    }
}
