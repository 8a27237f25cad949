use std::sync::Arc;

use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::CountTokens;

use super::blocking;
use crate::server::Context;
use crate::server::answer::Answer;

/// How many tokens a prompt has, where the daemon has its model's tokenizer.
pub async fn count_tokens(context: &Arc<Context>, what: CountTokens) -> Result<Answer, RemoteError> {
    let context = context.clone();
    let count = blocking(move || context.catalog.count_tokens(&what)).await?;
    Ok(Reply::Tokens { count }.into())
}
