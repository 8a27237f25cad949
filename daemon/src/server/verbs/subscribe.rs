use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Subscribe;

use super::standing::tell_standing;
use crate::events::Filter;
use crate::server::session::{Answer, Session};

/// Sends events: of one job after how it stands, or of all. Those since `from` are sent again, as far as they are remembered.
pub async fn subscribe(session: &Session, subscribe: Subscribe) -> Result<Answer, RemoteError> {
    let Subscribe {
        job,
        from,
        max_fps,
        max_px,
    } = subscribe;
    let job = match job {
        Some(prefix) => Some(session.context.store.find(&prefix).await?),
        None => None,
    };
    let filter = Filter { job, max_fps, max_px };
    let subscription = session.subscription.clone();
    let context = session.context.clone();
    let reply = Reply::Subscribed { seq: context.bus.seq() };
    let then = Box::pin(async move {
        let remembered = from.filter(|from| subscription.remembers(*from));
        match job {
            Some(job) if remembered.is_none() => tell_standing(&context, &subscription, job, &filter).await,
            _ => subscription.follow(&filter, from),
        }
    });
    Ok(Answer {
        reply,
        then: Some(then),
    })
}
