//! The verb `unload`: a model leaves memory; answered when the workers have said so. What it shares with `pin` is here too.

use std::sync::Arc;
use std::time::Duration;

use darkroom_protocol::device::canonical_device;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Reply, ResidentModel, WorkerState, WorkerStatus};
use tokio::time::timeout;

use super::blocking;
use crate::dispatch::Named;
use crate::server::Context;
use crate::server::answer::Answer;

/// So long a worker that does nothing else may take to confirm; the client waits a little longer for the answer.
const LEAVES: Duration = Duration::from_secs(20);

/// Removes a model from memory, all when nothing is named. Answered once those have left that no job uses.
pub async fn unload(context: &Arc<Context>, model: String, device: &str) -> Result<Answer, RemoteError> {
    let device = match device {
        "" => String::new(),
        other => canonical_device(other).ok_or_else(|| {
            RemoteError::usage(format!(
                "{} is no device: give cpu, cuda:0, xpu:0 or mps.",
                escape_line(other)
            ))
        })?,
    };
    let named = match model.as_str() {
        "" => None,
        _ => Some(named(context, model.clone()).await?),
    };
    let is_named = named.is_some();
    let models = context.dispatch.unload(named, device.clone()).await?;
    if models.is_empty() && is_named {
        return Err(is_not(&model, "in memory"));
    }
    until_none(context, &models, &device, |_| true).await;
    Ok(Reply::Released { models }.into())
}

/// Waits until no worker of `device` that does nothing else says of one of these models, called as [`Reply::Released`] calls them,
/// that it is in memory `so`. What is said to be done is then done for who asks next.
pub async fn until_none(context: &Context, models: &[String], device: &str, so: fn(&ResidentModel) -> bool) {
    let none = |workers: &[WorkerStatus]| {
        let idle = workers
            .iter()
            .filter(|worker| worker.state == WorkerState::Idle && (device.is_empty() || worker.device == device));
        let mut held = idle.flat_map(|worker| &worker.resident.models);
        !held.any(|held| so(held) && models.iter().any(|name| held.is_called(name)))
    };
    let told = context.dispatch.until(|board| none(&board.workers));
    if timeout(LEAVES, told).await.is_err() {
        tracing::warn!(?models, "no worker has confirmed it within {} s", LEAVES.as_secs());
    }
}

/// What is known of the model that is named so. Its files may be gone.
pub async fn named(context: &Arc<Context>, given: String) -> Result<Named, RemoteError> {
    let context = context.clone();
    blocking(move || {
        let known = context.catalog.card(Some(&given)).ok().map(|card| card.source);
        Ok(Named { given, known })
    })
    .await
}

/// That model is not what it would have to be, for instance "in memory".
pub fn is_not(model: &str, what: &str) -> RemoteError {
    RemoteError::usage(format!(
        "{} is not {what}: `darkroom models ps` lists what is.",
        escape_line(model)
    ))
}
