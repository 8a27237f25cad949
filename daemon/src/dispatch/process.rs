//! The life of worker processes as the dispatcher sees it: they are started, greeted when they are ready, and mourned when they
//! die; their jobs go back into the line or fail. How a process is spoken to is in `workers`.

use darkroom_protocol::message::worker::Ready;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{EventKind, Failure, FailureKind, JobId, LoadState, Report, Subject};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::ending::Ending;
use super::message::Message;
use super::resident::Resident;
use super::route::runs_on;
use super::slot::{Busy, Phase, Slot};
use crate::events::Demand;
use crate::gallery::Tray;
use crate::metrics::DeathCause;
use crate::workers::{Ask, Death, Program, Word, Worker, WorkerLog};

/// Processes in a row that were never ready, after which none is started until a job asks for it.
const MAX_STILLBORN: u32 = 3;
/// So many pauses lie between two attempts to start a worker that cannot be started while jobs wait for it.
const RARELY: u32 = 40;
/// Deaths in a row that still double the pause.
const MAX_DOUBLINGS: u32 = 6;
/// Reports a second that no worker in its right mind sends.
const TALKATIVE: f32 = 20_000.0;
/// The longest line for people, in characters.
const MAX_LINE: usize = 1000;
/// A job that lost so many workers for no known reason is failed.
const MAX_STRANGE: u32 = 5;
/// A worker that could not be started, because the disk is full or cannot be written, is tried again after so long.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Why a worker was not started.
enum Unable {
    /// The machine is short of something: its line waits.
    Now(crate::Error),
    /// Its program is not there or cannot be run: who waits for it waits in vain.
    Ever(crate::Error),
}

impl Dispatcher {
    /// Starts the process of a slot. When that fails, its jobs fail with the reason.
    pub async fn start_worker(&mut self, at: usize) {
        if self.stopping.is_some() {
            return;
        }
        match self.spawn(at) {
            Ok((worker, tray)) => {
                tracing::info!(pid = worker.pid(), "a worker was started");
                let slot = &mut self.slots[at];
                (slot.worker, slot.tray) = (Some(worker), Some(tray));
                slot.shown = Demand::default();
                slot.phase = Phase::Starting;
            }
            Err(Unable::Now(error)) => {
                self.run_short(None, 0, &error);
                self.slots[at].phase = Phase::Pausing(Instant::now() + AGAIN);
            }
            Err(Unable::Ever(error)) => {
                tracing::error!("{error}");
                self.give_up(at, error.to_string()).await;
            }
        }
    }

    fn spawn(&self, at: usize) -> Result<(Worker, Tray), Unable> {
        let Self { tools, messages, .. } = self;
        let program = match &tools.program {
            Some(program) => program.clone(),
            None => Program::locate().map_err(Unable::Ever)?,
        };
        let tray = tools.gallery.tray().map_err(Unable::Now)?;
        let ask = Ask {
            program,
            device: self.slots[at].asked.clone(),
            memory_budget: tools.settings.current().memory_budget,
            models: tools.settings.current().models.clone(),
            staging: tray.path().to_owned(),
            inputs: tools.paths.inputs(),
            start: tools.limits.worker_start,
            silence: tools.limits.worker_silence,
            beat: tools.limits.worker_silence / 6,
            talkative: TALKATIVE,
        };
        let log = WorkerLog::new(&tools.paths.worker_log());
        let messages = messages.clone();
        let worker = Worker::start(ask, log, move |word| {
            let messages = messages.clone();
            async move { pass_on(&messages, at, word).await }
        });
        let worker = worker.map_err(|error| match error.is_want() {
            true => Unable::Now(error),
            false => Unable::Ever(error),
        })?;
        Ok((worker, tray))
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
        self.broken = None;
        self.sort_all().await;
    }

