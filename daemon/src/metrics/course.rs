//! One job's times from its acceptance to its end, worked out from its events: how long it waited, how long each phase took.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use darkroom_protocol::{JobState, Phase, Progress};

/// How one job has gone so far, for the times that are told at its end.
#[derive(Debug)]
pub struct Course {
    /// When it came into the line.
    queued: Option<Instant>,
    /// When it began.
    began: Option<Instant>,
    /// The last sign of progress and its phase.
    last: (Instant, Phase),
    /// The last step told: of which picture, which.
    step: (u32, u32),
    phases: HashMap<Phase, Duration>,
}

impl Course {
    /// A job that came into the line at `now`, or was there already.
    pub fn new(state: JobState, now: Instant) -> Self {
        Self {
            queued: (state == JobState::Queued).then_some(now),
            began: None,
            last: (now, Phase::Load),
            step: (0, 0),
            phases: HashMap::new(),
        }
    }

    /// It begins. The time it waited, where that is known.
    pub fn begin(&mut self, now: Instant) -> Option<Duration> {
        self.began = Some(now);
        self.last = (now, Phase::Load);
        self.step = (0, 0);
        self.phases.clear();
        self.queued.map(|queued| now - queued)
    }

    /// It goes on: how many steps were taken since the last sign. The time since then belongs to the phase of the last sign, but
    /// for what the step itself took.
    pub fn advance(&mut self, progress: &Progress, now: Instant) -> u64 {
        let (since, phase) = self.last;
        let passed = now - since;
        let step = progress
            .step_s
            .filter(|_| progress.phase == Phase::Denoise)
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .map_or(Duration::ZERO, |step| step.min(passed));
        *self.phases.entry(phase).or_default() += passed - step;
        *self.phases.entry(progress.phase).or_default() += step;
        self.last = (now, progress.phase);
        if progress.phase != Phase::Denoise {
            return 0;
        }
        let before = if self.step.0 == progress.image { self.step.1 } else { 0 };
        self.step = (progress.image, progress.step);
        u64::from(progress.step.saturating_sub(before))
    }

    /// It ends: the time it took since it began and the seconds of each phase; `None` when it never began.
    pub fn end(mut self, now: Instant) -> Option<(Duration, HashMap<Phase, Duration>)> {
        let began = self.began?;
        let (since, phase) = self.last;
        *self.phases.entry(phase).or_default() += now - since;
        Some((now - began, self.phases))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: Phase, image: u32, step: u32, step_s: Option<f64>) -> Progress {
        Progress {
            phase,
            image,
            images: 2,
            step,
            steps: 3,
            sigma: None,
            step_s,
            eta_s: None,
        }
    }

    #[test]
    fn time_goes_to_the_phase_that_took_it() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut course = Course::new(JobState::Queued, zero);
        assert_eq!(course.begin(at(50)), Some(Duration::from_millis(50)));
        assert_eq!(course.advance(&progress(Phase::Encode, 0, 0, None), at(150)), 0);
        assert_eq!(course.advance(&progress(Phase::Denoise, 0, 1, Some(0.02)), at(180)), 1);
        assert_eq!(course.advance(&progress(Phase::Denoise, 0, 3, Some(0.02)), at(220)), 2);
        assert_eq!(course.advance(&progress(Phase::Decode, 0, 0, None), at(220)), 0);
        assert_eq!(course.advance(&progress(Phase::Denoise, 1, 1, Some(0.02)), at(250)), 1);
        let (whole, phases) = course.end(at(260)).unwrap();
        assert_eq!(whole, Duration::from_millis(210));
        let ms = |phase| phases[&phase].as_millis();
        let told = [Phase::Load, Phase::Encode, Phase::Denoise, Phase::Decode].map(ms);
        assert_eq!(told, [100, 10, 90, 10]);
        assert_eq!(phases.values().sum::<Duration>(), whole);
    }

    #[test]
    fn a_job_that_never_began_took_no_time() {
        let now = Instant::now();
        assert!(Course::new(JobState::Queued, now).end(now).is_none());
    }
}
