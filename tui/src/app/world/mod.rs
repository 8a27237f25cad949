//! What the daemon has told: jobs, how far they are, workers and their memory, models, how the queue stands. Screens read it; it changes
//! here alone, by whole answers and by events. Pure.

pub mod live;
pub mod load;
pub mod phases;

use std::collections::HashMap;

use darkroom_protocol::event::LineStatus;
use darkroom_protocol::message::client::{FoundModel, Status};
use darkroom_protocol::{
    Event, EventKind, Job, JobId, JobState, ModelCard, Phase, Progress, WorkerState, WorkerStatus,
};

use super::msg::Effect;
use crate::app::world::load::Load;
use crate::app::world::phases::Phases;

/// How it stands with the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Daemon {
    /// It is looked for.
    #[default]
    Looking,
    /// It answers.
    There,
    /// It does not, and why.
    Away(String),
}

/// What is known.
#[derive(Debug, Default)]
pub struct World {
    /// How it stands with the daemon.
    pub daemon: Daemon,
    /// The machine on which it is, where that is not this one.
    pub host: Option<String>,
    /// Jobs that run, those that wait in their order, then those that ended last.
    pub jobs: Vec<Job>,
    /// How far running ones are.
    pub progress: HashMap<JobId, Progress>,
    /// The queue as a whole.
    pub line: LineStatus,
    /// Workers by their places.
    pub workers: Vec<WorkerStatus>,
    /// How each was over the last minutes.
    pub loads: Vec<Load>,
    /// How long each phase of a job took, of those that were seen.
    pub phases: HashMap<JobId, Phases>,
    /// Milliseconds since the client began.
    pub now: u64,
    /// What some worker can do; empty before the first has told.
    pub capabilities: Vec<String>,
    /// Models that can be named.
    pub models: Vec<FoundModel>,
    /// What is known of the model that is chosen.
    pub card: Option<ModelCard>,
}

impl World {
    /// The daemon answers: how things stand.
    pub fn begin(&mut self, status: Status) -> Vec<Effect> {
        self.daemon = Daemon::There;
        self.workers = status.workers;
        self.loads.resize_with(self.workers.len(), Load::default);
        (0..self.workers.len()).for_each(|place| self.note(place));
        self.capabilities = status.capabilities;
        self.line.queued = status.queued;
        self.line.paused = status.paused;
        self.line.held = status.held;
        self.progress = status.progress.into_iter().map(|of| (of.job, of.progress)).collect();
        vec![Effect::Jobs, Effect::Models]
    }

    /// Takes an event; what it makes worth asking for.
    pub fn take(&mut self, event: &Event) -> Vec<Effect> {
        let job = event.job();
        match (&event.kind, job) {
            (EventKind::Progress(progress), Some(job)) => {
                self.progress.insert(job, progress.clone());
                self.phases.entry(job).or_default().put(self.now, progress.phase);
                vec![]
            }
            (EventKind::State(change), Some(job)) => {
                if change.state.is_final() {
                    self.progress.remove(&job);
                }
                if change.state == JobState::Running {
                    self.phases.insert(job, Phases::default());
                }
                if let Some(phases) = self.phases.get_mut(&job) {
                    phases.end(self.now);
                }
                if let Some(known) = self.jobs.iter_mut().find(|known| known.id == job) {
                    known.state = change.state;
                }
                vec![Effect::Jobs]
            }
            (EventKind::Queue(_) | EventKind::Picture(_), _) => vec![Effect::Jobs],
            (EventKind::Line(line), _) => {
                let redrawn = line.lists != self.line.lists;
                self.line = line.clone();
                if redrawn { vec![Effect::Jobs] } else { vec![] }
            }
            (EventKind::Worker(worker), _) => {
                self.put_worker(event, worker);
                vec![]
            }
            (EventKind::Models {}, _) => vec![Effect::Models],
            _ => vec![],
        }
    }

    /// It is gone, and with it its workers.
    pub fn end(&mut self, why: String) {
        self.daemon = Daemon::Away(why);
        let now = self.now;
        self.loads.iter_mut().for_each(|load| load.put(now, false, 0));
    }

    /// Remembers how a worker stands now.
    fn note(&mut self, place: usize) {
        if let (Some(worker), Some(load)) = (self.workers.get(place), self.loads.get_mut(place)) {
            let is_busy = matches!(worker.state, WorkerState::Busy | WorkerState::Loading);
            load.put(self.now, is_busy, worker.resident.used);
        }
    }

    fn put_worker(&mut self, event: &Event, worker: &WorkerStatus) {
        let darkroom_protocol::Subject::Worker(place) = event.of else {
            return;
        };
        match self.workers.get_mut(place as usize) {
            Some(known) => *known = worker.clone(),
            None => self.workers.push(worker.clone()),
        }
        self.loads.resize_with(self.workers.len(), Load::default);
        self.note(place as usize);
    }

    /// The jobs as they are now.
    pub fn put_jobs(&mut self, jobs: Vec<Job>) {
        self.phases.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        self.jobs = jobs;
    }

    /// The job that is being made, if one is.
    pub fn running(&self) -> Option<&Job> {
        self.jobs.iter().find(|job| job.state.is_in_work())
    }

    /// A job by its id.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// How much of a job is done, from 0 to 1, where that is known: pictures before count whole.
    pub fn part(&self, job: JobId) -> Option<f64> {
        let progress = self.progress.get(&job)?;
        let of_one = match progress.phase {
            Phase::Denoise => f64::from(progress.step) / f64::from(progress.steps.max(1)),
            Phase::Decode | Phase::Upscale | Phase::Save => 1.0,
            Phase::Load | Phase::Encode | Phase::Prepare => 0.0,
        };
        let done = (f64::from(progress.image) + of_one) / f64::from(progress.images.max(1));
        Some(done.clamp(0.0, 1.0))
    }

    /// Whether some worker can do what a parameter needs; all, before the first has told.
    pub fn can(&self, need: &str) -> bool {
        self.capabilities.is_empty() || self.capabilities.iter().any(|known| known == need)
    }
}
