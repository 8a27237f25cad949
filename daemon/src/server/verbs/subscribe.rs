//! The verb `subscribe`: events of one job or about everything, without gaps for who comes back.

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Subscribe;
use darkroom_protocol::{EventName, Reply, Subject};

use super::standing::tell_standing;
use crate::events::Filter;
use crate::server::answer::{Answer, Asker};

/// Sends events: of one job after how it stands, or of all. Those since `from` are sent again, as far as they are remembered;
/// of a job whose are not, how it stands.
pub async fn subscribe(asker: &Asker, subscribe: Subscribe) -> Result<Answer, RemoteError> {
    let Subscribe {
        job,
        from,
        max_fps,
        max_px,
        kinds,
        paced,
    } = subscribe;
    if kinds.contains(&EventName::Preview) && max_fps == 0 {
        let what = "kinds names preview, but max_fps is 0: say how many a second, for instance 5.";
        return Err(RemoteError::usage(what));
    }
    let job = match job {
        Some(prefix) => Some(asker.context.store.find(&prefix).await?),
        None => None,
    };
    let filter = Filter {
        of: job.map(Subject::Job),
        max_fps,
        max_px,
        paced,
        kinds,
    };
    let subscription = asker.subscription.clone();
    let context = asker.context.clone();
    let reply = Reply::Subscribed {
        seq: context.bus.seq(),
        oldest: context.bus.oldest(),
    };
    let then = Box::pin(async move {
        match (job, from) {
            (None, _) => subscription.follow(&filter, from),
            (Some(_), Some(from)) if subscription.resume(&filter, from) => {}
            (Some(job), _) => tell_standing(&context, &subscription, job, &filter).await,
        }
    });
    Ok(Answer {
        reply,
        then: Some(then),
    })
}
