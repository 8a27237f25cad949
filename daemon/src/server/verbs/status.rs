use std::time::Duration;

use darkroom_protocol::Reply;
use darkroom_protocol::message::client::{JobProgress, Status};
use tokio::time::timeout;

use crate::server::Context;
use crate::server::answer::Answer;

/// A dispatcher that waits for a disk is not waited for longer than so: what it knew last is told.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the daemon is doing, everything that was committed before included; from memory.
pub async fn status(context: &Context) -> Answer {
    let _ = timeout(PATIENCE, context.dispatch.settled()).await;
    let board = context.dispatch.board();
    let progress = board.running.iter().filter_map(|job| {
        let progress = context.bus.progress(*job)?;
        Some(JobProgress { job: *job, progress })
    });
    let progress = progress.collect();
    Reply::Status(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: darkroom_protocol::VERSION,
        pid: std::process::id(),
        uptime_s: context.started.elapsed().as_secs(),
        socket: context.socket.to_string_lossy().into_owned(),
        data: context.paths.data.to_string_lossy().into_owned(),
        queued: board.line.queued,
        running: board.running,
        progress,
        cancelling: board.cancelling,
        short: board.line.short,
        workers: board.workers,
        capabilities: board.capabilities,
        paused: board.line.paused,
        held: board.line.held,
    })
    .into()
}
