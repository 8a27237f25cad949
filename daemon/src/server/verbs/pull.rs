//! The verbs `pull`, `pulls` and `cancel_pull`: asked of the room that fetches, on a thread that may block for a moment. None waits for
//! a network; how a pull goes is what `pulls` tells.

use std::sync::Arc;

use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::pull::PullAsk;

use super::blocking;
use crate::server::Context;
use crate::server::answer::Answer;

/// Takes a pull.
pub async fn pull(context: &Arc<Context>, ask: PullAsk) -> Result<Answer, RemoteError> {
    let context = context.clone();
    let pull = blocking(move || context.pulls.ask(ask)).await?;
    Ok(Reply::Pull(Box::new(pull)).into())
}

/// All of them.
pub async fn pulls(context: &Arc<Context>) -> Result<Answer, RemoteError> {
    let context = context.clone();
    let pulls = blocking(move || Ok(context.pulls.list())).await?;
    Ok(Reply::Pulls(pulls).into())
}

/// Ends one.
pub async fn cancel_pull(context: &Arc<Context>, name: String) -> Result<Answer, RemoteError> {
    let context = context.clone();
    let pull = blocking(move || context.pulls.cancel(&name)).await?;
    Ok(Reply::Pull(Box::new(pull)).into())
}
