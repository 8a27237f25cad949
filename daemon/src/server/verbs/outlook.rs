//! What of a job no row says: how far a running one is, and when a waiting one begins.

use std::time::{SystemTime, UNIX_EPOCH};

use darkroom_protocol::{Job, Task};

use crate::Result;
use crate::dispatch::Board;
use crate::forecast::{Lane, Pace, begins, work};
use crate::server::Context;

/// A line is told no further ahead than this.
const FARTHEST: u32 = 1000;

/// Adds it to the jobs of an answer.
///
/// # Errors
/// When the database fails.
pub async fn outlook(context: &Context, jobs: &mut [Job]) -> Result<()> {
    for job in jobs.iter_mut().filter(|job| job.state.is_in_work()) {
        job.progress = context.bus.progress(job.id);
    }
    let board = context.dispatch.board();
    let last = jobs.iter().filter_map(|job| job.position).max();
    let Some(last) = last.filter(|_| !board.line.paused) else {
        return Ok(());
    };
    let line = context.store.ahead((last + 1).min(FARTHEST)).await?;
    let mut pace = Pace::of(&context.store.measured().await?);
    let lanes = lanes(context, &board, &mut pace).await?;
    let begins = begins(lanes, &line, &pace);
    for job in jobs.iter_mut().filter(|job| job.position.is_some()) {
        job.begins_s = begins.get(&job.id).copied();
    }
    Ok(())
}

/// The workers, each with the time until its job is done.
async fn lanes(context: &Context, board: &Board, pace: &mut Pace) -> Result<Vec<Lane>> {
    let mut lanes: Vec<Lane> = board
        .workers
        .iter()
        .map(|worker| Lane {
            device: worker.device.clone(),
            free_s: Some(0.0),
        })
        .collect();
    if lanes.is_empty() {
        // It starts with the first job.
        lanes.push(Lane {
            device: board.default_device.clone(),
            free_s: Some(0.0),
        });
    }
    let mut busy = vec![false; lanes.len()];
    for id in &board.running {
        let Some(job) = context.store.job(*id).await? else {
            continue;
        };
        let progress = context.bus.progress(*id);
        progress.iter().for_each(|progress| pace.glimpse(&job.task, progress));
        let Task::Image(image) = &job.task;
        let of_device = |at: &usize| lanes[*at].device == image.compute.device;
        let free = |at: &usize| !busy[*at];
        let at = (0..lanes.len())
            .filter(free)
            .find(of_device)
            .or((0..lanes.len()).find(free));
        if let Some(at) = at {
            busy[at] = true;
            lanes[at].free_s = progress.and_then(|p| p.eta_s).or_else(|| left(&job, pace));
        }
    }
    Ok(lanes)
}

/// Seconds that a running job still takes, where its worker has not told yet.
fn left(job: &Job, pace: &Pace) -> Option<f64> {
    let Task::Image(image) = &job.task;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let spent = now.as_secs_f64() - job.started_ms? as f64 / 1000.0;
    let whole = pace.seconds(&image.what.model, work(&job.task))?;
    Some((whole - spent.max(0.0)).max(0.0))
}
