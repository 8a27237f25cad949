use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{SinkExt, Stream as _};
use interprocess::local_socket::tokio::Stream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::dial::{dial, within};
use super::queue::Queue;
use super::{PONG, REPLY, SILENCE, candidates};
use crate::codec::frame;
use crate::codec::preface::Hello;
use crate::message::client::ClientMessage;
use crate::paths::Paths;
use crate::{Error, Event, Reply, Request, Result, ServerMessage};

/// An open connection to the daemon.
#[derive(Debug)]
pub struct Client {
    frames: Framed<Stream, LengthDelimitedCodec>,
    socket: PathBuf,
    daemon: Hello,
    last_id: u64,
    events: Queue,
}

impl Client {
    /// The daemon of this user, wherever it listens.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nobody listens on any of [`candidates()`]; another error as soon as somebody does but
    /// cannot be talked to: a second daemon would be no remedy.
    pub async fn connect(paths: &Paths) -> Result<Self> {
        let mut nobody = None;
        for socket in candidates(paths) {
            match Self::connect_to(&socket).await {
                Err(e @ Error::Unreachable { .. }) => nobody = Some(e),
                other => return other,
            }
        }
        Err(nobody.unwrap_or_else(|| Error::Unreachable {
            socket: paths.socket(),
            why: "there is no socket".to_owned(),
        }))
    }

    /// The daemon on that socket.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_to(socket: &Path) -> Result<Self> {
        let (stream, daemon) = dial(socket).await?;
        Ok(Self {
            frames: Framed::new(stream, frame::framing()),
            socket: socket.to_path_buf(),
            daemon,
            last_id: 0,
            events: Queue::default(),
        })
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
        let body = frame::encode(&ClientMessage { id, request })?;
        if let Err(e) = self.frames.send(Bytes::from(body)).await {
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
        let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut self.frames).poll_next(cx)).await;
        match next {
            Some(Ok(bytes)) => frame::decode(&bytes),
            Some(Err(e)) if e.kind() == std::io::ErrorKind::InvalidData => Err(Error::Malformed(e.to_string())),
            Some(Err(_)) | None => Err(Error::Closed(": see `darkroom daemon logs`.".to_owned())),
        }
    }
}

type Answer = std::result::Result<Reply, crate::message::RemoteError>;
