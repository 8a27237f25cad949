use std::sync::Arc;

use darkroom_protocol::event::StateChange;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{EventKind, JobId, JobState, Reply, failpoint};

use super::wholly;
use crate::server::Context;
use crate::server::session::Answer;

/// So many events are published before those who read them get a turn.
const AT_ONCE: usize = 128;

/// Ends every job: at once where it waits, as soon as its worker obeys where it runs.
pub async fn cancel_all(context: &Arc<Context>) -> Result<Answer, RemoteError> {
    let context = context.clone();
    wholly(async move {
        let found = context.store.cancel_all().await?;
        failpoint::hit(17);
        let jobs: Vec<JobId> = found.iter().map(|(job, _)| *job).collect();
        context.dispatch.cancelled_all(jobs).await;
        let waited = found
            .iter()
            .filter(|(_, cancelled)| cancelled.now == JobState::Cancelled);
        let mut waiting = 0;
        for (job, _) in waited {
            let change = StateChange {
                state: JobState::Cancelled,
                failure: None,
            };
            context.bus.publish(*job, EventKind::State(change));
            waiting += 1;
            if waiting % AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        let running = (found.len() - waiting) as u64;
        let waiting = waiting as u64;
        Ok(Reply::CancellingAll { waiting, running }.into())
    })
    .await
}
