//! A client that speaks frames, for tests that look at each message.

use std::collections::VecDeque;

use darkroom_protocol::codec::frame;
use darkroom_protocol::codec::preface::{HEAD, Head, Hello};
use darkroom_protocol::event::StateChange;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{Status, Submit};
use darkroom_protocol::{
    ClientMessage, Event, EventKind, GenerateRequest, Job, JobId, JobState, Reply, Request, ServerMessage, Subject,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::{Framed, LengthDelimitedCodec};
use uuid::Uuid;

use super::SOON;

/// A client that speaks frames.
pub struct Client {
    stream: Framed<UnixStream, LengthDelimitedCodec>,
    next: u64,
    events: VecDeque<Event>,
    /// What was heard of others while one was waited for.
    passed: VecDeque<Event>,
}

impl Client {
    pub async fn greet(mut stream: UnixStream) -> Self {
        stream.write_all(&Hello::of("client").encode()).await.unwrap();
        let mut head = [0; HEAD];
        stream.read_exact(&mut head).await.unwrap();
        let head = Head::parse(&head).unwrap();
        let mut hello = vec![0; head.length];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(head.hello(&hello).unwrap().role, "daemon");
        Self {
            stream: Framed::new(stream, frame::framing()),
            next: 0,
            events: VecDeque::new(),
            passed: VecDeque::new(),
        }
    }

    /// The stream beneath.
    pub fn into_inner(self) -> UnixStream {
        self.stream.into_inner()
    }

    /// The next message; `None` at the end.
    pub async fn message(&mut self) -> Option<ServerMessage> {
        let bytes = timeout(SOON, self.stream.next()).await.unwrap()?;
        Some(frame::decode(&bytes.unwrap()).unwrap())
    }

    pub async fn send(&mut self, bytes: Vec<u8>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends the body of a frame; an error when the daemon has closed the connection.
    pub async fn try_send(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        self.stream.send(bytes::Bytes::from(bytes)).await
    }

    pub async fn ask(&mut self, request: Request) -> Result<Reply, RemoteError> {
        self.next += 1;
        let id = self.next;
        self.send(frame::encode(&ClientMessage { id, request }).unwrap()).await;
        loop {
            match self.message().await.expect("the connection lasts") {
                ServerMessage::Reply { id: answered, result } => {
                    assert_eq!(answered, id);
                    return result;
                }
                ServerMessage::Event(event) => self.events.push_back(event),
                ServerMessage::Bye { reason } => panic!("{reason}"),
            }
        }
    }

    pub async fn event(&mut self) -> Event {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        match self.message().await.expect("the connection lasts") {
            ServerMessage::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    /// Submits a job that does what `prompt` says, and hears of it.
    pub async fn submit(&mut self, prompt: &str) -> JobId {
        self.submit_with(prompt, |_| {}).await
    }

    pub async fn submit_with(&mut self, prompt: &str, change: impl FnOnce(&mut GenerateRequest)) -> JobId {
        let mut request = GenerateRequest {
            prompt: Some(prompt.to_owned()),
            ..GenerateRequest::default()
        };
        change(&mut request);
        self.submit_as(Uuid::now_v7(), request).await.unwrap()
    }

    pub async fn submit_as(&mut self, request_id: Uuid, request: GenerateRequest) -> Result<JobId, RemoteError> {
        let watch = true;
        match self
            .ask(Request::Submit(Submit {
                request_id,
                request,
                watch,
                max_fps: 0,
                max_px: 0,
                output: None,
            }))
            .await?
        {
            Reply::Submitted(submitted) => Ok(submitted.job),
            other => panic!("{other:?}"),
        }
    }

    /// Events about a job, a load or something else until `wanted` says that it was the last.
    pub async fn until(&mut self, of: impl Into<Subject>, wanted: impl Fn(&EventKind) -> bool) -> Vec<EventKind> {
        let of = of.into();
        let mut kinds = Vec::new();
        loop {
            let event = match self.passed.iter().position(|event| event.of == of) {
                Some(at) => self.passed.remove(at),
                None => Some(self.event().await),
            };
            match event {
                Some(event) if event.of == of => kinds.push(event.kind),
                // Of two jobs the second may be the first to tell.
                other => {
                    self.passed.extend(other);
                    continue;
                }
            }
            if kinds.last().is_some_and(&wanted) {
                return kinds;
            }
        }
    }

    /// Events of `job` until it ends, and how it ended.
    pub async fn end(&mut self, job: JobId) -> (Vec<EventKind>, StateChange) {
        let mut kinds = self
            .until(
                job,
                |kind| matches!(kind, EventKind::State(change) if change.state.is_final()),
            )
            .await;
        match kinds.pop() {
            Some(EventKind::State(change)) => (kinds, change),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until `job` makes progress.
    pub async fn progress(&mut self, job: JobId) {
        self.until(job, |kind| matches!(kind, EventKind::Progress(_))).await;
    }

    pub async fn cancel(&mut self, job: JobId) -> JobState {
        self.cancel_as(job, false).await
    }

    /// Cancels a job, after the picture in the making if so wished.
    pub async fn cancel_as(&mut self, job: JobId, after_picture: bool) -> JobState {
        let job = job.to_string();
        match self.ask(Request::Cancel { job, after_picture }).await.unwrap() {
            Reply::Cancelling { state, .. } => state,
            other => panic!("{other:?}"),
        }
    }

    pub async fn job(&mut self, job: JobId) -> Job {
        match self.ask(Request::Job { job: job.to_string() }).await.unwrap() {
            Reply::Job(job) => *job,
            other => panic!("{other:?}"),
        }
    }

    pub async fn status(&mut self) -> Status {
        match self.ask(Request::Status {}).await.unwrap() {
            Reply::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }
}

/// A request as the body of a frame.
pub fn ping() -> Vec<u8> {
    let request = Request::Ping {};
    frame::encode(&ClientMessage { id: 1, request }).unwrap()
}
