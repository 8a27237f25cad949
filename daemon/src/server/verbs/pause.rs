use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{Reply, failpoint};

use super::{placed, wholly};
use crate::server::Context;
use crate::server::answer::Answer;

/// Pauses the queue or lets it go on; with a job, holds that one back or lets it go.
pub async fn pause(context: &Arc<Context>, prefix: Option<&str>, pause: bool) -> Result<Answer, RemoteError> {
    let job = match prefix {
        Some(prefix) => Some(context.store.find(prefix).await?),
        None => None,
    };
    let context = context.clone();
    wholly(async move {
        let Some(job) = job else {
            context.store.pause(pause).await?;
            failpoint::hit(14);
            context.dispatch.settled().await;
            return Ok(Reply::Paused { paused: pause }.into());
        };
        let change = context.store.hold(job, pause).await?;
        failpoint::hit(13);
        placed(&context, job, change).await
    })
    .await
}
