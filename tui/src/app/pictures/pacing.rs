//! How much may be on the way to the terminal, and when the next preview may come: once the terminal has come to the end of the last one.
//! A write over ssh blocks only after a MiB, so that how long it takes says nothing; behind a picture the terminal is asked for its state
//! (`CSI 5 n`), and answers when it gets there. What an answer takes beside the way itself is what a key would wait, so that the bytes on the
//! way are kept to what takes a moment. Pure; `run.rs` asks, and tells the daemon, which sends no preview before.

use std::collections::VecDeque;
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
/// Bytes of pictures that may be on the way at one time: at first, at least, at most.
const FIRST_BYTES: usize = 16 << 10;
const LEAST_BYTES: usize = 4 << 10;
const MOST_BYTES: usize = 8 << 20;
/// They go in so many parts, each with a question behind it.
const PARTS: usize = 4;

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

/// A question that the terminal has yet to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    when: Instant,
    /// Bytes of pictures before it.
    bytes: usize,
    /// Bytes that were on the way then, these included.
    under_way: usize,
    /// Whether a preview ended with them.
    preview: bool,
    /// Whether the next question follows on its answer: what was written first is away then.
    is_first: bool,
}

/// How it stands.
#[derive(Debug)]
pub struct Pacing {
    drawn: u64,
    asked: VecDeque<Asked>,
    answers: Option<bool>,
    /// The shortest time that an answer took: that of the way itself.
    way: Option<Duration>,
    px: u32,
    /// Bytes that may be on the way at one time, and since when they are so many.
    window: usize,
    since: Option<Instant>,
    /// Whether nothing took long yet: the window is still looked for.
    is_new: bool,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            drawn: 0,
            asked: VecDeque::new(),
            answers: None,
            way: None,
            px: FIRST_PX,
            window: FIRST_BYTES,
            since: None,
            is_new: true,
        }
    }
}

impl Pacing {
    /// The first frame was written, or the first one after the terminal was given back: it is to be asked.
    pub fn begin(&mut self, now: Instant) {
        self.asked.clear();
        self.answers = None;
        self.ask(0, false, now);
        if let Some(asked) = self.asked.back_mut() {
            asked.is_first = true;
        }
    }

    /// A frame was written whose newest preview is the one of that number, 0 where it has none, and with it so many bytes of pictures.
    pub fn drew(&mut self, preview: u64, bytes: usize, now: Instant) -> Next {
        if preview == 0 || preview == self.drawn {
            return Next::Nothing;
        }
        self.drawn = preview;
        self.sent(bytes, true, now)
    }

    /// So many bytes of pictures were written, with the end of a preview or without; what is to be done.
    pub fn sent(&mut self, bytes: usize, preview: bool, now: Instant) -> Next {
        if self.answers == Some(false) {
            return if preview { Next::Seen } else { Next::Nothing };
        }
        self.ask(bytes, preview, now);
        Next::Ask
    }

    fn ask(&mut self, bytes: usize, preview: bool, when: Instant) {
        let under_way = bytes + self.under_way();
        self.asked.push_back(Asked {
            when,
            bytes,
            under_way,
            preview,
            is_first: false,
        });
    }

    /// The terminal has answered: what is to be done.
    pub fn answered(&mut self, now: Instant) -> Next {
        self.answers = Some(true);
        let Some(asked) = self.asked.pop_front() else {
            return Next::Nothing;
        };
        let took = now.saturating_duration_since(asked.when);
        if asked.is_first {
            self.ask(0, false, now);
            return Next::Ask;
        }
        let way = self.way.map_or(took, |way| way.min(took));
        // Before there is a time to compare with, none is long.
        let alone = self.way.map(|_| took - way);
        self.way = Some(way);
        if let Some(alone) = alone {
            self.learn(&asked, alone, now);
        }
        if asked.preview { Next::Seen } else { Next::Nothing }
    }

    /// What was sent took so long beside the way itself. What was sent before the window changed says nothing of it as it is now.
    fn learn(&mut self, asked: &Asked, alone: Duration, now: Instant) {
        if self.since.is_none_or(|since| asked.when >= since) {
            let is_used = 2 * asked.under_way >= self.window;
            let window = match alone {
                alone if alone > SLOW => self.window * 3 / 4,
                alone if alone < FAST && is_used && self.is_new => self.window * 2,
                alone if alone < FAST && is_used => self.window * 5 / 4,
                _ => self.window,
            };
            self.is_new &= alone <= SLOW;
            let window = window.clamp(LEAST_BYTES, MOST_BYTES);
            if window != self.window {
                (self.window, self.since) = (window, Some(now));
            }
        }
        if asked.preview && (alone > SLOW || asked.bytes > self.window) {
            self.px = (self.px / 2).max(LEAST_PX);
        } else if asked.preview && alone < FAST && 4 * asked.bytes <= self.window {
            self.px = (self.px * 2).min(MOST_PX);
        }
    }

    fn under_way(&self) -> usize {
        self.asked.iter().map(|asked| asked.bytes).sum()
    }

