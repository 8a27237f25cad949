//! Events that have come and were not asked for yet.

use std::collections::VecDeque;

use crate::Event;

/// First in, first out; of what a newer event replaces only the newest is kept, so that it stays small.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Event>);

impl Queue {
    pub(super) fn push(&mut self, event: Event) {
        let replaced = |old: &Event| {
            let replaceable = event.kind.is_transient() || event.kind.is_standing();
            replaceable && old.of == event.of && old.kind.name() == event.kind.name()
        };
        self.0.retain(|old| !replaced(old));
        self.0.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventKind, JobId, Phase, Progress};

    fn progress(seq: u64, job: JobId) -> Event {
        let kind = EventKind::Progress(Progress {
            phase: Phase::Denoise,
            image: 0,
            images: 1,
            step: seq as u32,
            steps: 20,
            sigma: None,
            step_s: None,
            eta_s: None,
        });
        Event {
            seq,
            of: job.into(),
            kind,
        }
    }

    #[test]
    fn the_latest_progress_replaces_the_others_and_notices_stay() {
        let (a, b) = (JobId::new(), JobId::new());
        let mut queue = Queue::default();
        let notice = |seq| Event {
            seq,
            of: a.into(),
            kind: EventKind::Notice("x".into()),
        };
        for event in [progress(1, a), notice(2), progress(3, b), progress(4, a), notice(5)] {
            queue.push(event);
        }
        let order: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|e| e.seq).collect();
        assert_eq!(order, [2, 3, 4, 5]);
    }
}
