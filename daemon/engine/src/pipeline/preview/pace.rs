//! When the worker makes its next preview: `painter.rs` asks before each and says how long it took. How many are wanted comes
//! from the daemon by `worker/previews.rs`. The rate at which each reader is sent them is another `Pace`, in
//! `daemon/src/events/pace.rs`.

use std::time::{Duration, Instant};

/// The most of the time that previews may take: one part in so many.
const SHARE: u32 = 20;

/// When the next preview may be made: no sooner than is wanted, and so late that making them takes no more than a twentieth of
/// the time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Whether one may be made `now`, at `fps` a second.
    pub fn is_due(&self, now: Instant, fps: u32) -> bool {
        fps > 0 && self.next.is_none_or(|next| now >= next)
    }

    /// One was begun then and took so long.
    pub fn made(&mut self, begun: Instant, took: Duration, fps: u32) {
        let pause = Duration::from_secs(1) / fps.max(1);
        self.next = Some(begun + pause.max(took * SHARE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::cheap(10, 1, 100)]
    #[case::dear(10, 50, 1000)]
    #[case::rare(1, 1, 1000)]
    fn the_next_one(#[case] fps: u32, #[case] took: u64, #[case] after: u64) {
        let (mut pace, begun, ms) = (Pace::default(), Instant::now(), Duration::from_millis);
        assert!(pace.is_due(begun, fps) && !pace.is_due(begun, 0));
        pace.made(begun, ms(took), fps);
        assert!(!pace.is_due(begun + ms(after - 1), fps) && pace.is_due(begun + ms(after), fps));
    }
}