    /// Bytes of pictures that may be written now; none where enough are on the way.
    pub fn room(&self) -> Option<usize> {
        if self.answers == Some(false) {
            return Some(usize::MAX);
        }
        // Before the terminal has said anything, nothing is known of the way.
        let is_known = self.answers.is_some();
        let part = (self.window / PARTS).max(LEAST_BYTES);
        (is_known && self.under_way() + part <= self.window.max(part)).then_some(part)
    }

    /// Pixels a side that the next preview may have.
    pub fn px(&self) -> u32 {
        self.px
    }

    /// When waiting is over.
    pub fn due(&self) -> Option<Instant> {
        let patience = if self.answers == Some(true) { LONGEST } else { PATIENCE };
        self.asked.front().map(|asked| asked.when + patience)
    }

    /// It is: the terminal does not answer. One that did is asked anew.
    pub fn give_up(&mut self, now: Instant) -> Next {
        if self.answers == Some(true) {
            self.begin(now);
            return Next::Ask;
        }
        self.asked.clear();
        self.answers = Some(false);
        Next::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// A terminal that answers such a while after it was asked, with nothing on the way.
    fn begun(way: Duration) -> (Pacing, Instant) {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.begin(now);
        assert_eq!(pacing.room(), None, "nothing is known yet");
        assert_eq!(pacing.answered(now + 2 * way), Next::Ask);
        assert_eq!(pacing.answered(now + 3 * way), Next::Nothing);
        (pacing, now + 3 * way)
    }

    #[test]
    fn one_question_a_preview() {
        let (mut pacing, now) = begun(ms(200));
        assert_eq!(pacing.drew(0, 0, now), Next::Nothing);
        assert_eq!(pacing.drew(1, 0, now), Next::Ask);
        assert_eq!(pacing.drew(1, 0, now), Next::Nothing, "another frame with the same");
        assert_eq!(pacing.due(), Some(now + LONGEST));
        assert_eq!(pacing.answered(now + ms(200)), Next::Seen);
        assert_eq!(pacing.answered(now + ms(200)), Next::Nothing, "nobody asked");
        assert_eq!(pacing.due(), None);
        assert_eq!(pacing.drew(2, 0, now), Next::Ask);
    }

    #[test]
    fn previews_are_as_large_as_the_way_is_fast() {
        let (mut pacing, now) = begun(ms(200));
        let mut after = |preview, took| {
            assert_eq!(pacing.drew(preview, 0, now), Next::Ask);
            assert_eq!(pacing.answered(now + ms(took)), Next::Seen);
            pacing.px()
        };
        assert_eq!([after(1, 205), after(2, 210)], [256, 256]);
        assert_eq!([after(3, 700), after(4, 300), after(5, 400)], [128, 128, 64]);
        assert_eq!([after(6, 900), after(7, 900)], [32, 32]);
        assert_eq!(after(8, 201), 64);
    }

    /// Writes whatever there is room for over a way of so many bytes a second, for `seconds`: bytes a second, and the longest time
    /// that something waited beside the way itself, once that is known.
    fn flood(way: Duration, rate: f64, seconds: u64) -> (f64, Duration) {
        let (mut pacing, begin) = begun(way);
        let (mut now, mut free, mut all, mut longest) = (begin, begin, 0, Duration::ZERO);
        let mut answers: VecDeque<Instant> = VecDeque::new();
        while now < begin + Duration::from_secs(seconds) {
            while let Some(room) = pacing.room() {
                assert_eq!(pacing.sent(room, false, now), Next::Ask);
                free = free.max(now) + Duration::from_secs_f64(room as f64 / rate);
                if now > begin + Duration::from_secs(seconds / 2) {
                    longest = longest.max(free - now);
                }
                all += room;
                answers.push_back(free + way);
            }
            now = answers.pop_front().unwrap();
            pacing.answered(now);
        }
        (all as f64 / seconds as f64, longest)
    }

    #[test]
    fn a_slow_way_is_used_well_and_nothing_waits_long() {
        for (way, rate) in [(ms(200), 150e3), (ms(40), 150e3), (ms(100), 1e6), (ms(200), 40e3)] {
            let (used, longest) = flood(way, rate, 40);
            assert!(used > 0.6 * rate, "{used} of {rate} over {way:?}");
            assert!(longest < ms(400), "{longest:?} at {rate} over {way:?}");
        }
        let (used, _) = flood(Duration::from_micros(300), 500e6, 2);
        assert!(used > 100e6, "{used}");
    }

    #[test]
    fn a_silent_terminal_is_asked_once_and_one_that_answers_late_again() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.begin(now);
        assert_eq!(pacing.due(), Some(now + PATIENCE));
        assert_eq!(pacing.give_up(now), Next::Nothing);
        assert_eq!(pacing.room(), Some(usize::MAX));
        assert_eq!(pacing.drew(2, 0, now), Next::Seen);
        assert_eq!(pacing.answered(now), Next::Nothing);
        assert_eq!(pacing.drew(3, 0, now), Next::Ask);
        assert_eq!(pacing.give_up(now), Next::Ask, "it has answered before");
        assert_eq!(pacing.give_up(now), Next::Nothing);
    }
}
