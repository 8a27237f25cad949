use std::time::Duration;

use darkroom_protocol::message::worker::Staged;
use darkroom_protocol::{EventKind, Failure, FailureKind, Format, JobId, Order, Outcome, Report, Task, failpoint};
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::ending::Ending;
use super::resident::Resident;
use super::shortage::room;
use super::slot::{Busy, Phase};
use crate::store::Committed;
use crate::{Error, Result};

impl Dispatcher {
    /// Deals with what a worker reports. What is not of its job comes too late and is dropped.
    pub async fn hear(&mut self, at: usize, report: Report) {
        match report {
            Report::Ready(_) | Report::Pong { .. } => {}
            Report::Started { job } => {
                self.sign_of_life(at, job);
            }
            Report::Progress { job, progress } => {
                self.sign_of_loading(at, job, &progress);
                if let Some(busy) = self.slots[at].busy_with(job) {
                    let reached = Some((progress.phase, progress.image, progress.step));
                    if busy.reached != reached {
                        (busy.reached, busy.last_sign) = (reached, Instant::now());
                    }
                    let step = progress.step_s.and_then(|s| Duration::try_from_secs_f64(s).ok());
                    busy.last_step = step.unwrap_or(busy.last_step);
                    self.tools.bus.publish(job, EventKind::Progress(progress));
                }
            }
            Report::Preview { job, preview } => {
                if self.slots[at].busy_with(job).is_some() {
                    self.tools.bus.publish(job, EventKind::Preview(preview));
                }
            }
            Report::Notice { job, text } => {
                if self.slots[at].busy_with(job).is_some() || self.loads(at, job) {
                    self.tell(job, text);
                }
            }
            Report::Staged(staged) => {
                if self.sign_of_life(at, staged.job).is_some() {
                    self.keep(at, staged).await;
                }
            }
            Report::Resident(residency) => self.slots[at].resident = Resident::heard(residency),
            Report::Adjusted { job, task } => {
                if self.sign_of_life(at, job).is_some() {
                    self.adjust(job, &task).await;
                }
            }
            Report::Ended { job, outcome, resident } => {
                self.slots[at].resident = Resident::heard(resident);
                if self.end_load(at, job, &outcome) {
                    return;
                }
                if self.sign_of_life(at, job).is_some() {
                    self.release(at, outcome).await;
                }
            }
        }
    }

    /// Notes that the worker gets on with that job; `None` when it has another or none. Mere talk is no such sign: a worker
    /// that repeats itself after a cancel is ended.
    fn sign_of_life(&mut self, at: usize, job: JobId) -> Option<&mut Busy> {
        let busy = self.slots[at].busy_with(job)?;
        busy.last_sign = Instant::now();
        Some(busy)
    }

    /// Keeps the task as it goes on: pictures that come after this are made by it.
    async fn adjust(&self, job: JobId, task: &Task) {
        if let Err(error) = self.tools.store.adjust(job, task).await {
            tracing::error!("the changed task of job {job} cannot be kept: {error}");
        }
    }

    /// Takes a picture over: the file, then the row, then everybody hears of it. When that fails the worker is told to stop;
    /// the job has failed, or returns to the line when it is only that the disk has no room.
    async fn keep(&mut self, at: usize, staged: Staged) {
        let (job, index) = (staged.job, staged.index);
        let Some(format) = self.slots[at].busy().map(|busy| busy.format) else {
            return;
        };
        let bytes = staged.bytes;
        let kept = self.adopt(at, staged, format).await;
        let slot = &mut self.slots[at];
        match (kept, slot.busy()) {
            (Ok(()), Some(busy)) => {
                busy.kept.insert(index);
                self.learn_until(|news| matches!(news, Committed::Kept(p) if (p.job, p.index) == (job, index)))
                    .await;
            }
            (Err(error), Some(busy)) if busy.failure.is_none() && !busy.shelved => {
                tracing::error!("picture {index} of job {job} is lost: {error}");
                self.lose(at, job, bytes, error);
            }
            _ => {}
        }
    }

