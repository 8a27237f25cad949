//! When the next preview may come: once the terminal has come to the end of the last one. A write over ssh blocks only after a MiB, so
//! that how long it takes says nothing; the terminal is asked for its state behind the frame (`CSI 5 n`) and answers when it gets there.
//! Pure; `run.rs` asks, and tells the daemon, which sends no preview before. A terminal that does not answer is asked no more.

use std::time::{Duration, Instant};

/// A terminal that has never answered is waited for so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// And one that answers, over the slowest link.
const LONGEST: Duration = Duration::from_secs(30);
/// A preview that takes longer on its way than this keeps keys waiting: the next is smaller.
const SLOW: Duration = Duration::from_millis(125);
/// One that takes less leaves room for a larger one, which has four times the bytes.
const FAST: Duration = Duration::from_millis(30);
/// Pixels a side that previews may have: the first, the least, the most.
pub const FIRST_PX: u32 = 128;
const LEAST_PX: u32 = 32;
const MOST_PX: u32 = 256;

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

/// What the question is about that the terminal has yet to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// The first frame: what comes after it has the way for itself.
    Begin,
    /// Nothing: how long an answer takes.
    Way,
    /// A preview.
    Preview,
}

/// How it stands.
#[derive(Debug)]
pub struct Pacing {
    drawn: u64,
    asked: Option<(Instant, About)>,
    answers: Option<bool>,
    /// How long an answer takes where nothing is on the way.
    way: Option<Duration>,
    px: u32,
    /// Whether a preview was drawn while the terminal was asked something else.
    is_behind: bool,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            drawn: 0,
            asked: None,
            answers: None,
            way: None,
            px: FIRST_PX,
            is_behind: false,
        }
    }
}

impl Pacing {
    /// The first frame was written: the terminal is to be asked.
    pub fn begin(&mut self, now: Instant) {
        self.asked = Some((now, About::Begin));
    }

    /// A frame was written whose newest preview is the one of that number; 0 where it has none.
    pub fn drew(&mut self, preview: u64, now: Instant) -> Next {
        if preview == 0 || preview == self.drawn {
            return Next::Nothing;
        }
        self.drawn = preview;
        match (self.asked, self.answers) {
            (Some(_), _) => {
                self.is_behind = true;
                Next::Nothing
            }
            (None, Some(false)) => Next::Seen,
            (None, _) => {
                self.asked = Some((now, About::Preview));
                Next::Ask
            }
        }
    }

    /// The terminal has answered: what is to be done.
    pub fn answered(&mut self, now: Instant) -> Next {
        self.answers = Some(true);
        let Some((asked, about)) = self.asked.take() else {
            return Next::Nothing;
        };
        let took = now.saturating_duration_since(asked);
        let is_behind = std::mem::take(&mut self.is_behind);
        match about {
            About::Begin => {
                self.asked = Some((now, About::Way));
                self.is_behind = is_behind;
                return Next::Ask;
            }
            About::Way => self.way = Some(took),
            About::Preview => {
                let alone = took.saturating_sub(self.way.unwrap_or(took));
                if alone > SLOW {
                    self.px = (self.px / 2).max(LEAST_PX);
                } else if self.way.is_some() && alone < FAST {
                    self.px = (self.px * 2).min(MOST_PX);
                }
                return Next::Seen;
            }
        }
        match is_behind {
            true => Next::Seen,
            false => Next::Nothing,
        }
    }

    /// Pixels a side that the next preview may have.
    pub fn px(&self) -> u32 {
        self.px
    }

    /// When waiting is over.
    pub fn due(&self) -> Option<Instant> {
        let patience = if self.answers == Some(true) { LONGEST } else { PATIENCE };
        self.asked.map(|(asked, _)| asked + patience)
    }

    /// It is: the terminal does not answer, or not any more.
    pub fn give_up(&mut self) {
        self.asked = None;
        self.is_behind = false;
        self.answers = Some(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that answers such a while after it was asked, with nothing on the way.
    fn begun(now: Instant, way: Duration) -> (Pacing, Instant) {
        let mut pacing = Pacing::default();
        pacing.begin(now);
        assert_eq!(pacing.answered(now + 2 * way), Next::Ask);
        assert_eq!(pacing.answered(now + 3 * way), Next::Nothing);
        (pacing, now + 3 * way)
    }

    #[test]
    fn one_question_a_preview_and_none_before_its_answer() {
        let way = Duration::from_millis(200);
        let (mut pacing, now) = begun(Instant::now(), way);
        assert_eq!(pacing.drew(0, now), Next::Nothing);
        assert_eq!(pacing.drew(1, now), Next::Ask);
        assert_eq!(pacing.drew(1, now), Next::Nothing, "another frame with the same");
        assert_eq!(pacing.due(), Some(now + LONGEST));
        assert_eq!(pacing.answered(now + way), Next::Seen);
        assert_eq!(pacing.answered(now + way), Next::Nothing, "nobody asked");
        assert_eq!(pacing.due(), None);
        assert_eq!(pacing.drew(2, now), Next::Ask);
    }

    #[test]
    fn previews_are_as_large_as_the_way_is_fast() {
        let ms = Duration::from_millis;
        let (mut pacing, now) = begun(Instant::now(), ms(200));
        let mut after = |preview, took| {
            assert_eq!(pacing.drew(preview, now), Next::Ask);
            assert_eq!(pacing.answered(now + ms(took)), Next::Seen);
            pacing.px()
        };
        assert_eq!([after(1, 205), after(2, 210)], [256, 256]);
        assert_eq!([after(3, 700), after(4, 300), after(5, 400)], [128, 128, 64]);
        assert_eq!([after(6, 900), after(7, 900)], [32, 32]);
        assert_eq!(after(8, 201), 64);
    }

    #[test]
    fn a_silent_terminal_is_asked_once_and_one_that_answers_late_again() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.begin(now);
        assert_eq!(pacing.due(), Some(now + PATIENCE));
        assert_eq!(pacing.drew(1, now), Next::Nothing, "it is asked already");
        pacing.give_up();
        assert_eq!(pacing.drew(2, now), Next::Seen);
        assert_eq!(pacing.answered(now), Next::Nothing);
        assert_eq!(pacing.drew(3, now), Next::Ask);
    }

    #[test]
    fn a_preview_that_came_while_the_way_was_measured_is_seen_with_the_answer() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.begin(now);
        assert_eq!(pacing.drew(1, now), Next::Nothing);
        assert_eq!(pacing.answered(now), Next::Ask);
        assert_eq!(pacing.answered(now), Next::Seen);
    }
}
