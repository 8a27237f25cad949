//! [`Client`]: an open connection to the daemon, or what stands for it where none runs.
//!
//! Whoever has a clone asks without waiting for the others' answers; what is on its way is kept by the task of [`super::line`].
//! Everything has a deadline, so that a daemon that hangs never hangs the person in front of it.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use darkroom_protocol::codec::frame;
use darkroom_protocol::codec::preface::Hello;
use darkroom_protocol::data_folder::DataFolder;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::ClientMessage;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Error, Event, Reply, Request, Result};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::dial::{dial, within};
use super::line::{Asked, Shared, serve};
use super::{PONG, REPLY, SILENCE, candidates};

/// What a request came to.
pub type Answer = std::result::Result<Reply, RemoteError>;

/// Answers a client's requests in the client's own process.
pub trait Here: std::fmt::Debug + Send {
    /// Answers one request.
    fn answer(&mut self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

/// A connection. Clones share it, its requests and its events: of these each is taken once, by whoever asks next. It is closed when
/// the last clone goes.
#[derive(Clone, Debug)]
pub struct Client(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    way: Way,
    socket: PathBuf,
    daemon: Hello,
    last_id: AtomicU64,
}

/// Where requests go.
#[derive(Debug)]
enum Way {
    Socket {
        asked: mpsc::UnboundedSender<Asked>,
        shared: Arc<Shared>,
    },
    Here(Mutex<Box<dyn Here>>),
}

impl Client {
    /// The daemon of these folders, wherever it listens. One that answers and has another data folder is passed over: it is
    /// another home's. Needs a tokio runtime, in which the connection is served.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nobody listens on any of [`candidates()`]; another error as soon as somebody does but
    /// cannot be talked to: a second daemon would be no remedy.
    pub async fn connect(paths: &Paths) -> Result<Self> {
        let (mut nobody, mut stranger) = (None, None);
        for socket in candidates(paths) {
            match Self::connect_as(&socket, DataFolder::at(&paths.data)).await {
                Ok(client) => match client.stranger(paths) {
                    None => return Ok(client),
                    other => stranger = other,
                },
                Err(e @ Error::Unreachable { .. }) => nobody = Some(e),
                other => return other,
            }
        }
        Err(stranger.or(nobody).unwrap_or_else(|| Error::Unreachable {
            socket: paths.socket(),
            why: "there is no socket".to_owned(),
        }))
    }

    /// A client whose requests are answered in this process.
    pub fn here(answers: Box<dyn Here>) -> Self {
        Self::of(Way::Here(Mutex::new(answers)), PathBuf::new(), Hello::of("daemon"))
    }

    async fn connect_as(socket: &Path, data: Option<DataFolder>) -> Result<Self> {
        let (stream, daemon) = dial(socket, data).await?;
        let (asked, requests) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        tokio::spawn(async move { serve(stream, requests, &served).await });
        Ok(Self::of(Way::Socket { asked, shared }, socket.to_path_buf(), daemon))
    }

    fn of(way: Way, socket: PathBuf, daemon: Hello) -> Self {
        Self(Arc::new(Connection {
            way,
            socket,
            daemon,
            last_id: AtomicU64::new(0),
        }))
    }

    /// An error for a daemon that serves another data folder than that of `paths`.
    fn stranger(&self, paths: &Paths) -> Option<Error> {
        let daemon = self.daemon();
        let theirs = daemon.data.as_ref().filter(|data| !data.is_that_at(&paths.data))?;
        Some(Error::Unreachable {
            socket: self.socket().to_path_buf(),
            why: format!(
                "the daemon there (pid {}) serves another home, whose data are in {}",
                daemon.pid,
                escape_line(&theirs.path)
            ),
        })
    }

    /// Whether a daemon answers, not this process.
    pub fn is_daemon(&self) -> bool {
        matches!(self.0.way, Way::Socket { .. })
    }

    /// The socket that answered.
    pub fn socket(&self) -> &Path {
        &self.0.socket
    }

    /// Who answered.
    pub fn daemon(&self) -> &Hello {
        &self.0.daemon
    }

    /// Asks and waits for the answer. Others may ask meanwhile.
    ///
    /// # Errors
    /// [`Error::Remote`] when the daemon refuses, [`Error::Timeout`] after [`REPLY`], [`Error::Closed`] or [`Error::Bye`] when it
    /// ends.
    pub async fn call(&self, request: Request) -> Result<Reply> {
        within(REPLY, "after a request", self.exchange(request)).await
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Bye`] with the daemon's reason when it ends, [`Error::Timeout`] when it no longer answers: after [`SILENCE`] it is
    /// asked whether it lives. [`Error::Closed`] where no daemon runs: nothing will happen.
    pub async fn next_event(&self) -> Result<Event> {
        let Way::Socket { shared, .. } = &self.0.way else {
            return Err(Error::Closed(": none runs, so nothing happens.".to_owned()));
        };
        loop {
            match tokio::time::timeout(SILENCE, shared.next_event()).await {
                Ok(event) => return event,
                Err(_) => drop(within(PONG, "asked whether it lives", self.exchange(Request::Ping {})).await?),
            }
        }
    }

    async fn exchange(&self, request: Request) -> Result<Reply> {
        let (asked, shared) = match &self.0.way {
            Way::Socket { asked, shared } => (asked, shared),
            Way::Here(answers) => return answers.lock().await.answer(request).await.map_err(Error::Remote),
        };
        let id = self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let body = Bytes::from(frame::encode(&ClientMessage { id, request })?);
        let (answer, answered) = oneshot::channel();
        if asked.send(Asked { id, body, answer }).is_err() {
            return Err(shared.ended());
        }
        match answered.await {
            Ok(answer) => answer.map_err(Error::Remote),
            Err(_) => Err(shared.ended()),
        }
    }
}
