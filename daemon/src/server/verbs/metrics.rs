use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, Reply};

use super::blocking;
use crate::metrics::{Now, resident};
use crate::server::Context;
use crate::server::answer::Answer;

/// Everything that is counted, as Prometheus' text.
pub async fn metrics(context: &Arc<Context>) -> Result<Answer, RemoteError> {
    let context = context.clone();
    let text = blocking(move || {
        let board = context.dispatch.board();
        let now = Now {
            queued: board.line.queued,
            running: board.running.len(),
            workers: board.workers,
            uptime: context.started.elapsed(),
            subscribers: context.bus.subscribers(),
            commits: context.store.commits(),
            resident: resident(std::process::id()),
        };
        let text = context.metrics.text(&now);
        text.map_err(|e| RemoteError::new(FailureKind::Internal, e))
    });
    Ok(Reply::Metrics(text.await?).into())
}
