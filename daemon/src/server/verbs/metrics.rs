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
        let now = Now {
            board: context.dispatch.board(),
            uptime: context.started.elapsed(),
            subscribers: context.bus.subscribers(),
            commits: context.store.commits(),
            resident: resident(std::process::id()),
        };
        let text = context.bus.metrics.text(&now);
        text.map_err(|e| RemoteError::new(FailureKind::Internal, e))
    });
    Ok(Reply::Metrics(text.await?).into())
}
