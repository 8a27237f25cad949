//! The verbs that look into history: a page of it, one picture whole, every tag. They need the store alone, so that they answer where no
//! daemon runs as well (`lifecycle/kept.rs`).

use darkroom_protocol::Reply;
use darkroom_protocol::history::Query;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::history::{Album, Look};

use crate::clock;
use crate::server::answer::Answer;
use crate::store::{Store, Wish};

/// A page of history.
pub async fn history(store: &Store, look: &Look) -> Result<Answer, RemoteError> {
    let now = clock::now_in(look.zone.as_deref());
    let query = Query::parse(&look.query, &now).map_err(|error| {
        let place = error.at + 1;
        RemoteError::usage(format!("The search is not understood at character {place}: {error}"))
    })?;
    let before = match &look.before {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            RemoteError::usage("before is the `next` of the page before: leave it out to begin with the newest.")
        })?),
    };
    let wish = Wish {
        query,
        before,
        limit: look.limit.min(Look::MOST),
        count: look.count,
    };
    let found = store.history(wish).await?;
    let album = Album {
        pictures: found.pictures,
        next: found.next.map(|moment| moment.to_string()),
        total: found.total,
    };
    Ok(Reply::History(album).into())
}

/// All that is kept of one picture.
pub async fn picture(store: &Store, name: &str) -> Result<Answer, RemoteError> {
    let detail = store.picture_named(name).await?;
    Ok(Reply::Picture(Box::new(detail)).into())
}

/// Every tag, and of how many pictures.
pub async fn tags(store: &Store) -> Result<Answer, RemoteError> {
    Ok(Reply::Tags(store.tags().await?).into())
}
