//! What verbs are given and what they give back, whichever door a request came through.

use std::pin::Pin;
use std::sync::Arc;

use darkroom_protocol::Reply;

use super::Context;
use crate::events::Subscription;

/// Who asks: what requests are answered from, and where events go that were asked for.
#[derive(Debug)]
pub struct Asker {
    pub context: Arc<Context>,
    /// What it wants to hear of.
    pub subscription: Arc<Subscription>,
}

/// What a request came to.
pub struct Answer {
    /// What the peer is told.
    pub reply: Reply,
    /// What is done after the reply is on its way.
    pub then: Option<Then>,
}

/// Something to do after a reply.
pub type Then = Pin<Box<dyn Future<Output = ()> + Send>>;

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, then: None }
    }
}
