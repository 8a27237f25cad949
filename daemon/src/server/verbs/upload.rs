use std::sync::Arc;

use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Upload;

use super::blocking;
use crate::server::Context;
use crate::server::answer::Answer;

/// A piece of an input.
pub async fn upload(context: &Arc<Context>, upload: Upload) -> Result<Answer, RemoteError> {
    let context = context.clone();
    let held = blocking(move || context.uploads.add(&upload)).await?;
    Ok(Reply::Uploaded { held }.into())
}
