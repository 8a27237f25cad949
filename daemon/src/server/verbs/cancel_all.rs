use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{JobState, Reply, failpoint};

use super::wholly;
use crate::server::Context;
use crate::server::answer::Answer;

/// Ends every job: at once where it waits, as soon as its worker obeys where it runs.
pub async fn cancel_all(context: &Arc<Context>) -> Result<Answer, RemoteError> {
    let context = context.clone();
    wholly(async move {
        let found = context.store.cancel_all().await?;
        failpoint::hit(17);
        context.dispatch.settled().await;
        let waited = found
            .iter()
            .filter(|(_, cancelled)| cancelled.now == JobState::Cancelled);
        let waiting = waited.count() as u64;
        let running = found.len() as u64 - waiting;
        Ok(Reply::CancellingAll { waiting, running }.into())
    })
    .await
}
