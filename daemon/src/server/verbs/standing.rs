//! How a job stands, told to one who begins to follow it, without a gap to the events that come after.

use darkroom_protocol::event::StateChange;
use darkroom_protocol::{EventKind, Job, JobId, JobState};

use crate::Error;
use crate::events::{Filter, Known, Subscription};
use crate::server::Context;

/// Tells how a job stands, its pictures and where they were brought first, then its state and what keeps everything waiting, then
/// what happens from there on.
pub async fn tell_standing(context: &Context, subscription: &Subscription, job: JobId, filter: &Filter) {
    subscription.hold(job, filter);
    let found = context.store.job(job).await;
    // What was committed before the row was read is told or held back by now: it is not told after it.
    context.dispatch.settled().await;
    let found = found.and_then(|row| row.ok_or_else(|| Error::NoSuchJob { id: job.to_string() }));
    match found {
        Ok(row) => {
            let known = Known {
                state: row.state,
                pictures: row.pictures.iter().map(|picture| picture.index).collect(),
            };
            let short = context.dispatch.board().line.short.filter(|_| !row.state.is_final());
            subscription.release(job, standing(row, short), &known);
        }
        Err(error) => {
            let known = Known {
                state: JobState::Queued,
                pictures: vec![],
            };
            subscription.release(job, vec![EventKind::Notice(error.to_string())], &known);
        }
    }
}

fn standing(row: Job, short: Option<String>) -> Vec<EventKind> {
    let state = EventKind::State(StateChange {
        state: row.state,
        failure: row.failure,
    });
    let pictures = row.pictures.into_iter().map(EventKind::Picture);
    let deliveries = row.deliveries.into_iter().map(EventKind::Delivery);
    let notice = short.map(EventKind::Notice);
    pictures.chain(deliveries).chain([state]).chain(notice).collect()
}
