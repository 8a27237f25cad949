use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{SinkExt, Stream as _};
use interprocess::local_socket::tokio::Stream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::dial::{dial, within};
use super::queue::Queue;
use super::{PONG, REPLY, SILENCE, candidates};
use crate::codec::frame;
use crate::codec::preface::Hello;
use crate::data_folder::DataFolder;
use crate::message::client::ClientMessage;
use crate::paths::Paths;
use crate::{Error, Event, Reply, Request, Result, ServerMessage};

/// Answers a client's requests in the client's own process.
pub trait Here: std::fmt::Debug + Send {
    /// Answers one request.
    fn answer(&mut self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

/// An open connection to the daemon, or what stands for it where none runs.
#[derive(Debug)]
pub struct Client {
    line: Line,
    socket: PathBuf,
    daemon: Hello,
    last_id: u64,
    events: Queue,
}

/// Where requests go.
#[derive(Debug)]
enum Line {
    Socket(Framed<Stream, LengthDelimitedCodec>),
    Here(Box<dyn Here>),
}

impl Client {
    /// The daemon of these folders, wherever it listens. One that answers and has another data folder is passed over: it is
    /// another home's.
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

    /// The daemon on that socket, whoever's it is.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_to(socket: &Path) -> Result<Self> {
        Self::connect_as(socket, None).await
    }

    /// A client whose requests are answered in this process.
    pub fn here(answers: Box<dyn Here>) -> Self {
        let daemon = Hello::of("daemon");
        Self::of(Line::Here(answers), PathBuf::new(), daemon)
    }

    async fn connect_as(socket: &Path, data: Option<DataFolder>) -> Result<Self> {
        let (stream, daemon) = dial(socket, data).await?;
        let line = Line::Socket(Framed::new(stream, frame::framing()));
        Ok(Self::of(line, socket.to_path_buf(), daemon))
    }

    fn of(line: Line, socket: PathBuf, daemon: Hello) -> Self {
        Self {
            line,
            socket,
            daemon,
            last_id: 0,
            events: Queue::default(),
        }
    }

    /// An error for a daemon that serves another data folder than that of `paths`.
    fn stranger(&self, paths: &Paths) -> Option<Error> {
        let theirs = self.daemon.data.as_ref().filter(|data| !data.is_that_at(&paths.data))?;
        Some(Error::Unreachable {
            socket: self.socket.clone(),
            why: format!(
                "the daemon there (pid {}) serves another home, whose data are in {}",
                self.daemon.pid,
                crate::text::escape_line(&theirs.path)
            ),
        })
    }

    /// Whether a daemon answers, not this process.
    pub fn is_daemon(&self) -> bool {
        matches!(self.line, Line::Socket(_))
    }

    /// The socket that answered.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Who answered.
    pub fn daemon(&self) -> &Hello {
        &self.daemon
    }

    /// Asks and waits for the answer; events that come meanwhile are kept for [`Self::next_event`].
    ///
    /// # Errors
    /// [`Error::Remote`] when the daemon refuses, [`Error::Timeout`] after [`REPLY`], [`Error::Closed`] when it ends.
    pub async fn call(&mut self, request: Request) -> Result<Reply> {
        within(REPLY, "after a request", self.exchange(request)).await
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Closed`] with the daemon's reason when it ends, [`Error::Timeout`] when it no longer answers: after
    /// [`SILENCE`] it is asked whether it lives.
    pub async fn next_event(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.events.pop() {
                return Ok(event);
            }
            match tokio::time::timeout(SILENCE, self.receive()).await {
                Ok(message) => drop(self.sort(message?)?),
                Err(_) => drop(within(PONG, "asked whether it lives", self.exchange(Request::Ping {})).await?),
            }
        }
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply> {
        self.last_id += 1;
        let id = self.last_id;
        let frames = match &mut self.line {
            Line::Socket(frames) => frames,
            Line::Here(answers) => return answers.answer(request).await.map_err(Error::Remote),
        };
        let body = frame::encode(&ClientMessage { id, request })?;
        if let Err(e) = frames.send(Bytes::from(body)).await {
            return Err(self.why_closed(e).await);
        }
        loop {
            let message = self.receive().await?;
            match self.sort(message)? {
                Some((of, result)) if of == id => return result.map_err(Error::Remote),
                _ => {}
            }
        }
    }

    /// The write failed because the other end is gone: what it said last explains why.
    async fn why_closed(&mut self, source: std::io::Error) -> Error {
        for _ in 0..1024 {
            match self.receive().await.and_then(|message| self.sort(message)) {
                Ok(_) => {}
                Err(e) => return e,
            }
        }
        Error::Io {
            doing: "Writing to the daemon".to_owned(),
            source,
        }
    }

    /// Keeps an event, hands on a reply, turns a farewell into an error. Replies that nobody waits for are dropped by the
    /// callers: their question was given up.
    fn sort(&mut self, message: ServerMessage) -> Result<Option<(u64, Answer)>> {
        match message {
            ServerMessage::Event(event) => {
                self.events.push(event);
                Ok(None)
            }
            ServerMessage::Reply { id, result } => Ok(Some((id, result))),
            ServerMessage::Bye { reason } => Err(Error::Bye(crate::text::escape_line(&reason).into_owned())),
        }
    }

    async fn receive(&mut self) -> Result<ServerMessage> {
        let Line::Socket(frames) = &mut self.line else {
            return Err(Error::Closed(": none runs, so nothing happens.".to_owned()));
        };
        let next = std::future::poll_fn(|cx| Pin::new(&mut *frames).poll_next(cx)).await;
        match next {
            Some(Ok(bytes)) => frame::decode(&bytes),
            Some(Err(e)) if e.kind() == std::io::ErrorKind::InvalidData => Err(Error::Malformed(e.to_string())),
            Some(Err(_)) | None => Err(Error::Closed(": see `darkroom daemon logs`.".to_owned())),
        }
    }
}

/// What a request came to.
pub type Answer = std::result::Result<Reply, crate::message::RemoteError>;
