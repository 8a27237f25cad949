use std::sync::Arc;

use darkroom_protocol::event::StateChange;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{EventKind, JobState, failpoint};

use super::{placed, wholly};
use crate::server::Context;
use crate::server::session::Answer;

/// Puts a failed or cancelled job into the queue again.
pub async fn retry(context: &Arc<Context>, prefix: &str) -> Result<Answer, RemoteError> {
    let job = context.store.find(prefix).await?;
    let context = context.clone();
    wholly(async move {
        let change = context.store.retry(job).await?;
        failpoint::hit(15);
        let state = StateChange {
            state: JobState::Queued,
            failure: None,
        };
        context.bus.publish(job, EventKind::State(state));
        placed(&context, job, change).await
    })
    .await
}