    /// A picture could not be kept. Where that is the environment's fault the job returns to the line, else it has failed; its
    /// worker is told to stop in either case.
    fn lose(&mut self, at: usize, job: JobId, bytes: u64, error: Error) {
        let taken = matches!(error, Error::StagedGone { .. }) && !self.is_strange(job);
        let slot = &mut self.slots[at];
        if let Some(worker) = &slot.worker {
            let after_picture = false;
            worker.send(Order::Cancel { job, after_picture });
        }
        let Some(busy) = slot.busy() else { return };
        busy.cancelling.get_or_insert_with(Instant::now);
        busy.shelved = taken || error.may_pass();
        if taken {
            self.tell(job, format!("{error} The job begins again."));
        } else if busy.shelved {
            self.run_short(Some(job), bytes, &error);
        } else {
            busy.failure = Some(darkroom_protocol::message::RemoteError::from(error).into());
        }
    }

    async fn adopt(&self, at: usize, staged: Staged, format: Format) -> Result<()> {
        let tray = self.slots[at]
            .tray
            .as_ref()
            .map_or_else(Default::default, |tray| tray.path().to_owned());
        let (gallery, from) = (self.tools.gallery.clone(), tray.clone());
        let moved = tokio::task::spawn_blocking(move || gallery.adopt(&from, &staged, format)).await;
        let lost = |e| Error::io("take pictures from", &tray, std::io::Error::other(e));
        let picture = moved.map_err(lost)??;
        if let Err(error) = self.tools.store.add_picture(&picture).await {
            // No row, no file: the job makes it again.
            drop(std::fs::remove_file(&picture.path));
            return Err(error);
        }
        failpoint::hit(10);
        Ok(())
    }

    /// The worker is free; its job ends.
    async fn release(&mut self, at: usize, outcome: Outcome) {
        let slot = &mut self.slots[at];
        slot.deaths = 0;
        let Phase::Busy(busy) = std::mem::replace(&mut slot.phase, Phase::Idle) else {
            return;
        };
        if let Some(worker) = &slot.worker {
            worker.log().end_job();
        }
        let job = busy.waiting.job;
        let mut ending = ending(&busy, outcome, self.stopping.is_some());
        if let Ending::Failed(failure) = &ending
            && failure.kind == FailureKind::Disk
            && self.is_the_disks(at, job, busy.bytes, &failure.message).await
        {
            ending = Ending::Requeued;
        }
        self.end(busy.waiting, ending).await;
    }

    /// Whether it is the environment's fault, not the job's, that a worker could not write: its tray was taken away, or nothing
    /// can be written now. The first is mended, the second waited for.
    async fn is_the_disks(&mut self, at: usize, job: JobId, bytes: u64, said: &str) -> bool {
        let mended = match &self.slots[at].tray {
            Some(tray) => tray.mend(),
            None => Ok(false),
        };
        match (mended, room(&self.tools.gallery, bytes, None).await) {
            (Err(error), _) | (_, Err(error)) if error.may_pass() => {
                self.run_short(Some(job), bytes, &error);
                true
            }
            (Ok(true), _) if !self.is_strange(job) => {
                self.tell(
                    job,
                    format!("{said} The worker's folder was taken away: it is made again, and the job begins again."),
                );
                true
            }
            _ => false,
        }
    }
}

/// How a job ends whose worker reports `outcome`.
fn ending(busy: &Busy, outcome: Outcome, stopping: bool) -> Ending {
    let internal = |message: String| {
        Ending::Failed(Failure {
            kind: FailureKind::Internal,
            message,
        })
    };
    let missing = busy.pictures.saturating_sub(busy.kept.len() as u32);
    if busy.shelved {
        return Ending::Requeued;
    }
    match (&busy.failure, outcome) {
        (Some(failure), _) => Ending::Failed(failure.clone()),
        (None, Outcome::Done) if missing == 0 => Ending::Done,
        (None, Outcome::Done) => internal(format!(
            "The worker says that it is done, but {missing} of {} pictures are missing: submit the job again.",
            busy.pictures
        )),
        (None, Outcome::Failed(failure)) => Ending::Failed(failure),
        (None, Outcome::Cancelled) if busy.cancelling.is_some() || busy.after_picture => Ending::Cancelled,
        (None, Outcome::Cancelled) if stopping => Ending::Requeued,
        (None, Outcome::Cancelled) => internal("The worker ended the job though nobody cancelled it.".to_owned()),
    }
}
