//! How long each phase of a job took, as the client saw it: from the moment at which a phase was first told to that of the next. `world.rs`
//! puts what events tell, Queue shows it. A job that began before the client looked has less of it.

use darkroom_protocol::Phase;

/// The phases of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// In the order in which they were first seen, each with its milliseconds in all.
    took: Vec<(Phase, u64)>,
    /// The one that lasts, and since when.
    now: Option<(Phase, u64)>,
}

impl Phases {
    /// It is in that phase now.
    pub fn put(&mut self, now: u64, phase: Phase) {
        if self.now.is_some_and(|(known, _)| known == phase) {
            return;
        }
        self.end(now);
        self.now = Some((phase, now));
        if self.took.iter().all(|(known, _)| *known != phase) {
            self.took.push((phase, 0));
        }
    }

    /// It has ended.
    pub fn end(&mut self, now: u64) {
        if let Some((phase, since)) = self.now.take()
            && let Some((_, took)) = self.took.iter_mut().find(|(known, _)| *known == phase)
        {
            *took += now.saturating_sub(since);
        }
    }

    /// Each phase with its milliseconds so far.
    pub fn so_far(&self, now: u64) -> Vec<(Phase, u64)> {
        let mut so_far = self.clone();
        so_far.end(now);
        so_far.took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_to_the_phase_that_lasts() {
        let mut phases = Phases::default();
        for (now, phase) in [
            (10, Phase::Load),
            (40, Phase::Denoise),
            (50, Phase::Denoise),
            (90, Phase::Save),
            (95, Phase::Denoise),
        ] {
            phases.put(now, phase);
        }
        let expected = [(Phase::Load, 30), (Phase::Denoise, 55), (Phase::Save, 5)];
        assert_eq!(phases.so_far(100), expected);
        phases.end(100);
        assert_eq!(phases.so_far(900), expected);
    }
}
