//! Answers requests from what is kept, in the process of a command, where no daemon runs.
//!
//! Looking opens the store to be read and writes nothing. Changing it takes the daemon's lock and does first what a daemon that
//! starts does: jobs that a dead one left running return to the line. The functions of the store are those that the daemon uses;
//! what needs a worker is refused. `src/start.rs` decides when this stands in for a daemon.

use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{Page, Status};
use darkroom_protocol::message::history::Album;
use darkroom_protocol::message::log::{LogLook, LogOf};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{FailureKind, Job, JobState, Reply, Request};

use super::files::prepare;
use super::lock::Lock;
use super::run::recover;
use crate::catalog::{Catalog, caches};
use crate::gallery::Gallery;
use crate::history::Thumbnails;
use crate::pull;
use crate::server::verbs;
use crate::settings::Live;
use crate::store::Store;
use crate::{Error, Result};

/// What a request comes to.
type Answer = std::result::Result<Reply, RemoteError>;

/// What is kept in the folders of one home.
#[derive(Debug)]
pub struct Kept {
    paths: Paths,
    door: Door,
}

/// How far it was opened.
#[derive(Debug)]
enum Door {
    Shut,
    Read(Store),
    /// No daemon lives meanwhile.
    Written {
        store: Store,
        _lock: Lock,
    },
}

impl Kept {
    /// Nothing is opened before something is asked.
    pub fn new(paths: Paths) -> Self {
        Self {
            paths,
            door: Door::Shut,
        }
    }

    /// The store to be looked at; `None` where nothing was ever kept.
    async fn read(&mut self) -> Result<Option<Store>> {
        if let Door::Read(store) | Door::Written { store, .. } = &self.door {
            return Ok(Some(store.clone()));
        }
        if !self.paths.database().exists() {
            return Ok(None);
        }
        match Store::look(&self.paths.database())? {
            Some(store) => {
                self.door = Door::Read(store.clone());
                Ok(Some(store))
            }
            // It is to be brought to this version's tables before it can be read.
            None => self.write().await.map(Some),
        }
    }

    /// The store to be changed.
    async fn write(&mut self) -> Result<Store> {
        if let Door::Written { store, .. } = &self.door {
            return Ok(store.clone());
        }
        let paths = prepare(self.paths.clone(), false)?;
        let lock = Lock::unsigned(&paths)?;
        let gallery = Gallery::open(&paths)?;
        let store = Store::open(&paths.database())?;
        recover(&store, &gallery).await?;
        self.door = Door::Written {
            store: store.clone(),
            _lock: lock,
        };
        Ok(store)
    }

    /// What a daemon would answer, as far as that needs no worker.
    ///
    /// # Errors
    /// As a daemon's, and where a daemon is needed.
    pub async fn answer(&mut self, request: Request) -> Answer {
        let reply = match request {
            Request::Ping {} => Reply::Pong {},
            Request::Models {} => {
                let settings = Live::open(&self.paths.config_file()).await?;
                let settings = settings.with_models(self.paths.models());
                Reply::Models(Catalog::new(Arc::new(settings)).with_caches(caches()).list())
            }
            Request::Status {}
            | Request::Job { .. }
            | Request::Queue { .. }
            | Request::Log(_)
            | Request::History(_)
            | Request::Picture { .. }
            | Request::Tags {}
            | Request::Thumbnail(_)
            | Request::Download(_) => self.look(request).await?,
            Request::Cancel { .. }
            | Request::CancelAll {}
            | Request::Clear { .. }
            | Request::Pause { .. }
            | Request::Resume { .. }
            | Request::Priority { .. }
            | Request::Move { .. }
            | Request::Retry { .. } => {
                let store = self.write().await?;
                let reply = change(&store, request).await;
                store.close().await?;
                reply?
            }
            Request::Star { .. }
            | Request::Tag { .. }
            | Request::Trash { .. }
            | Request::EmptyTrash {}
            | Request::Import { .. }
            | Request::Scan { .. } => {
                let store = self.write().await?;
                let answer = verbs::change_pictures(&store, &self.paths, request).await;
                store.close().await?;
                answer?.reply
            }
            Request::Pulls {} => Reply::Pulls(pull::at_rest(&self.paths)),
            Request::CancelPull { pull } => {
                // No daemon begins meanwhile.
                self.write().await?.close().await?;
                Reply::Pull(Box::new(pull::cancel_at_rest(&self.paths, &pull)?))
            }
            _ => return Err(needs_daemon()),
        };
        Ok(reply)
    }

