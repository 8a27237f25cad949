use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{Reply, failpoint};

use super::wholly;
use crate::server::Context;
use crate::server::answer::Answer;

/// Ends a job: at once when it waits, as soon as its worker obeys when it runs, after the picture in the making if so wished.
pub async fn cancel(context: &Context, prefix: &str, after_picture: bool) -> Result<Answer, RemoteError> {
    let job = context.store.find(prefix).await?;
    let (store, dispatch) = (context.store.clone(), context.dispatch.clone());
    let state = wholly(async move {
        let cancelled = store.cancel(job, after_picture).await?;
        failpoint::hit(12);
        dispatch.settled().await;
        Ok(cancelled.now)
    });
    let state = state.await?;
    Ok(Reply::Cancelling { job, state }.into())
}
