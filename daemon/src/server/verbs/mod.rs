//! What each request does, one file a verb. A reply follows the commit it tells of, and the dispatcher's knowing of it; no verb
//! publishes an event or tells the dispatcher what it did, for another's commit may have come between.

mod cancel;
mod cancel_all;
mod clear;
mod download;
mod job;
mod load;
mod log;
mod log_filter;
mod metrics;
mod model;
mod models;
mod move_to;
mod outlook;
mod pause;
mod pin;
mod priority;
mod queue;
mod retry;
mod shutdown;
mod standing;
mod status;
mod submit;
mod subscribe;
mod unload;
mod upload;

pub use cancel::cancel;
pub use cancel_all::cancel_all;
pub use clear::clear;
pub use download::download;
pub use job::{job, kept_job};
pub use load::load;
pub use log::log;
pub use log_filter::log_filter;
pub use metrics::metrics;
pub use model::model;
pub use models::models;
pub use move_to::move_to;
pub use pause::pause;
pub use pin::pin;
pub use priority::{check_priority, priority};
pub use queue::{Order, kept_jobs, queue};
pub use retry::retry;
pub use shutdown::shutdown;
pub use status::status;
pub use submit::{Accepting, submit};
pub use subscribe::subscribe;
pub use unload::unload;
pub use upload::upload;

use std::time::Duration;

use darkroom_protocol::event::QueueChange;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, JobId, Reply};

use super::Context;
use super::session::Answer;

/// Files must have answered within this time: less than clients wait.
const DISK: Duration = Duration::from_secs(25);

/// Runs what blocks (files, sums) beside the tasks that must not. A disk that hangs is told, and its reader left to itself.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, RemoteError> {
    match tokio::time::timeout(DISK, tokio::task::spawn_blocking(work)).await {
        Ok(done) => done.unwrap_or_else(|e| Err(lost(&e))),
        Err(_) => {
            let message = format!(
                "The files do not answer within {} s: is their disk there? Try again when it is.",
                DISK.as_secs()
            );
            Err(RemoteError::new(FailureKind::Disk, message))
        }
    }
}

/// Runs what must not stop half-way when its peer goes away.
async fn wholly<T: Send + 'static>(
    work: impl Future<Output = Result<T, RemoteError>> + Send + 'static,
) -> Result<T, RemoteError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|e| Err(lost(&e)))
}

/// How a job stands in the queue now, once that holds.
async fn placed(context: &Context, job: JobId, change: QueueChange) -> Result<Answer, RemoteError> {
    context.dispatch.settled().await;
    Ok(Reply::Placed { job, change }.into())
}

fn lost(error: &tokio::task::JoinError) -> RemoteError {
    tracing::error!("a request was lost: {error}");
    RemoteError::new(
        FailureKind::Internal,
        "The daemon could not finish the request: `darkroom daemon logs` says why.",
    )
}
