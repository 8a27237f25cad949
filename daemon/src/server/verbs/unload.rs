use std::sync::Arc;

use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::escape_line;

use super::blocking;
use crate::dispatch::Named;
use crate::expand::canonical_device;
use crate::server::Context;
use crate::server::session::Answer;

/// Removes a model from memory, all when nothing is named.
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
    if model.is_empty() {
        let models = context.dispatch.unload(None, device).await?;
        return Ok(Reply::Released { models }.into());
    }
    let named = named(context, model.clone()).await?;
    let models = context.dispatch.unload(Some(named), device).await?;
    if models.is_empty() {
        return Err(not_there(&model));
    }
    Ok(Reply::Released { models }.into())
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

/// Nothing of that model is in memory.
pub fn not_there(model: &str) -> RemoteError {
    RemoteError::usage(format!(
        "{} is not in memory: `darkroom models ps` lists what is.",
        escape_line(model)
    ))
}
