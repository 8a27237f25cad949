use std::pin::Pin;
use std::sync::Arc;

use darkroom_protocol::codec::{frame, rpc};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{ClientMessage, Reply, Request};
use tokio::io::AsyncRead;

use super::input::{Body, Fault, Input};
use super::wire::{Number, Wire};
use super::{Context, verbs};
use crate::events::{Mailbox, Subscription};

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

    /// Answers requests, one after the other, until there are no more. While replies are not read, no request is.
    ///
    /// # Errors
    /// What the peer is told before its connection is closed.
    pub async fn requests<R: AsyncRead + Unpin>(&self, input: &mut Input<R>, first: First) -> Result<(), String> {
        let mut first = first;
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
                Err(fault) => return Err(fault.to_string()),
            };
            match self.wire {
                Wire::Lines => self.line(&body.bytes).await,
                Wire::Frames => self.frame(&body.bytes).await?,
            }
        }
    }

    async fn frame(&self, bytes: &[u8]) -> Result<(), String> {
        let message: ClientMessage = frame::decode(bytes).map_err(|e| e.to_string())?;
        self.answer(Number::Frame(message.id), message.request).await;
        Ok(())
    }

    async fn line(&self, bytes: &[u8]) {
        match rpc::parse(bytes) {
            Ok(call) => {
                let number = call.id.map_or(Number::None, Number::Line);
                self.answer(number, call.request).await;
            }
            Err(refusal) => self.mailbox.reply(rpc::refusal(&refusal).into_bytes()),
        }
    }

    async fn answer(&self, number: Number, request: Request) {
        let (result, then) = match self.obey(request).await {
            Ok(answer) => (Ok(answer.reply), answer.then),
            Err(error) => (Err(error), None),
        };
        if let Some(bytes) = number.reply(result) {
            self.mailbox.reply(bytes);
        }
        if let Some(then) = then {
            then.await;
        }
    }

    async fn obey(&self, request: Request) -> Result<Answer, RemoteError> {
        match request {
            Request::Ping {} => Ok(Reply::Pong {}.into()),
            Request::Status {} => Ok(verbs::status(&self.context)),
            Request::Submit(submit) => verbs::submit(self, submit).await,
            Request::Job { job } => verbs::job(&self.context, &job).await,
            Request::Queue { states, limit } => verbs::queue(&self.context, &states, limit).await,
            Request::Cancel { job } => verbs::cancel(&self.context, &job).await,
            Request::Subscribe(subscribe) => verbs::subscribe(self, subscribe).await,
            Request::Model { model } => verbs::model(&self.context, model).await,
            Request::Upload(upload) => verbs::upload(&self.context, upload).await,
            Request::Download(download) => verbs::download(&self.context, &download).await,
            Request::Models {} => verbs::models(&self.context).await,
            Request::Load(load) => verbs::load(self, load).await,
            Request::Unload { model, device } => verbs::unload(&self.context, model, &device).await,
            Request::Pin { model, pinned } => verbs::pin(self, model, pinned).await,
            Request::Shutdown {} => Ok(verbs::shutdown(&self.context)),
        }
    }
}
