use std::pin::Pin;
use std::sync::Arc;

use darkroom_protocol::codec::{frame, rpc};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{ClientMessage, Reply, Request};
use tokio::io::AsyncRead;

use super::input::{Body, Fault, Input};
use super::pipeline::Pipeline;
use super::wire::{Number, Wire};
use super::{Context, verbs};
use crate::events::{Held, Mailbox, Subscription};

/// A line of more bytes takes a while to parse.
const LONG: usize = 64 * 1024;

/// One peer: its requests come in, replies and events go into its mailbox.
#[derive(Debug)]
pub struct Session {
    /// What requests are answered from.
    pub context: Arc<Context>,
    /// What the peer is sent.
    pub mailbox: Arc<Mailbox>,
    /// What it wants to hear of.
    pub subscription: Arc<Subscription>,
    wire: Wire,
}

/// What a request came to.
pub struct Answer {
    /// What the peer is told.
    pub reply: Reply,
    /// What is done after the reply is on its way.
    pub then: Option<Then>,
}

/// The first line, where it was read at the door.
pub type First = Option<Result<Option<Body>, Fault>>;

/// Something to do after a reply.
pub type Then = Pin<Box<dyn Future<Output = ()> + Send>>;

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, then: None }
    }
}

impl Session {
    /// A peer that speaks so.
    pub fn new(context: Arc<Context>, mailbox: Arc<Mailbox>, wire: Wire) -> Self {
        let subscription = Arc::new(context.bus.subscription(mailbox.clone()));
        Self {
            context,
            mailbox,
            subscription,
            wire,
        }
    }

    /// Answers requests in the order in which they come until there are no more. Submits wait for the disk together; any other
    /// request waits for those before it. While replies are not read, no request is.
    ///
    /// # Errors
    /// What the peer is told before its connection is closed.
    pub async fn requests<R: AsyncRead + Unpin>(&self, input: &mut Input<R>, first: First) -> Result<(), String> {
        let mut pipeline = Pipeline::new(self.mailbox.clone());
        let result = self.read(input, first, &mut pipeline).await;
        pipeline.drain().await;
        result
    }

    async fn read<R>(&self, input: &mut Input<R>, mut first: First, pipeline: &mut Pipeline) -> Result<(), String>
    where
        R: AsyncRead + Unpin,
    {
        loop {
            self.mailbox.room().await;
            let next = match (first.take(), self.wire) {
                (Some(first), _) => first,
                (None, Wire::Lines) => input.line().await,
                (None, Wire::Frames) => input.frame().await,
            };
            let body = match next {
                Ok(Some(body)) => body,
                Ok(None) | Err(Fault::Cut | Fault::Io(_)) => return Ok(()),
                Err(fault @ Fault::Skipped(_)) => {
                    let refusal = rpc::Refusal::unread(fault.to_string());
                    pipeline.drain().await;
                    self.mailbox.reply(rpc::refusal(&refusal).into_bytes());
                    continue;
                }
                Err(fault) => return Err(fault.to_string()),
            };
            match self.wire {
                Wire::Lines => self.line(body, pipeline).await,
                Wire::Frames => self.frame(&body.bytes, pipeline).await?,
            }
        }
    }

    async fn frame(&self, bytes: &[u8], pipeline: &mut Pipeline) -> Result<(), String> {
        let message: ClientMessage = frame::decode(bytes).map_err(|e| e.to_string())?;
        self.answer(Number::Frame(message.id), message.request, bytes.len(), pipeline)
            .await;
        Ok(())
    }

    async fn line(&self, body: Body, pipeline: &mut Pipeline) {
        let size = body.bytes.len();
        match self.parse(body).await {
            Ok(call) => {
                let number = call.id.map_or(Number::None, Number::Line);
                self.answer(number, call.request, size, pipeline).await;
            }
            Err(refusal) => {
                pipeline.drain().await;
                self.mailbox.reply(rpc::refusal(&refusal).into_bytes());
            }
        }
    }

    /// A long line is read beside the tasks that must not wait, and few at one time.
    async fn parse(&self, body: Body) -> Result<rpc::Call, rpc::Refusal> {
        if body.bytes.len() <= LONG {
            return rpc::parse(&body.bytes);
        }
        let _turn = self.context.budget.turn().await;
        let parsed = tokio::task::spawn_blocking(move || rpc::parse(&body.bytes)).await;
        parsed.unwrap_or_else(|error| {
            tracing::error!("a line could not be parsed: {error}");
            Err(rpc::Refusal::unread(
                "The line could not be read: `darkroom daemon logs` says why.",
            ))
        })
    }

