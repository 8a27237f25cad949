//! What a worker says while it works, and what the dispatcher does about it: progress is passed on, pictures are kept beside the
//! dispatcher (so that it waits for no disk), and the job ends. What is said of a job that is not its worker's comes too late and is
//! dropped.

use std::path::PathBuf;
use std::time::Duration;

use darkroom_protocol::message::worker::Staged;
use darkroom_protocol::{
    Assignment, EventKind, Failure, FailureKind, Format, JobId, ModelSource, Order, Outcome, Picture, Report, Task,
    failpoint,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::ending::Ending;
use super::message::{Keeping, Message};
use super::resident::Resident;
use super::run_short::room;
use super::slot::{Busy, Phase};
use crate::catalog;
use crate::gallery::Gallery;
use crate::store::Store;
use crate::{Error, Result};

impl Dispatcher {
    /// Deals with what a worker reports. What is not of its job comes too late and is dropped.
    pub async fn hear(&mut self, at: usize, report: Report) {
        match report {
            Report::Ready(_) | Report::Pong { .. } => {}
            Report::Started { of } => {
                if let Assignment::Job(job) = of {
                    self.sign_of_life(at, job);
                }
            }
            Report::Progress {
                of: Assignment::Load(load),
                progress,
            } => self.sign_of_loading(at, load, progress),
            Report::Progress {
                of: Assignment::Job(job),
                progress,
            } => {
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
            Report::Notice { of, text } => match of {
                Assignment::Job(job) if self.slots[at].busy_with(job).is_some() => self.tell(job, text),
                Assignment::Load(load) if self.loads(at, load) => self.tell(load, text),
                Assignment::Job(_) | Assignment::Load(_) => {}
            },
            // These come as messages of their own.
            Report::Staged(_) => {}
            Report::Resident(residency) => self.slots[at].resident = Resident::heard(residency),
            Report::Adjusted { job, task } => {
                if self.sign_of_life(at, job).is_some() {
                    self.adjust(job, &task).await;
                }
            }
            Report::Ended { of, outcome, resident } => {
                self.slots[at].resident = Resident::heard(resident);
                match of {
                    Assignment::Load(load) => self.end_load(at, load, outcome),
                    Assignment::Job(job) => {
                        if self.sign_of_life(at, job).is_some() {
                            self.release(at, outcome).await;
                        }
                    }
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

    /// Takes a picture over beside the dispatcher: the file, then the row. [`Self::end_keeping`] follows.
    pub fn begin_keeping(&mut self, at: usize, staged: Staged, kept: oneshot::Sender<()>) {
        let tray = self.slots[at].tray.as_ref().map(|tray| tray.path().to_owned());
        let Some(busy) = self.sign_of_life(at, staged.job) else {
            return;
        };
        busy.keeping = true;
        let (format, called, source) = (busy.format, busy.called.clone(), busy.source.clone());
        let keeping = Keeping {
            slot: at,
            job: staged.job,
            index: staged.index,
            bytes: staged.bytes,
            kept,
        };
        let (gallery, store) = (self.tools.gallery.clone(), self.tools.store.clone());
        let thumbnails = self.tools.thumbnails.clone();
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let adopted = adopt(
                gallery,
                &store,
                tray.unwrap_or_default(),
                staged,
                (format, called, source),
            )
            .await;
            let (result, picture) = match adopted {
                Ok(picture) => (Ok(()), Some(picture)),
                Err(error) => (Err(error), None),
            };
            // The dispatcher ends with its workers, of which this one is not heard before.
            let _ = messages.send(Message::Kept(keeping, result)).await;
            if let Some(picture) = picture {
                drop(tokio::task::spawn_blocking(move || thumbnails.prepare(&picture)));
            }
        });
    }

    /// Everybody hears of the picture. Where it could not be kept the worker is told to stop; the job has failed, or returns to the
    /// line when it is only that the disk has no room.
    pub async fn end_keeping(&mut self, keeping: Keeping, result: Result<()>) {
        let Keeping {
            slot: at,
            job,
            index,
            bytes,
            kept,
        } = keeping;
        let is_heard = self.sign_of_life(at, job).map(|busy| {
            busy.keeping = false;
            busy.failure.is_none() && !busy.shelved
        });
        match (result, is_heard) {
            (Ok(()), Some(_)) => {
                if let Some(busy) = self.slots[at].busy_with(job) {
                    busy.kept.insert(index);
                }
                // Its row was committed before this was sent, so that it is among the news or was.
                self.learn_all().await;
                self.tools.deliverer.bring(job);
            }
            (Err(error), Some(true)) => {
                tracing::error!("picture {index} of job {job} is lost: {error}");
                self.lose(at, job, bytes, error);
            }
            _ => {}
        }
        // Its worker may have ended meanwhile.
        let _ = kept.send(());
    }

    /// A picture could not be kept. Where that is the environment's fault the job returns to the line, else it has failed; its
    /// worker is told to stop in either case.
    fn lose(&mut self, at: usize, job: JobId, bytes: u64, error: Error) {
        let taken = matches!(error, Error::StagedGone { .. }) && !self.is_strange(job);
        let slot = &mut self.slots[at];
        if let Some(worker) = &slot.worker {
            worker.send(Order::Cancel {
                of: Assignment::Job(job),
                after_picture: false,
            });
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

/// Brings a picture from its worker's tray into the gallery, then writes its row.
async fn adopt(
    gallery: Gallery,
    store: &Store,
    tray: PathBuf,
    staged: Staged,
    (format, called, source): (Format, String, ModelSource),
) -> Result<Picture> {
    let from = tray.clone();
    let moved = tokio::task::spawn_blocking(move || {
        let picture = gallery.adopt(&from, &staged, format, &called)?;
        Ok::<_, Error>((picture, catalog::files_of(&source)))
    });
    let lost = |e| Error::io("take pictures from", &tray, std::io::Error::other(e));
    let (picture, model) = moved.await.map_err(lost)??;
    if let Err(error) = store.add_picture(&picture, model).await {
        // No row, no file: the job makes it again.
        drop(std::fs::remove_file(&picture.path));
        return Err(error);
    }
    failpoint::hit(10);
    Ok(picture)
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
