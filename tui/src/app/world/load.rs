//! How much a worker had to do over the last five minutes, and what its models took of the memory meanwhile: kept as the moments at which
//! that changed, so that nothing is sampled while nothing happens. `world.rs` puts what events tell, System draws the columns. Pure; the
//! time is the caller's.

use std::collections::VecDeque;

/// What is remembered, in milliseconds.
pub const SPAN: u64 = 5 * 60 * 1000;

/// From a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    at: u64,
    is_busy: bool,
    used: u64,
}

/// A worker's last minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    steps: VecDeque<Step>,
}

/// A piece of that time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Column {
    /// The share of it in which the worker was at work, from 0 to 1.
    pub busy: f64,
    /// Bytes that models took at its end.
    pub used: u64,
    /// Whether anything is known of it.
    pub is_known: bool,
}

impl Load {
    /// It is so from `now` on.
    pub fn put(&mut self, now: u64, is_busy: bool, used: u64) {
        let step = Step { at: now, is_busy, used };
        match self.steps.back_mut() {
            Some(last) if last.is_busy == is_busy && last.used == used => return,
            Some(last) if last.at == now => *last = step,
            _ => self.steps.push_back(step),
        }
        // What was before the span counts only as what the span begins with.
        while self.steps.get(1).is_some_and(|second| second.at + 2 * SPAN < now) {
            self.steps.pop_front();
        }
    }

    /// The last five minutes in so many pieces, the newest last. Pieces begin at fixed times, so that what is past does not change its
    /// look; the last one is as long as it has lasted.
    pub fn columns(&self, now: u64, many: u64) -> Vec<Column> {
        let long = SPAN / many.max(1);
        let last = now / long;
        (0..many)
            .map(|nth| self.column((last + 1 + nth).checked_sub(many), long, now))
            .collect()
    }

    fn column(&self, nth: Option<u64>, long: u64, now: u64) -> Column {
        let Some(nth) = nth else { return Column::default() };
        let (begin, end) = (nth * long, ((nth + 1) * long).min(now.max(nth * long + 1)));
        let mut column = Column::default();
        let mut busy = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let until = self.steps.get(at + 1).map_or(u64::MAX, |next| next.at);
            let (from, to) = (step.at.max(begin), until.min(end));
            if from < to {
                column.is_known = true;
                column.used = step.used;
                busy += if step.is_busy { to - from } else { 0 };
            }
        }
        column.busy = busy as f64 / (end - begin) as f64;
        column
    }

    /// The share of the span so far in which it was at work, from 0 to 1.
    pub fn share(&self, now: u64) -> f64 {
        let columns = self.columns(now, 60);
        let known = columns.iter().filter(|column| column.is_known);
        let (many, sum) = known.fold((0u32, 0.0), |(many, sum), column| (many + 1, sum + column.busy));
        if many == 0 { 0.0 } else { sum / f64::from(many) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(load: &Load, now: u64) -> Vec<f64> {
        load.columns(now, 60).iter().map(|column| column.busy).collect()
    }

    #[test]
    fn shares_are_of_the_time_at_work() {
        let mut load = Load::default();
        load.put(300_000, false, 0);
        load.put(301_000, true, 7);
        load.put(303_500, false, 9);
        let columns = load.columns(307_000, 60);
        assert_eq!(
            (columns[58].busy, columns[58].used, columns[58].is_known),
            (0.5, 9, true)
        );
        assert_eq!((columns[59].busy, columns[59].used), (0.0, 9));
        assert!(!columns[57].is_known);
        assert_eq!(load.share(307_000), 0.25);
    }

    #[test]
    fn what_is_past_moves_and_does_not_change() {
        let mut load = Load::default();
        load.put(1000, true, 1);
        load.put(2000, false, 1);
        assert_eq!(busy(&load, 4000)[59], 0.25);
        assert_eq!(busy(&load, 9000)[58], busy(&load, 14_000)[57]);
        assert_eq!(
            busy(&load, 9000),
            busy(&load, 9900),
            "a worker that rests looks the same"
        );
        assert!(busy(&load, 400_000).iter().all(|share| *share == 0.0));
    }

    #[test]
    fn it_remembers_no_more_than_it_shows() {
        let mut load = Load::default();
        for at in 0..100_000 {
            load.put(at * 1000, at % 2 == 0, at);
        }
        assert!(load.steps.len() < 700, "{}", load.steps.len());
        assert_eq!(load.columns(100_000_000, 60).len(), 60);
        assert!((load.share(100_000_000) - 0.5).abs() < 0.02);
    }
}
