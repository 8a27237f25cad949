use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;

use super::outlook::outlook;
use crate::Error;
use crate::server::Context;
use crate::server::session::Answer;

/// One job with its pictures.
pub async fn job(context: &Context, prefix: &str) -> Result<Answer, RemoteError> {
    let id = context.store.find(prefix).await?;
    let job = context.store.job(id).await?;
    let mut job = job.ok_or_else(|| Error::NoSuchJob { id: id.to_string() })?;
    outlook(context, std::slice::from_mut(&mut job)).await?;
    Ok(Reply::Job(Box::new(job)).into())
}
