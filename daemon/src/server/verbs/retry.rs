use std::sync::Arc;

use darkroom_protocol::failpoint;
use darkroom_protocol::message::RemoteError;

use super::{placed, wholly};
use crate::server::Context;
use crate::server::answer::Answer;

/// Puts a failed or cancelled job into the queue again.
pub async fn retry(context: &Arc<Context>, prefix: &str) -> Result<Answer, RemoteError> {
    let job = context.store.find(prefix).await?;
    let context = context.clone();
    wholly(async move {
        let change = context.store.retry(job).await?;
        failpoint::hit(15);
        placed(&context, job, change).await
    })
    .await
}
