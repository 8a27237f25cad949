use darkroom_protocol::message::worker::Ready;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{EventKind, Failure, FailureKind, JobId, JobState};
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::ending::Ending;
use super::message::Message;
use super::resident::Resident;
use super::route::{Route, route};
use super::slot::{Busy, Phase};
use crate::events::Demand;
use crate::workers::{Ask, Death, Program, Worker, WorkerLog};

/// Processes in a row that were never ready, after which none is started until a job asks for it.
const MAX_STILLBORN: u32 = 3;
/// Deaths in a row that still double the pause.
const MAX_DOUBLINGS: u32 = 6;
/// The longest line for people, in characters.
const MAX_LINE: usize = 1000;
/// A job that was started so often without an end is failed, whatever its workers died of.
const MAX_ATTEMPTS: u32 = 10;

impl Dispatcher {
    /// Starts the process of a slot. When that fails, its jobs fail with the reason.
    pub async fn start_worker(&mut self, at: usize) {
        if self.stopping.is_some() {
            return;
        }
        match self.spawn(at) {
            Ok(worker) => {
                tracing::info!(pid = worker.pid(), "a worker was started");
                self.slots[at].worker = Some(worker);
                self.slots[at].shown = Demand::default();
                self.slots[at].phase = Phase::Starting;
            }
            Err(error) => {
                tracing::error!("{error}");
                self.slots[at].phase = Phase::Down;
                self.fail_waiting(at, &error.to_string()).await;
            }
        }
    }

    fn spawn(&self, at: usize) -> crate::Result<Worker> {
        let Self { tools, messages, .. } = self;
        let program = match &tools.program {
            Some(program) => program.clone(),
            None => Program::locate()?,
        };
        let ask = Ask {
            program,
            device: self.slots[at].asked.clone(),
            memory_budget: tools.settings.memory_budget,
            models: tools.models.clone(),
            staging: tools.gallery.staging().to_owned(),
            start: tools.limits.worker_start,
            silence: tools.limits.worker_silence,
        };
        let log = WorkerLog::new(&tools.paths.state.join("worker.log"));
        let messages = messages.clone();
        Worker::start(ask, log, move |word| {
            let messages = messages.clone();
            async move { messages.send(Message::Heard { slot: at, word }).await.is_ok() }
        })
    }

    /// A worker is ready.
    pub async fn greet(&mut self, at: usize, ready: Ready) {
        tracing::info!(
            device = ready.device,
            libtorch = ready.libtorch,
            pid = ready.pid,
            "a worker is ready"
        );
        let slot = &mut self.slots[at];
        slot.stillborn = 0;
        slot.ready = Some(ready);
        slot.phase = Phase::Idle;
        self.sort_all().await;
    }

    /// A worker has died: its job is put back or failed, and another process is started.
    pub async fn mourn(&mut self, at: usize, death: Death) {
        if self.stopping.is_some() {
            tracing::info!("a worker {death}");
        } else {
            tracing::warn!(tasks_doing = death.is_tasks_doing(), "a worker {death}");
        }
        let slot = &mut self.slots[at];
        slot.worker = None;
        slot.resident = Resident::default();
        slot.deaths += 1;
        slot.restarts += 1;
        match std::mem::replace(&mut slot.phase, Phase::Down) {
            Phase::Starting => slot.stillborn += 1,
            Phase::Busy(busy) => self.orphan(*busy, &death).await,
            Phase::Loading(loading) if loading.is_cancelled() => {
                self.tell_load(loading.load, JobState::Cancelled, None)
            }
            Phase::Loading(loading) => self.fail_load(loading.load, FailureKind::Crash, format!("The worker {death}.")),
            Phase::Idle | Phase::Pausing(_) | Phase::Down => {}
        }
        let slot = &mut self.slots[at];
        if self.stopping.is_some() {
            return;
        }
        if slot.stillborn >= MAX_STILLBORN {
            let reason = format!("The worker cannot be started: it {death}. `darkroom doctor` says more.");
            self.fail_waiting(at, &reason).await;
            return;
        }
        let pause = self.tools.limits.restart * (1 << (slot.deaths - 1).min(MAX_DOUBLINGS));
        slot.phase = Phase::Pausing(Instant::now() + pause);
    }

    /// What becomes of a job whose worker died.
    async fn orphan(&mut self, busy: Busy, death: &Death) {
        let job = busy.waiting.job;
        let failed = |message| Failure {
            kind: FailureKind::Crash,
            message,
        };
        let ending = if let Some(failure) = busy.failure {
            Ending::Failed(failure)
        } else if death.is_tasks_doing() {
            self.tell(job, format!("The worker {death}. The job is tried once more."));
            Ending::Crashed(failed(format!(
                "The worker {death}. It did so twice on this job; its log is {}.",
                escape_line(&self.log_path(job).to_string_lossy())
            )))
        } else if busy.attempts >= MAX_ATTEMPTS && busy.cancelling.is_none() {
            Ending::Failed(failed(format!(
                "The worker {death}. The job was started {MAX_ATTEMPTS} times."
            )))
        } else {
            Ending::Requeued
        };
        self.end(busy.waiting, ending).await;
    }

    /// Fails every waiting job that only slot `at` could run.
    async fn fail_waiting(&mut self, at: usize, reason: &str) {
        self.fail_loads(at, reason);
        let devices = self.devices();
        let faces: Vec<_> = self.slots.iter().map(super::slot::Slot::face).collect();
        let stranded = self
            .line
            .iter()
            .filter(|entry| route(&entry.waiting.device, &faces, devices.as_deref()) == Route::Worker(at));
        let stranded: Vec<JobId> = stranded.map(|entry| entry.waiting.job).collect();
        for job in stranded {
            let failure = Failure {
                kind: FailureKind::Crash,
                message: reason.to_owned(),
            };
            self.fail_in_line(job, failure).await;
        }
    }

    /// Fails a job that waits.
    pub async fn fail_in_line(&mut self, job: JobId, failure: Failure) {
        if let Some(entry) = self.line.remove(job) {
            self.end(entry.waiting, Ending::Failed(failure)).await;
        }
    }

    /// The devices of the machine, once a worker has told.
    pub fn devices(&self) -> Option<Vec<String>> {
        let ready = self.slots[0].ready.as_ref()?;
        Some(ready.devices.iter().map(|device| device.name.clone()).collect())
    }

    /// Where the log of a job is.
    pub fn log_path(&self, job: JobId) -> std::path::PathBuf {
        self.tools.paths.job_logs().join(format!("{job}.log"))
    }

    /// One line for whoever watches a job; cut where it is no line for people any more.
    pub fn tell(&self, job: JobId, mut line: String) {
        if let Some((end, _)) = line.char_indices().nth(MAX_LINE) {
            line.truncate(end);
        }
        self.tools.bus.publish(job, EventKind::Notice(line));
    }
}
