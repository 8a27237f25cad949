use std::collections::HashSet;
use std::time::Duration;

use darkroom_protocol::event::StateChange;
use darkroom_protocol::{EventKind, Failure, FailureKind, Format, Job, JobId, JobState, Order, Task, failpoint};
use tokio::time::Instant;

use super::choose::choose;
use super::dispatcher::Dispatcher;
use super::ending::Ending;
use super::route::{Face, Route, route};
use super::slot::{Busy, Phase, Slot};
use crate::store::Waiting;

/// After the store failed, nothing is started for so long.
const STORE_PAUSE: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Gives every idle worker a job, as far as there are any.
    pub async fn assign(&mut self) {
        for at in 0..self.slots.len() {
            while self.may_start() && matches!(self.slots[at].phase, Phase::Idle | Phase::Down) {
                if self.begin_load(at).await {
                    break;
                }
                let Some((chosen, first)) = self.pick(at) else { break };
                if matches!(self.slots[at].phase, Phase::Down) {
                    self.start_worker(at).await;
                    break;
                }
                if chosen.job != first.job {
                    self.line.overtake(&first);
                }
                self.begin(at, chosen.job).await;
            }
        }
    }

    fn may_start(&self) -> bool {
        self.stopping.is_none() && self.paused.is_none()
    }

    /// The job for a slot, and the one that is first in line for it.
    fn pick(&self, at: usize) -> Option<(Waiting, Waiting)> {
        let devices = self.devices();
        let faces: Vec<Face<'_>> = self.slots.iter().map(Slot::face).collect();
        let may_run = |device: &str| route(device, &faces, devices.as_deref()) == Route::Worker(at);
        let mut line = self
            .line
            .iter()
            .filter(|entry| may_run(&entry.waiting.device))
            .peekable();
        let first = line.peek()?.waiting.clone();
        let chosen = choose(line, &self.slots[at].resident.complete())?;
        Some((chosen.waiting.clone(), first))
    }

    /// Starts a job: the row first, then the worker.
    async fn begin(&mut self, at: usize, job: JobId) {
        let Some(entry) = self.line.remove(job) else { return };
        match self.tools.store.start(job).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!("job {job} cannot be started: {error}");
                self.tell(job, format!("{error} Trying again."));
                self.line.insert(entry.waiting);
                self.paused = Some(Instant::now() + STORE_PAUSE);
                return;
            }
        }
        failpoint::hit(3);
        match self.tools.store.job(job).await {
            Ok(Some(row)) => {
                tracing::info!(%job, waited_us = entry.since.elapsed().as_micros() as u64, "a job begins");
                self.order(at, entry.waiting, row);
            }
            Ok(None) => tracing::error!("job {job} has vanished from the store"),
            Err(error) => {
                let failure = Failure {
                    kind: FailureKind::Internal,
                    message: error.to_string(),
                };
                self.end(entry.waiting, Ending::Failed(failure)).await;
            }
        }
    }

    /// Tells the worker, then everybody.
    fn order(&mut self, at: usize, waiting: Waiting, row: Job) {
        let log = self.log_path(row.id);
        let kept: HashSet<u32> = row.pictures.iter().map(|picture| picture.index).collect();
        let busy = Busy {
            waiting,
            attempts: row.attempts,
            pictures: pictures(&row.task),
            format: match &row.task {
                Task::Image(image) => image.format,
                _ => Format::Png,
            },
            kept: kept.clone(),
            last_sign: Instant::now(),
            last_step: Duration::ZERO,
            cancelling: None,
            failure: None,
        };
        let slot = &mut self.slots[at];
        slot.phase = Phase::Busy(Box::new(busy));
        self.order_previews_of(at);
        let slot = &mut self.slots[at];
        if let Some(worker) = &slot.worker {
            worker.log().begin_job(&log);
            let mut skip: Vec<u32> = kept.into_iter().collect();
            skip.sort_unstable();
            let model = match &row.task {
                Task::Image(image) => image.model.as_str(),
                _ => "",
            };
            let keep_alive = row
                .request
                .keep_alive
                .unwrap_or_else(|| self.tools.settings.keep_alive_for(model));
            worker.send(Order::Run {
                job: row.id,
                task: Box::new(on_device(row.task, slot.face().device)),
                skip,
                keep_alive,
            });
        }
        let change = StateChange {
            state: JobState::Running,
            failure: None,
        };
        self.tools.bus.publish(row.id, EventKind::State(change));
    }

    /// Looks at every job that waits, as [`Self::sort`] does.
    pub async fn sort_all(&mut self) {
        let jobs: Vec<JobId> = self.line.iter().map(|entry| entry.waiting.job).collect();
        for job in jobs {
            self.sort(job).await;
        }
    }

    /// Opens a worker for a waiting job's device when it has none yet; fails the job when the machine has no such device.
    pub async fn sort(&mut self, job: JobId) {
        let Some(entry) = self.line.get(job) else { return };
        let device = &entry.waiting.device;
        let faces: Vec<Face<'_>> = self.slots.iter().map(Slot::face).collect();
        match route(device, &faces, self.devices().as_deref()) {
            Route::Worker(_) => {}
            Route::Open(device) => {
                self.slots.push(Slot::new(&device));
                self.start_worker(self.slots.len() - 1).await;
            }
            Route::Nowhere(devices) => {
                let failure = Failure {
                    kind: FailureKind::Usage,
                    message: format!(
                        "There is no device {} here: --device takes one of {}.",
                        darkroom_protocol::text::escape_line(device),
                        devices.join(", ")
                    ),
                };
                self.fail_in_line(job, failure).await;
            }
        }
    }
}

/// A task that was accepted before the first worker told its device names it now, so that its pictures say where they were
/// made.
fn on_device(mut task: Task, device: Option<&str>) -> Task {
    if let (Task::Image(image), Some(device)) = (&mut task, device)
        && image.device.is_empty()
    {
        image.device = device.to_owned();
    }
    task
}

/// How many pictures a task makes.
fn pictures(task: &Task) -> u32 {
    match task {
        Task::Image(image) => image.batch,
        Task::Upscale(_) => 1,
        Task::Caption(_) | Task::Train(_) => 0,
    }
}
