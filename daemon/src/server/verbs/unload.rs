use std::sync::Arc;

use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::escape_line;

use super::blocking;
use crate::expand::canonical_device;
use crate::server::Context;
use crate::server::session::Answer;

/// Removes a model from memory, all when the name is empty.
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
    let asked = model.clone();
    let name = name_of(context, model).await?;
    let models = context.dispatch.unload(name, device).await;
    if models.is_empty() && !asked.is_empty() {
        return Err(not_there(&asked));
    }
    Ok(Reply::Released { models }.into())
}

/// What a model is called: its card's name where it has one, else as it was given, for one whose files are gone.
pub async fn name_of(context: &Arc<Context>, model: String) -> Result<String, RemoteError> {
    if model.is_empty() {
        return Ok(model);
    }
    let context = context.clone();
    blocking(move || Ok(context.catalog.card(Some(&model)).map_or(model, |card| card.name))).await
}

/// Nothing of that model is in memory.
pub fn not_there(model: &str) -> RemoteError {
    RemoteError::usage(format!(
        "{} is not in memory: `darkroom models ps` lists what is.",
        escape_line(model)
    ))
}
