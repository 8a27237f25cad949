//! The store on files of its own: what all of its tests need.

mod beside;
mod damage;
mod group;
mod lookups;
mod plans;
mod queue;
mod recovery;
mod transitions;
mod upgrade;

use darkroom_protocol::{Failure, FailureKind, GenerateRequest, ImageTask, JobId, JobState, Picture, Sampler, Task};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::fault::Fault;
use super::{Part, Start, Store};
use crate::Result;

/// A store of its own in a folder that goes with it.
pub(super) struct Fixture {
    pub(super) dir: TempDir,
    pub(super) store: Store,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("darkroom.db")).unwrap();
        Self { dir, store }
    }

    /// A new queued job.
    pub(super) async fn job(&self) -> JobId {
        let accepted = self.store.accept(Uuid::now_v7(), &request(), &task()).await.unwrap();
        accepted.job
    }

    /// A new job brought into `state`.
    pub(super) async fn job_in(&self, state: JobState) -> JobId {
        let job = self.job().await;
        if state != JobState::Queued {
            assert_eq!(self.store.start(job).await.unwrap(), Start::Begun);
        }
        if state == JobState::Cancelling {
            self.store.cancel(job, false).await.unwrap();
        }
        if state.is_final() {
            let failure = (state == JobState::Failed).then(failure);
            self.store.finish(job, state, failure).await.unwrap();
        }
        job
    }

    pub(super) async fn state(&self, job: JobId) -> JobState {
        self.store.job(job).await.unwrap().unwrap().state
    }

    /// Runs SQL on the connection that writes.
    pub(super) async fn sql(&self, sql: &'static str) {
        raw(&self.store, move |c| Ok(c.execute_batch(sql)?)).await.unwrap();
    }
}

/// The job that is to run next.
pub(super) async fn next(store: &Store) -> Option<JobId> {
    let waiting = store.waiting().await.unwrap();
    waiting.into_iter().find(|job| !job.held).map(|job| job.job)
}

/// The first `limit` jobs of a list.
pub(super) fn page(limit: u32) -> Part {
    Part {
        after: None,
        limit,
        bytes: u64::MAX,
    }
}

pub(super) async fn raw<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
) -> Result<T> {
    store.ask(work).await
}

pub(super) fn request() -> GenerateRequest {
    GenerateRequest {
        prompt: Some("a red apple".to_owned()),
        seed: Some(7),
        ..GenerateRequest::default()
    }
}

pub(super) fn task() -> Task {
    let mut task = ImageTask::of("emoji", "a red apple");
    task.size.width = 64;
    task.size.height = 64;
    task.sampling.steps = 25;
    task.guidance.cfg_scale = 4.1;
    task.sampling.sampler = Sampler::Ddim;
    task.sampling.seed = 7;
    task.size.batch = 2;
    task.compute.micro_batch = 2;
    task.compute.device = "cpu".to_owned();
    Task::Image(task)
}

pub(super) fn failure() -> Failure {
    Failure {
        kind: FailureKind::OutOfMemory,
        message: "no room".to_owned(),
    }
}

pub(super) fn picture(job: JobId, index: u32) -> Picture {
    Picture {
        job,
        index,
        path: format!("/p/{}-{index}.png", job.short()),
        sha256: "00".repeat(32),
        bytes: 10,
        width: 64,
        height: 64,
        seed: (1 << 53) - 1,
        elapsed_ms: 12,
    }
}
