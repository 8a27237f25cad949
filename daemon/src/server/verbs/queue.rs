//! The verb `queue`: a page of jobs in one of three orders, cut by bytes before its rows are read.

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Page;
use darkroom_protocol::{JobState, Reply};

use super::outlook::outlook;
use crate::server::Context;
use crate::server::answer::Answer;
use crate::store::{Cursor, Part, Store};

/// The most jobs of one answer.
const MOST: u32 = 1000;
/// About the most bytes of one answer. A single job may be longer.
const MAX_BYTES: u64 = 1 << 20;

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

/// A page of jobs in one of three orders.
pub async fn queue(
    context: &Context,
    states: &[JobState],
    limit: u32,
    before: Option<&str>,
    order: Order,
) -> Result<Answer, RemoteError> {
    let mut page = kept_jobs(&context.store, states, limit, before, order).await?;
    outlook(context, &mut page.jobs).await?;
    Ok(Reply::Queue(page).into())
}

/// The same as they are kept.
pub async fn kept_jobs(
    store: &Store,
    states: &[JobState],
    limit: u32,
    before: Option<&str>,
    order: Order,
) -> Result<Page, RemoteError> {
    let after = match before {
        None => None,
        Some(text) => Some(match text.parse::<Cursor>() {
            Ok(cursor) => cursor,
            Err(()) => Cursor::Job(store.find(text).await?),
        }),
    };
    let part = Part {
        after,
        limit: limit.min(MOST),
        bytes: MAX_BYTES,
    };
    let found = match order {
        Order::Accepted => store.list(states, part).await?,
        Order::Line => store.line(states, part).await?,
        Order::Ended => store.ended(states, part).await?,
    };
    let next = found.next.map(|cursor| cursor.to_string());
    Ok(Page { jobs: found.jobs, next })
}
