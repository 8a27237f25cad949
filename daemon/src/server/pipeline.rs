//! Submits of one connection on their way to the disk. `session` adds them and lets them end before anything else is answered.

use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use super::answer::Answer;
use super::verbs::Accepting;
use super::wire::Number;
use crate::events::{Held, Mailbox};

/// Submits of one connection that wait for the disk at one time.
const IN_FLIGHT: usize = 256;

/// The submits of one connection on their way: while some wait for the disk, the next are read, so that many share one wait.
/// They are accepted and answered in the order in which they came.
#[derive(Debug)]
pub struct Pipeline {
    mailbox: Arc<Mailbox>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    submits: mpsc::Sender<Waiting>,
    /// Drives them to their end, also when the peer has gone.
    answering: JoinHandle<()>,
}

/// A submit on its way, and its share of the memory for them.
type Waiting = (Number, Accepting, Option<OwnedSemaphorePermit>);

impl Pipeline {
    /// One whose answers go to `mailbox`.
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, open: None }
    }

    /// Adds a submit; waits while too many are on their way.
    pub async fn add(&mut self, number: Number, accepting: Accepting, share: Option<OwnedSemaphorePermit>) {
        let mailbox = &self.mailbox;
        let open = self.open.get_or_insert_with(|| open(mailbox.clone()));
        // It ends only when this end does.
        let _ = open.submits.send((number, accepting, share)).await;
    }

    /// Waits until every submit is answered.
    pub async fn drain(&mut self) {
        if let Some(Open { submits, answering }) = self.open.take() {
            drop(submits);
            if let Err(error) = answering.await {
                tracing::error!("submits were lost: {error}");
            }
        }
    }
}

fn open(mailbox: Arc<Mailbox>) -> Open {
    let (submits, mut inbox) = mpsc::channel::<Waiting>(IN_FLIGHT);
    let answering = tokio::spawn(async move {
        while let Some((number, accepting, share)) = inbox.recv().await {
            let result = accepting.await;
            drop(share);
            deliver(&mailbox, number, result, Held::default()).await;
        }
    });
    Open { submits, answering }
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
