use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{Job, JobState, Reply, Task};

use super::outlook::outlook;
use crate::server::Context;
use crate::server::session::Answer;
use crate::store::{Page, Store};

/// The most jobs of one answer.
const MOST: u32 = 1000;
/// About the most bytes of one answer; long prompts may make it end earlier.
const MAX_BYTES: usize = 8 << 20;

/// In which order jobs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    Accepted,
    /// As they run: those that run, then those that wait.
    Line,
    /// Those that have ended, the last to end first.
    Ended,
}

impl Order {
    /// The one that a request asks for.
    ///
    /// # Errors
    /// When it asks for two.
    pub fn asked(in_line: bool, ended: bool) -> Result<Self, RemoteError> {
        match (in_line, ended) {
            (true, true) => Err(RemoteError::usage(
                "in_line lists jobs that run and wait, ended those that have ended: ask for one of them.",
            )),
            (true, false) => Ok(Self::Line),
            (false, true) => Ok(Self::Ended),
            (false, false) => Ok(Self::Accepted),
        }
    }
}

/// Jobs in one of three orders.
pub async fn queue(
    context: &Context,
    states: &[JobState],
    limit: u32,
    before: Option<&str>,
    order: Order,
) -> Result<Answer, RemoteError> {
    let mut jobs = kept_jobs(&context.store, states, limit, before, order).await?;
    outlook(context, &mut jobs).await?;
    Ok(Reply::Queue(jobs).into())
}

/// The same as they are kept.
pub async fn kept_jobs(
    store: &Store,
    states: &[JobState],
    limit: u32,
    before: Option<&str>,
    order: Order,
) -> Result<Vec<Job>, RemoteError> {
    let after = match before {
        Some(prefix) => Some(store.find(prefix).await?),
        None => None,
    };
    let limit = limit.min(MOST);
    let page = Page { after, limit };
    let mut jobs = match order {
        Order::Accepted => store.list(states, page).await?,
        Order::Line => store.line(states, page).await?,
        Order::Ended => store.ended(states, page).await?,
    };
    let mut bytes = 0;
    let fitting = jobs.iter().take_while(|job| {
        bytes += weight(job);
        bytes <= MAX_BYTES
    });
    jobs.truncate(fitting.count());
    Ok(jobs)
}

/// About how long a job is in a message: its prompts are in the request once and in the task twice.
fn weight(job: &Job) -> usize {
    let prompts = match &job.task {
        Task::Image(image) => 3 * (image.prompt.text.len() + image.negative.text.len()),
        Task::Upscale(_) | Task::Caption(_) | Task::Train(_) => 0,
    };
    2048 + prompts + 512 * job.pictures.len()
}
