//! The daemon's part: pictures of jobs that have an output are brought there, once each, whether anybody waits or not.
//!
//! The store knows which are still to be brought, so a daemon that comes later goes on. A picture that may have been brought by
//! one that did not live to write it down is looked for first, by its content. A folder that hangs keeps a thread, not the queue;
//! what cannot be brought is told and stays in the gallery.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use darkroom_protocol::{Delivery, EventKind, JobId, Picture};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::pattern::{Facts, Pattern};
use super::place::{Placed, Same, Wish, place};
use crate::clock;
use crate::events::Bus;
use crate::store::{Store, Undelivered};
use crate::{Error, Result};

/// Pictures that are written at one time. One that waits for a folder that does not answer counts.
const AT_ONCE: usize = 64;
/// When the store does not take what became of a picture, it is tried again after so long.
const AGAIN: Duration = Duration::from_secs(1);
/// The most characters of a reason that are kept.
const REASON: usize = 500;

/// The way to whoever brings the pictures.
#[derive(Clone, Debug)]
pub struct Deliverer {
    jobs: mpsc::UnboundedSender<JobId>,
}

/// What bringing needs.
#[derive(Clone, Debug)]
struct Tools {
    store: Store,
    bus: Arc<Bus>,
    /// Jobs whose pictures may have been brought without a row about it.
    doubtful: Arc<Mutex<HashSet<JobId>>>,
    room: Arc<Semaphore>,
}

impl Deliverer {
    /// Begins with what earlier daemons left undone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(store: Store, bus: Arc<Bus>) -> Result<Self> {
        let left = store.undelivered_jobs().await?;
        let tools = Tools {
            store,
            bus,
            doubtful: Arc::new(Mutex::new(left.iter().copied().collect())),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        };
        let (jobs, inbox) = mpsc::unbounded_channel();
        let deliverer = Self { jobs };
        tokio::spawn(run(tools, inbox));
        left.into_iter().for_each(|job| deliverer.bring(job));
        Ok(deliverer)
    }

    /// That job has another picture.
    pub fn bring(&self, job: JobId) {
        // It ends with the daemon; the next one brings what is left.
        let _ = self.jobs.send(job);
    }
}

/// One task a job at a time, so that its pictures arrive in their order.
async fn run(tools: Tools, mut inbox: mpsc::UnboundedReceiver<JobId>) {
    let (done, mut ended) = mpsc::unbounded_channel();
    // Whether a job that is being looked after was named again meanwhile.
    let mut busy: HashMap<JobId, bool> = HashMap::new();
    loop {
        let next = tokio::select! {
            job = inbox.recv() => match job {
                Some(job) => match busy.get_mut(&job) {
                    Some(again) => {
                        *again = true;
                        None
                    }
                    None => Some(job),
                },
                None => return,
            },
            // The other end is held here.
            Some(job) = ended.recv() => busy.remove(&job).unwrap_or(false).then_some(job),
        };
        let Some(job) = next else { continue };
        busy.insert(job, false);
        let (tools, done) = (tools.clone(), done.clone());
        tokio::spawn(async move {
            while let Err(error) = tools.bring_all(job).await {
                tracing::error!("pictures of job {job} were not brought to its output: {error}");
                if !matches!(error, Error::Database { .. } | Error::Io { .. }) {
                    break;
                }
                tokio::time::sleep(AGAIN).await;
            }
            // Nobody listens when the daemon ends.
            let _ = done.send(job);
        });
    }
}

impl Tools {
    async fn bring_all(&self, job: JobId) -> Result<()> {
        let Some(work) = self.store.undelivered(job).await? else {
            return Ok(());
        };
        let doubtful = work.attempts > 1 || self.doubtful().contains(&job);
        let work = Arc::new(work);
        for at in 0..work.pictures.len() {
            let delivery = self.bring(&work, at, doubtful).await?;
            if let Err(error) = self.store.delivered(job, &delivery).await {
                self.doubtful().insert(job);
                return Err(error);
            }
            if let Some(problem) = &delivery.problem {
                tracing::warn!(%job, index = delivery.index, "a picture stays in the gallery alone: {problem}");
            }
            self.bus.publish(job, EventKind::Delivery(delivery));
        }
        Ok(())
    }

    /// Brings one, on a thread of its own: a folder that hangs must not use up those that others need.
    async fn bring(&self, work: &Arc<Undelivered>, at: usize, doubtful: bool) -> Result<Delivery> {
        let permit = self.room.clone().acquire_owned().await;
        let (work, (reply, answer)) = (work.clone(), oneshot::channel());
        let started = std::thread::Builder::new().name("deliver".to_owned()).spawn(move || {
            let delivery = bring(&work, at, doubtful);
            drop(permit);
            // Nobody waits when the daemon ends.
            let _ = reply.send(delivery);
        });
        let thread = Path::new("a thread");
        started.map_err(|e| Error::io("start", thread, e))?;
        answer
            .await
            .map_err(|e| Error::io("wait for", thread, io::Error::other(e)))
    }

    fn doubtful(&self) -> std::sync::MutexGuard<'_, HashSet<JobId>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bring(work: &Undelivered, at: usize, doubtful: bool) -> Delivery {
    let (picture, made_ms) = &work.pictures[at];
    match try_bring(work, picture, *made_ms, doubtful) {
        Ok(Placed { path, taken }) => Delivery {
            index: picture.index,
            path: path.to_string_lossy().into_owned(),
            taken: taken.map(|path| path.to_string_lossy().into_owned()),
            problem: None,
        },
        Err(problem) => Delivery {
            index: picture.index,
            path: work.output.path.clone(),
            taken: None,
            problem: Some(problem.chars().take(REASON).collect()),
        },
    }
}

fn try_bring(work: &Undelivered, picture: &Picture, made_ms: i64, doubtful: bool) -> Result<Placed, String> {
    let output = &work.output;
    let pattern = Pattern::parse(&output.path).map_err(|e| format!("{}: {e}", output.path))?;
    let facts = Facts {
        task: &work.task,
        picture,
        made: clock::local(made_ms, output.zone.as_deref()),
    };
    let part = format!("{}-{}", picture.job.0.simple(), picture.index);
    let wish = Wish {
        force: output.force,
        umask: output.umask,
        part: &part,
        same: doubtful.then_some(Same {
            bytes: picture.bytes,
            sha256: &picture.sha256,
        }),
    };
    let fill = |file: &mut File| {
        let copied = io::copy(&mut File::open(&picture.path)?, file)?;
        match copied == picture.bytes {
            true => Ok(()),
            false => Err(io::Error::other("the gallery's file has another length than it had")),
        }
    };
    place(&pattern.name(&facts, work.batch), &wish, fill).map_err(|e| e.to_string())
}
