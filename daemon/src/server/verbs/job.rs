use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{Job, Reply};

use super::outlook::outlook;
use crate::Error;
use crate::server::Context;
use crate::server::answer::Answer;
use crate::store::Store;

/// One job with its pictures.
pub async fn job(context: &Context, prefix: &str) -> Result<Answer, RemoteError> {
    let mut job = kept_job(&context.store, prefix).await?;
    outlook(context, std::slice::from_mut(&mut job)).await?;
    Ok(Reply::Job(Box::new(job)).into())
}

/// The job as it is kept.
pub async fn kept_job(store: &Store, prefix: &str) -> Result<Job, RemoteError> {
    let id = store.find(prefix).await?;
    let job = store.job(id).await?;
    Ok(job.ok_or_else(|| Error::NoSuchJob { id: id.to_string() })?)
}
