use std::sync::Arc;

use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;

use super::blocking;
use crate::server::Context;
use crate::server::answer::Answer;

/// What is known of a model; of the default one when the name is empty.
pub async fn model(context: &Arc<Context>, model: String) -> Result<Answer, RemoteError> {
    let context = context.clone();
    let card = blocking(move || context.catalog.card(Some(&model))).await?;
    Ok(Reply::Model(Box::new(card)).into())
}
