use std::sync::Arc;

use darkroom_protocol::failpoint;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::params::{MAX_PRIORITY, MIN_PRIORITY};

use super::{placed, wholly};
use crate::server::Context;
use crate::server::answer::Answer;

/// Gives a waiting job another priority.
pub async fn priority(context: &Arc<Context>, prefix: &str, priority: i32) -> Result<Answer, RemoteError> {
    check_priority(priority)?;
    let job = context.store.find(prefix).await?;
    let context = context.clone();
    wholly(async move {
        let change = context.store.prioritise(job, priority).await?;
        failpoint::hit(13);
        placed(&context, job, change).await
    })
    .await
}

/// Whether a job may have that priority.
pub fn check_priority(priority: i32) -> Result<(), RemoteError> {
    if (MIN_PRIORITY..=MAX_PRIORITY).contains(&priority) {
        return Ok(());
    }
    Err(RemoteError::usage(format!(
        "priority must be a whole number from {MIN_PRIORITY} to {MAX_PRIORITY}, not {priority}."
    )))
}