    /// Does what a message of `size` bytes asks.
    async fn answer(&self, number: Number, request: Request, size: usize, pipeline: &mut Pipeline) {
        if uses_settings(&request) {
            self.context.settings.refresh().await;
        }
        let budget = &self.context.budget;
        if let Err(error) = request.check() {
            pipeline.drain().await;
            return deliver(&self.mailbox, number, Err(error), Held::default()).await;
        }
        let request = match request {
            Request::Submit(submit) => {
                let share = budget.stored(size).await;
                let accepting = verbs::submit(self, submit).await;
                let accepting = accepting.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))));
                return pipeline.add(number, accepting, share).await;
            }
            other => other,
        };
        pipeline.drain().await;
        let held = match may_be_long(&request) {
            true => budget.answer().await.map(Held::of).unwrap_or_default(),
            false => Held::default(),
        };
        deliver(&self.mailbox, number, self.obey(request).await, held).await;
    }

    async fn obey(&self, request: Request) -> Result<Answer, RemoteError> {
        let context = &self.context;
        match request {
            Request::Ping {} => Ok(Reply::Pong {}.into()),
            Request::Status {} => Ok(verbs::status(context).await),
            Request::Submit(submit) => verbs::submit(self, submit).await?.await,
            Request::Job { job } => verbs::job(context, &job).await,
            Request::Queue {
                states,
                limit,
                before,
                in_line,
                ended,
            } => {
                let order = verbs::Order::asked(in_line, ended)?;
                verbs::queue(context, &states, limit, before.as_deref(), order).await
            }
            Request::Cancel { job, after_picture } => verbs::cancel(context, &job, after_picture).await,
            Request::Subscribe(subscribe) => verbs::subscribe(self, subscribe).await,
            Request::Model { model } => verbs::model(context, model).await,
            Request::Upload(upload) => verbs::upload(context, upload).await,
            Request::Download(download) => verbs::download(&context.store, &download).await,
            Request::Shutdown {} => Ok(verbs::shutdown(context)),
            Request::Priority { job, priority } => verbs::priority(context, &job, priority).await,
            Request::Move { job, place } => verbs::move_to(context, &job, place).await,
            Request::Pause { job } => verbs::pause(context, job.as_deref(), true).await,
            Request::Resume { job } => verbs::pause(context, job.as_deref(), false).await,
            Request::Retry { job } => verbs::retry(context, &job).await,
            Request::Clear { states, dry_run } => verbs::clear(&context.store, &states, dry_run).await,
            Request::CancelAll {} => verbs::cancel_all(context).await,
            Request::Log { job, offset } => verbs::log(&context.store, &context.paths, &job, offset).await,
            Request::Metrics {} => verbs::metrics(context).await,
            Request::LogFilter { filter } => verbs::log_filter(context, filter.as_deref()),
            Request::Models {} => verbs::models(context).await,
            Request::Load(load) => verbs::load(self, load).await,
            Request::Unload { model, device } => verbs::unload(context, model, &device).await,
            Request::Pin { model, pinned } => verbs::pin(self, model, pinned).await,
        }
    }
}

/// Whether the answer depends on the settings, so that a change of their file counts for it.
fn uses_settings(request: &Request) -> bool {
    use Request as R;
    matches!(
        request,
        R::Submit(_) | R::Load(_) | R::Pin { .. } | R::Unload { .. } | R::Model { .. } | R::Models {}
    )
}

/// Whether the answer may have some megabytes.
fn may_be_long(request: &Request) -> bool {
    matches!(
        request,
        Request::Queue { .. }
            | Request::Job { .. }
            | Request::Download(_)
            | Request::Log { .. }
            | Request::Models {}
            | Request::Metrics {}
    )
}

/// Puts an answer into the mailbox with what it holds, then does what is to be done after it.
pub async fn deliver(mailbox: &Mailbox, number: Number, result: Result<Answer, RemoteError>, held: Held) {
    let (result, then) = match result {
        Ok(answer) => (Ok(answer.reply), answer.then),
        Err(error) => (Err(error), None),
    };
    if let Some(bytes) = number.reply(result) {
        mailbox.long_reply(bytes, held);
    }
    if let Some(then) = then {
        then.await;
    }
}