    async fn look(&mut self, request: Request) -> Answer {
        let Some(store) = self.read().await? else {
            return match request {
                Request::Queue { .. } => Ok(Reply::Queue(Page::default())),
                Request::Status {} => Ok(Reply::Status(self.status(None).await?)),
                Request::History(_) => Ok(Reply::History(Album::default())),
                Request::Tags {} => Ok(Reply::Tags(vec![])),
                Request::Picture { picture } => Err(Error::NoSuchPicture { name: picture }.into()),
                Request::Job { job }
                | Request::Log(LogLook {
                    of: LogOf::Job(job), ..
                }) => Err(Error::NoSuchJob { id: job }.into()),
                _ => Err(needs_daemon()),
            };
        };
        match request {
            Request::Status {} => Ok(Reply::Status(self.status(Some(&store)).await?)),
            Request::Log(look) => Ok(verbs::log(&store, &self.paths, look).await?.reply),
            Request::History(look) => Ok(verbs::history(&store, &look).await?.reply),
            Request::Picture { picture } => Ok(verbs::picture(&store, &picture).await?.reply),
            Request::Tags {} => Ok(verbs::tags(&store).await?.reply),
            Request::Thumbnail(wanted) => {
                let thumbnails = Thumbnails::of(&self.paths);
                Ok(verbs::thumbnail(&store, &thumbnails, &wanted).await?.reply)
            }
            Request::Download(download) => Ok(verbs::download(&store, &download).await?.reply),
            Request::Job { job } => {
                let job = verbs::kept_job(&store, &job).await?;
                Ok(Reply::Job(Box::new(at_rest(job))))
            }
            Request::Queue {
                states,
                limit,
                before,
                in_line,
                ended,
            } => {
                let order = verbs::Order::asked(in_line, ended)?;
                let mut page = verbs::kept_jobs(&store, &states, limit, before.as_deref(), order).await?;
                page.jobs = page.jobs.into_iter().map(at_rest).collect();
                Ok(Reply::Queue(page))
            }
            _ => Err(needs_daemon()),
        }
    }

    /// How the line stands; nothing of it moves.
    async fn status(&self, store: Option<&Store>) -> Result<Status> {
        let (mut queued, mut held, mut paused) = (0, 0, false);
        if let Some(store) = store {
            let waiting = store.waiting().await?;
            queued = waiting.len() as u64 + store.count(JobState::Running).await?;
            held = waiting.iter().filter(|job| job.held).count() as u64;
            paused = store.paused().await?;
        }
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: darkroom_protocol::VERSION,
            pid: 0,
            uptime_s: 0,
            socket: String::new(),
            data: self.paths.data.to_string_lossy().into_owned(),
            queued,
            running: vec![],
            progress: vec![],
            cancelling: vec![],
            short: None,
            workers: vec![],
            capabilities: vec![],
            paused,
            held,
        })
    }
}

/// Does what the daemon would, but for telling anybody.
async fn change(store: &Store, request: Request) -> Answer {
    let placed = |job, change| Reply::Placed { job, change };
    match request {
        Request::Cancel { job, after_picture } => {
            let job = store.find(&job).await?;
            let state = store.cancel(job, after_picture).await?.now;
            Ok(Reply::Cancelling { job, state })
        }
        Request::CancelAll {} => {
            let waiting = store.cancel_all().await?.len() as u64;
            Ok(Reply::CancellingAll { waiting, running: 0 })
        }
        Request::Clear { states, dry_run } => Ok(verbs::clear(store, &states, dry_run).await?.reply),
        Request::Pause { job: None } => {
            store.pause(true).await?;
            Ok(Reply::Paused { paused: true })
        }
        Request::Resume { job: None } => {
            store.pause(false).await?;
            Ok(Reply::Paused { paused: false })
        }
        Request::Pause { job: Some(job) } => {
            let job = store.find(&job).await?;
            Ok(placed(job, store.hold(job, true).await?))
        }
        Request::Resume { job: Some(job) } => {
            let job = store.find(&job).await?;
            Ok(placed(job, store.hold(job, false).await?))
        }
        Request::Priority { job, priority } => {
            verbs::check_priority(priority)?;
            let job = store.find(&job).await?;
            Ok(placed(job, store.prioritise(job, priority).await?))
        }
        Request::Move { job, place } => {
            let job = store.find(&job).await?;
            let spot = verbs::spot(store, place).await?;
            Ok(placed(job, store.move_to(job, spot).await?.change))
        }
        Request::Retry { job } => {
            let job = store.find(&job).await?;
            Ok(placed(job, store.retry(job).await?))
        }
        _ => Err(needs_daemon()),
    }
}

/// A job that a dead daemon left running waits in truth, and one that it was ending has ended.
fn at_rest(mut job: Job) -> Job {
    match job.state {
        JobState::Running => (job.state, job.started_ms) = (JobState::Queued, None),
        JobState::Cancelling => job.state = JobState::Cancelled,
        JobState::Queued | JobState::Done | JobState::Failed | JobState::Cancelled => {}
    }
    job
}

