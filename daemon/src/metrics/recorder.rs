//! What is counted since the daemon started: jobs, steps and pictures from events, workers' deaths from the dispatcher.
//!
//! The bus calls it as its observer; `server/verbs/metrics` asks for the text. What has a value now, the line and the workers, is
//! not kept here but handed over with the question ([`Now`]).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use darkroom_protocol::event::StateChange;
use darkroom_protocol::{EventKind, FailureKind, JobId, JobState, Phase, Progress, Subject};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, TextEncoder};

use super::Now;
use super::course::Course;
use super::registry::Shelf;
use crate::events::Observer;

const STATES: [&str; 6] = ["queued", "running", "cancelling", "done", "failed", "cancelled"];

/// Why a worker process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeathCause {
    /// A fault or an abort of its own.
    Crash,
    /// The kernel ended it for want of memory.
    OutOfMemory,
    /// The daemon ended it.
    Daemon,
    /// Somebody outside, or it returned.
    Other,
}

impl DeathCause {
    const ALL: [Self; 4] = [Self::Crash, Self::OutOfMemory, Self::Daemon, Self::Other];

    /// As the label spells it.
    fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::OutOfMemory => "out_of_memory",
            Self::Daemon => "daemon",
            Self::Other => "other",
        }
    }
}

/// Everything that is counted since the daemon started.
pub struct Metrics {
    shelf: Shelf,
    events: IntCounter,
    jobs: IntCounterVec,
    failures: IntCounterVec,
    waits: Histogram,
    job_seconds: Histogram,
    phases: HistogramVec,
    steps: IntCounter,
    step_seconds: Histogram,
    pictures: IntCounter,
    picture_bytes: IntCounter,
    deaths: IntCounterVec,
    dropped: IntCounter,
    courses: Mutex<HashMap<JobId, Course>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let shelf = Shelf::default();
        Self {
            events: shelf.counter("darkroom_events_total", "Events published."),
            jobs: shelf.counters(
                "darkroom_jobs_total",
                "Jobs that came into a state; one that returned to the queue counts again.",
                "state",
                &STATES,
            ),
            failures: shelf.counters("darkroom_job_failures_total", "Jobs that failed, by kind.", "kind", &[]),
            waits: shelf.seconds(
                "darkroom_job_wait_seconds",
                "Time from a job's acceptance to its start.",
            ),
            job_seconds: shelf.seconds("darkroom_job_seconds", "Time from a job's last start to its end."),
            phases: shelf.seconds_by(
                "darkroom_job_phase_seconds",
                "Time a job spent in a phase, one observation a job and phase.",
                "phase",
            ),
            steps: shelf.counter("darkroom_steps_total", "Denoising steps taken."),
            step_seconds: shelf.seconds("darkroom_step_seconds", "Time a denoising step took."),
            pictures: shelf.counter("darkroom_pictures_total", "Pictures kept."),
            picture_bytes: shelf.counter("darkroom_picture_bytes_total", "Bytes of the pictures kept."),
            deaths: shelf.counters(
                "darkroom_worker_deaths_total",
                "Worker processes that ended, by cause.",
                "cause",
                &DeathCause::ALL.map(DeathCause::name),
            ),
            dropped: shelf.counter(
                "darkroom_readers_dropped_total",
                "Connections closed because they read too slowly.",
            ),
            courses: Mutex::default(),
            shelf,
        }
    }
}

impl Metrics {
    /// A worker process ended.
    pub fn worker_died(&self, cause: DeathCause) {
        self.deaths.with_label_values(&[cause.name()]).inc();
    }

    /// All of it, with what is so `now`.
    ///
    /// # Errors
    /// When it cannot be written as text, which is a defect.
    pub fn text(&self, now: &Now) -> Result<String, String> {
        let mut families = self.shelf.gather();
        families.extend(now.families());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        TextEncoder::new()
            .encode_to_string(&families)
            .map_err(|e| e.to_string())
    }

    fn state(&self, job: JobId, change: &StateChange) {
        self.jobs.with_label_values(&[change.state.name()]).inc();
        if let Some(failure) = &change.failure {
            self.failures.with_label_values(&[kind_name(failure.kind)]).inc();
        }
        let now = Instant::now();
        let mut courses = self.courses.lock().unwrap_or_else(PoisonError::into_inner);
        if change.state.is_final() {
            let times = courses.remove(&job).and_then(|course| course.end(now));
            let Some((whole, phases)) = times else { return };
            self.job_seconds.observe(whole.as_secs_f64());
            for (phase, took) in phases {
                self.phases
                    .with_label_values(&[phase.name()])
                    .observe(took.as_secs_f64());
            }
            return;
        }
        let course = courses.entry(job).or_insert_with(|| Course::new(change.state, now));
        if change.state == JobState::Running
            && let Some(waited) = course.begin(now)
        {
            self.waits.observe(waited.as_secs_f64());
        }
    }

    fn progress(&self, job: JobId, progress: &Progress) {
        let mut courses = self.courses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(course) = courses.get_mut(&job) {
            self.steps.inc_by(course.advance(progress, Instant::now()));
        }
        drop(courses);
        if let (Phase::Denoise, Some(seconds)) = (progress.phase, progress.step_s) {
            self.step_seconds.observe(seconds);
        }
    }
}

impl Observer for Metrics {
    fn published(&self, of: Subject, kind: &EventKind) {
        self.events.inc();
        let Some(job) = of.job() else { return };
        match kind {
            EventKind::State(change) => self.state(job, change),
            EventKind::Progress(progress) => self.progress(job, progress),
            EventKind::Picture(picture) => {
                self.pictures.inc();
                self.picture_bytes.inc_by(picture.bytes);
            }
            _ => {}
        }
    }

    fn reader_dropped(&self) {
        self.dropped.inc();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A failure's kind as JSON spells it.
fn kind_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Usage => "usage",
        FailureKind::ModelNotFound => "model_not_found",
        FailureKind::BadModel => "bad_model",
        FailureKind::OutOfMemory => "out_of_memory",
        FailureKind::NotANumber => "not_a_number",
        FailureKind::Disk => "disk",
        FailureKind::Crash => "crash",
        FailureKind::Internal => "internal",
    }
}
