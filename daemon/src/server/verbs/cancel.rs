use darkroom_protocol::event::StateChange;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{EventKind, JobState, Reply, failpoint};

use super::wholly;
use crate::server::Context;
use crate::server::session::Answer;

/// Ends a job: at once when it waits, as soon as its worker obeys when it runs, after the picture in the making if so wished.
pub async fn cancel(context: &Context, prefix: &str, after_picture: bool) -> Result<Answer, RemoteError> {
    let job = context.store.find(prefix).await?;
    let (store, dispatch, bus) = (context.store.clone(), context.dispatch.clone(), context.bus.clone());
    let state = wholly(async move {
        let cancelled = store.cancel(job).await?;
        failpoint::hit(12);
        if !cancelled.before.is_final() {
            if cancelled.now == JobState::Cancelled {
                let change = StateChange {
                    state: cancelled.now,
                    failure: None,
                };
                bus.publish(job, EventKind::State(change));
            }
            dispatch.cancelled(job, after_picture).await;
        }
        Ok(cancelled.now)
    });
    let state = state.await?;
    Ok(Reply::Cancelling { job, state }.into())
}
