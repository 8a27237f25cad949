use std::sync::Arc;

use darkroom_protocol::failpoint;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Place;

use super::{placed, wholly};
use crate::server::Context;
use crate::server::answer::Answer;
use crate::store::{Spot, Store};

/// Gives a waiting job another place.
pub async fn move_to(context: &Arc<Context>, prefix: &str, place: Place) -> Result<Answer, RemoteError> {
    let job = context.store.find(prefix).await?;
    let spot = spot(&context.store, place).await?;
    let context = context.clone();
    wholly(async move {
        let moved = context.store.move_to(job, spot).await?;
        failpoint::hit(13);
        placed(&context, job, moved.change).await
    })
    .await
}

/// The place that is meant.
pub async fn spot(store: &Store, place: Place) -> crate::Result<Spot> {
    Ok(match place {
        Place::First => Spot::First,
        Place::Last => Spot::Last,
        Place::Before(other) => Spot::Before(store.find(&other).await?),
        Place::After(other) => Spot::After(store.find(&other).await?),
    })
}
