use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::session::deliver;
use super::verbs::Accepting;
use super::wire::Number;
use crate::events::Mailbox;

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
    submits: mpsc::Sender<(Number, Accepting)>,
    /// Drives them to their end, also when the peer has gone.
    answering: JoinHandle<()>,
}

impl Pipeline {
    /// One whose answers go to `mailbox`.
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, open: None }
    }

    /// Adds a submit; waits while too many are on their way.
    pub async fn add(&mut self, number: Number, accepting: Accepting) {
        let mailbox = &self.mailbox;
        let open = self.open.get_or_insert_with(|| open(mailbox.clone()));
        // It ends only when this end does.
        let _ = open.submits.send((number, accepting)).await;
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
    let (submits, mut inbox) = mpsc::channel::<(Number, Accepting)>(IN_FLIGHT);
    let answering = tokio::spawn(async move {
        while let Some((number, accepting)) = inbox.recv().await {
            deliver(&mailbox, number, accepting.await).await;
        }
    });
    Open { submits, answering }
}
