use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{Job, JobState, Reply, Task};

use crate::server::Context;
use crate::server::session::Answer;

/// The most jobs of one answer.
const MOST: u32 = 1000;
/// About the most bytes of one answer; long prompts may make it end earlier.
const MAX_BYTES: usize = 8 << 20;

/// Jobs, newest first.
pub async fn queue(context: &Context, states: &[JobState], limit: u32) -> Result<Answer, RemoteError> {
    let mut jobs = context.store.list(states, limit.min(MOST)).await?;
    let mut bytes = 0;
    let fitting = jobs.iter().take_while(|job| {
        bytes += weight(job);
        bytes <= MAX_BYTES
    });
    jobs.truncate(fitting.count());
    Ok(Reply::Queue(jobs).into())
}

/// About how long a job is in a message: its prompts are in the request once and in the task twice.
fn weight(job: &Job) -> usize {
    let prompts = match &job.task {
        Task::Image(image) => 3 * (image.prompt.text.len() + image.negative.text.len()),
        Task::Upscale(_) | Task::Caption(_) | Task::Train(_) => 0,
    };
    2048 + prompts + 512 * job.pictures.len()
}
