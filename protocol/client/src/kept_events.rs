//! Events that have come and were not taken yet. What a newer one replaces is not kept, so that a client that draws seldom, or is
//! busy writing a file, finds how things stand and not how they came to it.

use std::collections::VecDeque;

use darkroom_protocol::Event;

/// First in, first out.
#[derive(Debug, Default)]
pub(super) struct KeptEvents(VecDeque<Event>);

impl KeptEvents {
    pub(super) fn push(&mut self, event: Event) {
        if event.kind.is_transient() || event.kind.is_standing() {
            self.0.retain(|old| !event.replaces(old));
        }
        self.0.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.0.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{EventKind, JobId, Phase, Progress};

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
    fn every_phase_is_told() {
        let job = JobId::new();
        let mut queue = KeptEvents::default();
        for (seq, phase) in (1..).zip([Phase::Denoise, Phase::Denoise, Phase::Decode, Phase::Denoise]) {
            let mut event = progress(seq, job);
            if let EventKind::Progress(progress) = &mut event.kind {
                progress.phase = phase;
            }
            queue.push(event);
        }
        let order: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|e| e.seq).collect();
        assert_eq!(order, [3, 4]);
    }

    #[test]
    fn the_latest_progress_replaces_the_others_and_notices_stay() {
        let (a, b) = (JobId::new(), JobId::new());
        let mut queue = KeptEvents::default();
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
