//! One connection to the local socket: its requests are read, handed to the verbs, and answered in their order. What a request does
//! is in `verbs/`, which know no connection.

use std::sync::Arc;

use darkroom_protocol::codec::{frame, rpc};
use darkroom_protocol::{ClientMessage, Request};
use tokio::io::AsyncRead;

use super::answer::Asker;
use super::input::{Body, Fault, Input};
use super::pipeline::{Pipeline, deliver};
use super::wire::{Number, Wire};
use super::{Context, verbs};
use crate::events::{Held, Mailbox};

/// A line of more bytes takes a while to parse.
const LONG: usize = 64 * 1024;

/// One peer: its requests come in, replies and events go into its mailbox.
#[derive(Debug)]
pub struct Session {
    /// Who asks, as verbs know it.
    pub asker: Asker,
    /// What the peer is sent.
    mailbox: Arc<Mailbox>,
    wire: Wire,
}

/// The first line, where it was read at the door.
pub type First = Option<Result<Option<Body>, Fault>>;

impl Session {
    /// A peer that speaks so.
    pub fn new(context: Arc<Context>, mailbox: Arc<Mailbox>, wire: Wire) -> Self {
        let subscription = Arc::new(context.bus.subscription(mailbox.clone()));
        Self {
            asker: Asker { context, subscription },
            mailbox,
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
        let _turn = self.asker.context.budget.turn().await;
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
        let budget = &self.asker.context.budget;
        if let Err(error) = verbs::admit(&self.asker.context, &request).await {
            pipeline.drain().await;
            return deliver(&self.mailbox, number, Err(error), Held::default()).await;
        }
        let request = match request {
            Request::Submit(submit) => {
                let share = budget.stored(size).await;
                let accepting = verbs::submit(&self.asker, submit).await;
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
        deliver(&self.mailbox, number, verbs::obey(&self.asker, request).await, held).await;
    }
}

/// Whether the answer may have some megabytes.
fn may_be_long(request: &Request) -> bool {
    matches!(
        request,
        Request::Queue { .. }
            | Request::Job { .. }
            | Request::Download(_)
            | Request::Thumbnail(_)
            | Request::History(_)
            | Request::Picture { .. }
            | Request::Log(_)
            | Request::Models {}
            | Request::Metrics {}
    )
}
