//! How often previews pass: each reader has a rate of its own.

use std::time::{Duration, Instant};

/// Lets through so many a second on average, and forgives one that comes a little early: a stream of just that rate passes
/// whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Whether one may pass `now`, at `fps` a second.
    pub fn pass(&mut self, now: Instant, fps: u32) -> bool {
        if fps == 0 {
            return false;
        }
        let pause = Duration::from_secs(1) / fps;
        let early = pause / 4;
        let due = self.next.is_none_or(|next| now + early >= next);
        if due {
            self.next = Some(self.next.map_or(now, |next| next.max(now)) + pause);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::none(0, &[0, 1000], &[])]
    #[case::rarer_than_allowed(10, &[0, 150, 400], &[0, 150, 400])]
    #[case::just_so(10, &[0, 99, 201, 299, 400], &[0, 99, 201, 299, 400])]
    #[case::twice_as_many(10, &[0, 50, 100, 150, 200], &[0, 100, 200])]
    #[case::after_a_rest(1, &[0, 9000, 9100, 9900], &[0, 9000, 9900])]
    #[case::always_early(10, &[0, 80, 160, 240, 320, 400], &[0, 80, 240, 320])]
    fn at_that_rate(#[case] fps: u32, #[case] at: &[u64], #[case] passed: &[u64]) {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let found: Vec<u64> = at
            .iter()
            .copied()
            .filter(|ms| pace.pass(start + Duration::from_millis(*ms), fps))
            .collect();
        assert_eq!(found, passed);
    }
}