    /// A worker has died: its job is put back or failed, and another process is started.
    pub async fn mourn(&mut self, at: usize, death: Death) {
        if self.stopping.is_some() {
            tracing::info!("a worker {death}");
        } else {
            tracing::warn!(tasks_doing = death.is_tasks_doing(), "a worker {death}");
        }
        self.tools.metrics.worker_died(cause(&death));
        let slot = &mut self.slots[at];
        (slot.worker, slot.tray) = (None, None);
        slot.resident = Resident::default();
        slot.deaths += 1;
        slot.restarts += 1;
        match std::mem::replace(&mut slot.phase, Phase::Down) {
            Phase::Starting => slot.stillborn += u32::from(!death.is_from_outside()),
            Phase::Busy(busy) => self.orphan(*busy, &death).await,
            Phase::Loading(loading) if loading.is_cancelled() => {
                self.tell_load(&loading.ask, LoadState::Cancelled, None)
            }
            Phase::Loading(loading) => self.fail_load(&loading.ask, FailureKind::Crash, format!("The worker {death}.")),
            Phase::Idle | Phase::Pausing(_) | Phase::Down => {}
        }
        let slot = &mut self.slots[at];
        if self.stopping.is_some() {
            return;
        }
        if slot.stillborn >= MAX_STILLBORN {
            let reason = format!("The worker cannot be started: it {death}. `darkroom doctor` says more.");
            self.give_up(at, reason).await;
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
        let ending = if busy.shelved {
            Ending::Requeued
        } else if let Some(failure) = busy.failure {
            Ending::Failed(failure)
        } else if death.is_tasks_doing() {
            self.warn(job, format!("The worker {death}. The job is tried once more."));
            Ending::Crashed(failed(format!(
                "The worker {death}. It did so twice on this job; its log is {}.",
                escape_line(&self.log_path(job).to_string_lossy())
            )))
        } else if !death.is_from_outside() && busy.cancelling.is_none() && self.is_strange(job) {
            Ending::Failed(failed(format!(
                "The worker {death}. So {MAX_STRANGE} workers ended on this job; its log is {}.",
                escape_line(&self.log_path(job).to_string_lossy())
            )))
        } else {
            if busy.cancelling.is_none() && self.stopping.is_none() {
                self.warn(
                    job,
                    format!("The worker {death}. It is started again, and the job goes on."),
                );
            }
            Ending::Requeued
        };
        self.end(busy.waiting, ending).await;
    }

    /// Counts one more worker that a job lost for no known reason. `true` when they are too many.
    pub fn is_strange(&mut self, job: JobId) -> bool {
        let count = self.strange.entry(job).or_default();
        *count += 1;
        *count >= MAX_STRANGE
    }

    /// The worker of slot `at` cannot be started. Where none was ever ready, jobs that came since the daemon began fail with the
    /// reason: their people are there to see to it. All others wait, for what has worked will work again: an upgrade is half
    /// done, a disk is not mounted yet.
    async fn give_up(&mut self, at: usize, reason: String) {
        self.slots[at].phase = Phase::Down;
        self.fail_loads(at, &reason);
        let has_worked = self.slots[at].ready.is_some();
        let mut wait = false;
        for device in self.stranded(at) {
            let jobs: Vec<JobId> = self.floor.line.lane(&device).map(|entry| entry.waiting.job).collect();
            for job in jobs {
                if has_worked || self.kept.contains(&job) {
                    wait = true;
                    continue;
                }
                let failure = Failure {
                    kind: FailureKind::Crash,
                    message: reason.clone(),
                };
                self.fail_in_line(job, failure).await;
            }
        }
        if wait {
            self.slots[at].phase = Phase::Pausing(Instant::now() + self.tools.limits.restart * RARELY);
            self.note_broken(reason);
        } else {
            self.broken = None;
        }
    }

    /// The devices whose waiting jobs only slot `at` could run, or others that are down as well.
    fn stranded(&self, at: usize) -> Vec<String> {
        let devices = self.devices();
        let faces: Vec<_> = self.slots.iter().map(Slot::face).collect();
        let is_lost = |device: &&str| {
            let mut able = (0..faces.len()).filter(|other| runs_on(device, *other, &faces, devices.as_deref()));
            let hopeless = able.clone().all(|other| matches!(self.slots[other].phase, Phase::Down));
            hopeless && able.any(|other| other == at)
        };
        self.floor.line.devices().filter(is_lost).map(str::to_owned).collect()
    }

    /// Fails a job that waits.
    pub async fn fail_in_line(&mut self, job: JobId, failure: Failure) {
        if let Some(entry) = self.floor.line.remove(job) {
            self.end(entry.waiting, Ending::Failed(failure)).await;
        }
    }

    /// The devices of the machine, once a worker has told.
    pub fn devices(&self) -> Option<Vec<String>> {
        let ready = self.slots.iter().find_map(|slot| slot.ready.as_ref())?;
        Some(ready.devices.iter().map(|device| device.name.clone()).collect())
    }

    /// Where the log of a job is.
    pub fn log_path(&self, job: JobId) -> std::path::PathBuf {
        self.tools.paths.job_log(job)
    }

    /// One line for whoever watches a job or load; cut where it is no line for people any more.
    pub fn tell(&self, of: impl Into<Subject>, line: String) {
        self.tools.bus.publish(of, EventKind::Notice(cut(line)));
    }

    /// The same, of what went wrong: for whoever wants no notices too.
    pub fn warn(&self, job: JobId, line: String) {
        self.tools.bus.publish(job, EventKind::Warning(cut(line)));
    }
}

/// Tells the dispatcher what the worker of slot `at` said. What it says after a picture waits until that is kept, so that the
/// dispatcher need not wait for a disk, and this worker's words stay in their order. `false` when there is no dispatcher any more.
async fn pass_on(messages: &mpsc::Sender<Message>, slot: usize, word: Word) -> bool {
    let staged = match word {
        Word::Report(report) => match *report {
            Report::Staged(staged) => staged,
            other => {
                return messages
                    .send(Message::Heard {
                        slot,
                        word: Word::Report(Box::new(other)),
                    })
                    .await
                    .is_ok();
            }
        },
        word => return messages.send(Message::Heard { slot, word }).await.is_ok(),
    };
    let (kept, over) = oneshot::channel();
    let told = messages.send(Message::Staged { slot, staged, kept }).await.is_ok();
    // An error means that nobody keeps it.
    let _ = over.await;
    told
}

/// Why a worker process ended, as it is counted.
fn cause(death: &Death) -> DeathCause {
    if death.out_of_memory {
        DeathCause::OutOfMemory
    } else if death.is_tasks_doing() {
        DeathCause::Crash
    } else if death.ordered.is_some() {
        DeathCause::Daemon
    } else {
        DeathCause::Other
    }
}

fn cut(mut line: String) -> String {
    if let Some((end, _)) = line.char_indices().nth(MAX_LINE) {
        line.truncate(end);
    }
    line
}
