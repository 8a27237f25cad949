use std::sync::Arc;

use darkroom_protocol::failpoint;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Place;

use super::{placed, wholly};
use crate::server::answer::Answer;
use crate::server::{Context, kept};

/// Gives a waiting job another place.
pub async fn move_to(context: &Arc<Context>, prefix: &str, place: Place) -> Result<Answer, RemoteError> {
    let job = context.store.find(prefix).await?;
    let spot = kept::spot(&context.store, place).await?;
    let context = context.clone();
    wholly(async move {
        let moved = context.store.move_to(job, spot).await?;
        failpoint::hit(13);
        placed(&context, job, moved.change).await
    })
    .await
}
