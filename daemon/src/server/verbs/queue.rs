use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{Job, JobState, Reply, Task};

use crate::server::Context;
use crate::server::session::Answer;
use crate::store::Page;

/// The most jobs of one answer.
const MOST: u32 = 1000;
/// About the most bytes of one answer; long prompts may make it end earlier.
const MAX_BYTES: usize = 8 << 20;

/// Jobs, newest first or in the order in which they run.
pub async fn queue(
    context: &Context,
    states: &[JobState],
    limit: u32,
    before: Option<&str>,
    in_line: bool,
) -> Result<Answer, RemoteError> {
    let after = match before {
        Some(prefix) => Some(context.store.find(prefix).await?),
        None => None,
    };
    let limit = limit.min(MOST);
    let page = Page { after, limit };
    let mut jobs = if in_line {
        context.store.line(states, page).await?
    } else {
        context.store.list(states, page).await?
    };
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
