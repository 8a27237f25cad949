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
use darkroom_protocol::host::Host;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::ClientMessage;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Error, Event, Reply, Request, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::cache::Cache;
use super::dial::{dial, within};
use super::elsewhere::{self, Elsewhere};
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
    last_id: AtomicU64,
}

/// Where requests go.
#[derive(Debug)]
enum Way {
    Socket(PathBuf, Line),
    Elsewhere(Box<Elsewhere>),
    Here(Mutex<Box<dyn Here>>),
}

/// One stream to a daemon, served by a task that ends with it.
#[derive(Debug)]
pub(super) struct Line {
    asked: mpsc::UnboundedSender<Asked>,
    pub(super) shared: Arc<Shared>,
    pub(super) daemon: Hello,
}

impl Line {
    /// Serves a stream on which both ends have greeted.
    pub(super) fn of(stream: impl AsyncRead + AsyncWrite + Send + 'static, daemon: Hello) -> Self {
        let (asked, requests) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        tokio::spawn(async move { serve(stream, requests, &served).await });
        Self { asked, shared, daemon }
    }

    /// Asks, under a number of its own, and waits for the answer.
    pub(super) async fn exchange(&self, id: u64, body: Bytes) -> Result<Reply> {
        let (answer, answered) = oneshot::channel();
        if self.asked.send(Asked { id, body, answer }).is_err() {
            return Err(self.shared.ended());
        }
        match answered.await {
            Ok(answer) => answer.map_err(Error::Remote),
            Err(_) => Err(self.shared.ended()),
        }
    }
}

impl Client {
    /// The daemon of these folders, wherever it listens. One that answers and has another data folder is passed over: it is
    /// another home's. Needs a tokio runtime, in which the connection is served.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nobody listens on any of [`candidates()`]; another error as soon as somebody does but
    /// cannot be talked to: a second daemon would be no remedy.
    pub async fn connect(paths: &Paths) -> Result<Self> {
        if let Some(host) = &paths.host {
            return Self::connect_to(host, &paths.cache, elsewhere::START).await;
        }
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
        Self::of(Way::Here(Mutex::new(answers)))
    }

    /// The daemon of a machine elsewhere, by `arguments` of the `darkroom` there; pictures are kept in a folder of `cache`.
    ///
    /// # Errors
    /// [`Error::Elsewhere`].
    pub(crate) async fn connect_to(host: &Host, cache: &Path, arguments: &'static [&'static str]) -> Result<Self> {
        let elsewhere = Elsewhere::reach(host, cache, arguments).await?;
        Ok(Self::of(Way::Elsewhere(Box::new(elsewhere))))
    }

    async fn connect_as(socket: &Path, data: Option<DataFolder>) -> Result<Self> {
        let (stream, daemon) = dial(socket, data).await?;
        Ok(Self::of(Way::Socket(socket.to_path_buf(), Line::of(stream, daemon))))
    }

    fn of(way: Way) -> Self {
        Self(Arc::new(Connection {
            way,
            last_id: AtomicU64::new(0),
        }))
    }

    /// An error for a daemon that serves another data folder than that of `paths`.
    fn stranger(&self, paths: &Paths) -> Option<Error> {
        let daemon = self.daemon();
        let theirs = daemon.data.as_ref().filter(|data| !data.is_that_at(&paths.data))?;
        Some(Error::Unreachable {
            socket: self.socket(),
            why: format!(
                "the daemon there (pid {}) serves another home, whose data are in {}",
                daemon.pid,
                escape_line(&theirs.path)
            ),
        })
    }

    /// Whether a daemon answers, not this process.
    pub fn is_daemon(&self) -> bool {
        !matches!(self.0.way, Way::Here(_))
    }

    /// What is kept here of another machine's pictures; `None` where the daemon is this machine's.
    pub fn cache(&self) -> Option<&Cache> {
        match &self.0.way {
            Way::Elsewhere(elsewhere) => Some(&elsewhere.cache),
            _ => None,
        }
    }

    /// The socket that answered; where it is another machine's daemon, that one's name.
    pub fn socket(&self) -> PathBuf {
        match &self.0.way {
            Way::Socket(socket, _) => socket.clone(),
            Way::Elsewhere(elsewhere) => PathBuf::from(&elsewhere.host.name),
            Way::Here(_) => PathBuf::new(),
        }
    }

    /// Who answered.
    pub fn daemon(&self) -> Hello {
        match &self.0.way {
            Way::Socket(_, line) => line.daemon.clone(),
            Way::Elsewhere(elsewhere) => elsewhere.line().daemon.clone(),
            Way::Here(_) => Hello::of("daemon"),
        }
    }

    /// Asks and waits for the answer. Others may ask meanwhile.
    ///
    /// # Errors
    /// [`Error::Remote`] when the daemon refuses, [`Error::Timeout`] after [`REPLY`], [`Error::Closed`] or [`Error::Bye`] when it
    /// ends.
    pub async fn call(&self, request: Request) -> Result<Reply> {
        match &self.0.way {
            // Each try has that long.
            Way::Elsewhere(_) => self.exchange(request).await,
            _ => within(REPLY, "after a request", self.exchange(request)).await,
        }
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Bye`] with the daemon's reason when it ends, [`Error::Timeout`] when it no longer answers: after [`SILENCE`] it is
    /// asked whether it lives. [`Error::Closed`] where no daemon runs: nothing will happen.
    pub async fn next_event(&self) -> Result<Event> {
        let shared = match &self.0.way {
            Way::Socket(_, line) => line.shared.clone(),
            Way::Elsewhere(elsewhere) => elsewhere.followed().shared.clone(),
            Way::Here(_) => return Err(Error::Closed(": none runs, so nothing happens.".to_owned())),
        };
        loop {
            match tokio::time::timeout(SILENCE, shared.next_event()).await {
                Ok(event) => return event,
                Err(_) if shared.is_over() => return Err(shared.ended()),
                Err(_) => drop(within(PONG, "asked whether it lives", self.exchange(Request::Ping {})).await?),
            }
        }
    }

    async fn exchange(&self, request: Request) -> Result<Reply> {
        let number = || self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.0.way {
            Way::Socket(_, line) => {
                let id = number();
                line.exchange(id, body(id, request)?).await
            }
            Way::Elsewhere(elsewhere) => elsewhere.exchange(&number, &request).await,
            Way::Here(answers) => answers.lock().await.answer(request).await.map_err(Error::Remote),
        }
    }
}

/// A request's frame, without its length.
pub(super) fn body(id: u64, request: Request) -> Result<Bytes> {
    Ok(Bytes::from(frame::encode(&ClientMessage { id, request })?))
}
