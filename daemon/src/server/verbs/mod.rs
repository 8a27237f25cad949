//! What each request does, one file a verb. A reply follows the commit it tells of.

mod cancel;
mod download;
mod job;
mod load;
mod model;
mod models;
mod pin;
mod queue;
mod shutdown;
mod standing;
mod status;
mod submit;
mod subscribe;
mod unload;
mod upload;

pub use cancel::cancel;
pub use download::download;
pub use job::job;
pub use load::load;
pub use model::model;
pub use models::models;
pub use pin::pin;
pub use queue::queue;
pub use shutdown::shutdown;
pub use status::status;
pub use submit::submit;
pub use subscribe::subscribe;
pub use unload::unload;
pub use upload::upload;

use darkroom_protocol::FailureKind;
use darkroom_protocol::message::RemoteError;

/// Runs what blocks (files, sums) beside the tasks that must not.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, RemoteError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(lost(&e)))
}

/// Runs what must not stop half-way when its peer goes away.
async fn wholly<T: Send + 'static>(
    work: impl Future<Output = Result<T, RemoteError>> + Send + 'static,
) -> Result<T, RemoteError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|e| Err(lost(&e)))
}

fn lost(error: &tokio::task::JoinError) -> RemoteError {
    tracing::error!("a request was lost: {error}");
    RemoteError::new(
        FailureKind::Internal,
        "The daemon could not finish the request: `darkroom daemon logs` says why.",
    )
}
