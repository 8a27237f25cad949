//! Jobs go to workers: each idle one is given the next job it may run, the row first, then the order. Devices that jobs ask for and
//! that have no worker yet get one here, or their jobs fail.

use std::collections::HashSet;
use std::time::Duration;

use darkroom_protocol::{Failure, FailureKind, Job, JobId, Order, Task, failpoint};
use tokio::time::Instant;

use super::choose::{REACH, choose};
use super::dispatcher::Dispatcher;
use super::ending::Ending;
use super::route::{Face, Route, route, runs_on};
use super::slot::{Busy, Phase, Slot};
use crate::gallery;
use crate::store::{Committed, Start, Waiting};

/// What a file has beside its pixels, in bytes, at most: its prompt, thrice, and its frame.
const BESIDE_PIXELS: u64 = 256 * 1024;

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
                if chosen != first {
                    self.floor.line.overtake(first);
                }
                self.begin(at, chosen).await;
            }
        }
    }

    fn may_start(&self) -> bool {
        self.stopping.is_none() && self.shortage.until.is_none() && !self.floor.paused
    }

    /// The job for a slot, and the one that is first in line for it.
    fn pick(&self, at: usize) -> Option<(JobId, JobId)> {
        let devices = self.devices();
        let faces: Vec<Face<'_>> = self.slots.iter().map(Slot::face).collect();
        let may_run = |device: &str| runs_on(device, at, &faces, devices.as_deref());
        let line = self.floor.line.front(may_run, REACH);
        let first = line.first()?.waiting.job;
        let chosen = choose(line.into_iter(), &self.slots[at].resident.complete())?;
        Some((chosen.waiting.job, first))
    }

    /// Starts a job: the row first, then the worker.
    async fn begin(&mut self, at: usize, job: JobId) {
        if !self.has_tray(at, job) {
            return;
        }
        let Some(entry) = self.floor.line.remove(job) else {
            return;
        };
        match self.tools.store.start(job).await {
            Ok(Start::Begun) => {
                self.learn_until(|news| matches!(news, Committed::Began(begun) if *begun == job))
                    .await;
            }
            Ok(Start::Gone) => return,
            Ok(Start::Paused) => {
                // That it was paused is on its way here.
                self.floor.line.put_back(entry);
                self.learn_all().await;
                return;
            }
            Err(error) => {
                tracing::error!("job {job} cannot be started: {error}");
                self.run_short(Some(job), 0, &error);
                self.floor.line.put_back(entry);
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

    /// Tells the worker.
    fn order(&mut self, at: usize, waiting: Waiting, row: Job) {
        let log = self.log_path(row.id);
        let Task::Image(image) = &row.task;
        let kept: HashSet<u32> = row.pictures.iter().map(|picture| picture.index).collect();
        let busy = Busy {
            waiting,
            pictures: image.pictures(),
            bytes: 3 * image.made_pixels() + BESIDE_PIXELS,
            format: image.what.format,
            called: gallery::called(&row.task),
            source: image.what.source.clone(),
            kept: kept.clone(),
            keeping: false,
            last_sign: Instant::now(),
            reached: None,
            last_step: Duration::ZERO,
            cancelling: None,
            unwanted: false,
            after_picture: false,
            failure: None,
            shelved: false,
        };
        let slot = &mut self.slots[at];
        slot.phase = Phase::Busy(Box::new(busy));
        self.order_previews_of(at);
        let slot = &mut self.slots[at];
        if let Some(worker) = &slot.worker {
            worker.log().begin_job(&log);
            let mut skip: Vec<u32> = kept.into_iter().collect();
            skip.sort_unstable();
            let keep_alive = row
                .request
                .keep_alive
                .unwrap_or_else(|| self.tools.settings.current().keep_alive_for(&image.what.model));
            worker.send(Order::Run {
                job: row.id,
                task: Box::new(on_device(row.task, slot.face().device)),
                skip,
                keep_alive,
            });
        }
    }

    /// Looks at every device that waiting jobs ask for, as `sort_device` does.
    pub async fn sort_all(&mut self) {
        let devices: Vec<String> = self.floor.line.devices().map(str::to_owned).collect();
        for device in devices {
            self.sort_device(&device).await;
        }
    }

    /// The same for devices of jobs that have come since.
    pub async fn sort_new(&mut self) {
        while let Some(device) = self.unsorted.pop() {
            self.sort_device(&device).await;
        }
    }

    /// Opens a worker for a device that waiting jobs ask for when it has none yet; fails them when the machine has no such
    /// device.
    async fn sort_device(&mut self, device: &str) {
        let faces: Vec<Face<'_>> = self.slots.iter().map(Slot::face).collect();
        match route(device, &faces, self.devices().as_deref()) {
            Route::Known => {}
            Route::Open(device) => {
                self.slots.push(Slot::new(&device, false));
                self.start_worker(self.slots.len() - 1).await;
            }
            Route::Nowhere(devices) => {
                let message = format!(
                    "There is no device {} here: --device takes one of {}.",
                    darkroom_protocol::text::escape_line(device),
                    devices.join(", ")
                );
                let kind = FailureKind::Usage;
                self.fail_lane(device, &Failure { kind, message }).await;
            }
        }
    }

    /// Fails every waiting job for a device.
    pub async fn fail_lane(&mut self, device: &str, failure: &Failure) {
        let jobs: Vec<JobId> = self.floor.line.lane(device).map(|entry| entry.waiting.job).collect();
        for job in jobs {
            self.fail_in_line(job, failure.clone()).await;
        }
    }
}

/// A task that was accepted before the first worker told its device names it now, so that its pictures say where they were
/// made.
fn on_device(mut task: Task, device: Option<&str>) -> Task {
    let Task::Image(image) = &mut task;
    if let Some(device) = device
        && image.compute.device.is_empty()
    {
        image.compute.device = device.to_owned();
    }
    task
}