fn needs_daemon() -> RemoteError {
    RemoteError::new(
        FailureKind::Internal,
        "No daemon is running: `darkroom daemon start` starts one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rig, task};
    use darkroom_client::{Client, Here};
    use darkroom_protocol::GenerateRequest;
    use darkroom_protocol::message::client::Place;
    use std::pin::Pin;
    use uuid::Uuid;

    /// As the command has it.
    #[derive(Debug)]
    struct NoDaemon(Kept);

    impl Here for NoDaemon {
        fn answer(&mut self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
            Box::pin(self.0.answer(request))
        }
    }

    /// A home in which two jobs wait, and a client of what is kept there.
    async fn home() -> (tempfile::TempDir, Paths, Client) {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        std::fs::create_dir_all(&paths.data).unwrap();
        let store = Store::open(&paths.database()).unwrap();
        for _ in 0..2 {
            let (id, request) = (Uuid::now_v7(), GenerateRequest::default());
            store.accept(id, &request, &task("fox")).await.unwrap();
        }
        let line = store.waiting().await.unwrap();
        store.start(line[0].job).await.unwrap();
        store.close().await.unwrap();
        let client = Client::here(Box::new(NoDaemon(Kept::new(paths.clone()))));
        (dir, paths, client)
    }

    #[tokio::test]
    async fn looking_writes_nothing_and_shows_what_waits() {
        let (dir, paths, client) = home().await;
        let before = std::fs::read(paths.database()).unwrap();
        let jobs = client.line(10).await.unwrap();
        let states: Vec<JobState> = jobs.iter().map(|job| job.state).collect();
        assert_eq!(
            states,
            [JobState::Queued, JobState::Queued],
            "none runs where no daemon does"
        );
        assert_eq!(client.status().await.unwrap().queued, 2);
        assert_eq!(client.job(&jobs[0].id.to_string()).await.unwrap().id, jobs[0].id);
        assert_eq!(std::fs::read(paths.database()).unwrap(), before);
        assert!(!paths.lock().exists() && !paths.state.exists(), "{dir:?}");
        let nothing = tempfile::tempdir().unwrap();
        let client = Client::here(Box::new(NoDaemon(Kept::new(Paths::under(nothing.path())))));
        assert_eq!(client.line(10).await.unwrap(), []);
        assert!(
            client
                .job("0199")
                .await
                .unwrap_err()
                .to_string()
                .contains("There is no job")
        );
        assert_eq!(std::fs::read_dir(nothing.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn changes_are_kept_and_no_daemon_lives_meanwhile() {
        let (_dir, paths, client) = home().await;
        let jobs = client.line(10).await.unwrap();
        let [first, second] = [0, 1].map(|at| jobs[at].id.to_string());
        assert_eq!(client.cancel(&first, false).await.unwrap().1, JobState::Cancelled);
        assert!(matches!(Lock::unsigned(&paths), Err(Error::AlreadyRunning { .. })));
        assert!(client.pause_queue(true).await.unwrap());
        let job = second.clone();
        let (_, placed) = client.place(Request::Priority { job, priority: 7 }).await.unwrap();
        assert_eq!(placed.priority, 7);
        let job = first.clone();
        client.place(Request::Retry { job }).await.unwrap();
        let (job, place) = (first.clone(), Place::First);
        client.place(Request::Move { job, place }).await.unwrap();
        let line = client.line(10).await.unwrap();
        assert_eq!(
            line.iter().map(|job| job.id.to_string()).collect::<Vec<_>>(),
            [first, second]
        );
        assert!(client.status().await.unwrap().paused);
        assert_eq!(client.cancel_all().await.unwrap(), (2, 0));
        assert_eq!(client.clear(vec![], false).await.unwrap().0, 2);
        drop(client);
        drop(Lock::unsigned(&paths).unwrap());
    }

    #[tokio::test]
    async fn what_needs_a_worker_is_refused() {
        let (_dir, _, client) = home().await;
        let error = client.unload("emoji", "").await.unwrap_err().to_string();
        assert!(error.contains("daemon start"), "{error}");
        assert!(client.models().await.unwrap().iter().any(|model| model.name == "emoji"));
        assert!(client.next_event().await.is_err());
    }

    #[tokio::test]
    async fn beside_a_daemon_nothing_is_changed() {
        let rig = Rig::start().await;
        let client = Client::here(Box::new(NoDaemon(Kept::new(rig.paths.clone()))));
        let error = client.cancel_all().await.unwrap_err().to_string();
        assert!(error.contains("runs already"), "{error}");
        rig.stop().await;
    }
}
