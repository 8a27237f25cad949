//! The task that owns a connection's socket: what is asked goes out, replies find who waits for them, events are kept.
//!
//! [`super::connection`] starts one for each connection and knows its other end. Reading and writing go on beside each other, so that
//! a long request never keeps a reply. It ends when nobody holds the connection any more, or when the daemon hangs up; why is
//! remembered, and told to everybody who waits or asks later.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use darkroom_protocol::codec::frame;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Error, Event, Result, ServerMessage};
use futures_util::{SinkExt as _, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::Answer;
use super::kept_events::KeptEvents;

/// So many events are kept for who does not take them. Beyond that the socket is read for replies alone, and the daemon hangs up on
/// who asks for events and does not read.
const MOST_KEPT: usize = 8192;
/// When a request can no longer be written, what the daemon said before is read for so long: it explains why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A request on its way: its number, its frame's body, and who waits.
pub(super) struct Asked {
    pub id: u64,
    pub body: Bytes,
    pub answer: oneshot::Sender<Answer>,
}

/// Why a connection has ended.
#[derive(Clone, Debug)]
enum End {
    Bye(String),
    Closed,
    Malformed(String),
    Unwritable(ErrorKind, String),
}

impl End {
    fn error(&self) -> Error {
        match self {
            Self::Bye(reason) => Error::Bye(escape_line(reason).into_owned()),
            Self::Closed => Error::Closed(": see `darkroom daemon logs`.".to_owned()),
            Self::Malformed(what) => Error::Malformed(what.clone()),
            Self::Unwritable(kind, what) => Error::Io {
                doing: "Writing to the daemon".to_owned(),
                source: std::io::Error::new(*kind, what.clone()),
            },
        }
    }
}

/// What the task and the connection's holders share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// An event came, or the end.
    news: Notify,
    /// An event was taken, or a request was made: reading may go on.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    events: KeptEvents,
    end: Option<End>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever held it only moved values: they are whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next event; waits for it. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Why the connection has ended, once all that came before was taken.
    pub(super) async fn next_event(&self) -> Result<Event> {
        loop {
            let news = self.news.notified();
            {
                let mut state = self.state();
                if let Some(event) = state.events.pop() {
                    drop(state);
                    self.room.notify_one();
                    return Ok(event);
                }
                if let Some(end) = &state.end {
                    return Err(end.error());
                }
            }
            news.await;
        }
    }

    /// Ends it from this side: nothing more is waited for.
    pub(super) fn give_up(&self) {
        if !self.is_over() {
            self.close(End::Closed);
        }
    }

    /// Whether the connection has ended.
    pub(super) fn is_over(&self) -> bool {
        self.state().end.is_some()
    }

    /// Why the connection has ended.
    pub(super) fn ended(&self) -> Error {
        self.state().end.as_ref().unwrap_or(&End::Closed).error()
    }

    /// Waits until an event may come in: while nobody takes those that are kept, only a reply is worth reading for.
    async fn has_room(&self) {
        loop {
            let room = self.room.notified();
            {
                let state = self.state();
                // A question that was given up waits for nothing.
                let is_awaited = state.waiting.values().any(|answer| !answer.is_closed());
                if state.events.len() < MOST_KEPT || is_awaited {
                    return;
                }
            }
            room.await;
        }
    }

    fn sort(&self, message: ServerMessage) -> Result<(), End> {
        match message {
            ServerMessage::Event(event) => {
                self.state().events.push(event);
                self.news.notify_one();
            }
            ServerMessage::Reply { id, result } => {
                // A question that was given up has nobody who waits.
                let waiting = self.state().waiting.remove(&id);
                if let Some(answer) = waiting {
                    let _ = answer.send(result);
                }
            }
            ServerMessage::Bye { reason } => return Err(End::Bye(reason)),
        }
        Ok(())
    }

    fn close(&self, end: End) {
        let mut state = self.state();
        state.end = Some(end);
        // Who waits hears it: the senders are gone.
        state.waiting.clear();
        drop(state);
        self.news.notify_waiters();
        self.news.notify_one();
    }
}

/// Serves a connection to its end.
pub(super) async fn serve<S>(socket: S, asked: mpsc::UnboundedReceiver<Asked>, shared: &Shared)
where
    S: AsyncRead + AsyncWrite,
{
    let (reader, writer) = tokio::io::split(socket);
    let mut reader = FramedRead::new(reader, frame::framing());
    let writer = FramedWrite::new(writer, frame::framing());
    let end = {
        let reading = read(&mut reader, shared);
        tokio::pin!(reading);
        tokio::select! {
            end = &mut reading => Some(end),
            written = write(writer, asked, shared) => match written {
                Ok(()) => None,
                Err(e) => tokio::time::timeout(LAST_WORDS, reading).await.ok().or(Some(unwritable(&e))),
            },
        }
    };
    shared.close(end.unwrap_or(End::Closed));
}

fn unwritable(error: &std::io::Error) -> End {
    End::Unwritable(error.kind(), error.to_string())
}

/// Writes requests until nobody can make any more.
async fn write<S: AsyncWrite>(
    mut writer: FramedWrite<WriteHalf<S>, LengthDelimitedCodec>,
    mut asked: mpsc::UnboundedReceiver<Asked>,
    shared: &Shared,
) -> std::io::Result<()> {
    while let Some(Asked { id, body, answer }) = asked.recv().await {
        shared.state().waiting.insert(id, answer);
        shared.room.notify_one();
        writer.send(body).await?;
    }
    Ok(())
}

/// Reads to the end.
async fn read<S: AsyncRead>(reader: &mut FramedRead<ReadHalf<S>, LengthDelimitedCodec>, shared: &Shared) -> End {
    loop {
        shared.has_room().await;
        let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *reader).poll_next(cx)).await;
        let sorted = match next {
            Some(Ok(bytes)) => match frame::decode(&bytes) {
                Ok(message) => shared.sort(message),
                Err(e) => Err(End::Malformed(malformed(&e))),
            },
            Some(Err(e)) if e.kind() == ErrorKind::InvalidData => Err(End::Malformed(e.to_string())),
            Some(Err(_)) | None => Err(End::Closed),
        };
        if let Err(end) = sorted {
            return end;
        }
    }
}

fn malformed(error: &Error) -> String {
    match error {
        Error::Malformed(what) => what.clone(),
        other => other.to_string(),
    }
}
