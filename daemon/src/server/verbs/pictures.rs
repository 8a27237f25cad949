//! The verbs that change history: marks, tags, the trash, and folders that are taken in or looked through. What they change is told
//! by the dispatcher, as everything that was committed.

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{Reply, Request};

use crate::history::{self, Thumbnails};
use crate::server::answer::Answer;
use crate::store::Store;

/// Does what a request asks that changes history.
pub async fn change(store: &Store, paths: &Paths, request: Request) -> Result<Answer, RemoteError> {
    let pictures = match request {
        Request::Star { pictures, starred } => store.star(&pictures, starred).await?,
        Request::Tag { pictures, add, remove } => store.tag(&pictures, &add, &remove).await?,
        Request::Trash { pictures, trashed } => store.trash(&pictures, trashed).await?,
        Request::EmptyTrash {} => history::empty(store, paths, &Thumbnails::of(paths), i64::MAX).await?,
        Request::Import { folder, watch, from } => {
            let scanned = history::import(store, &folder, watch, from.as_deref()).await?;
            return Ok(Reply::Scanned(scanned).into());
        }
        Request::Scan { from } => {
            let scanned = history::scan(store, paths, from.as_deref()).await?;
            return Ok(Reply::Scanned(scanned).into());
        }
        _ => return Err(RemoteError::usage("This changes nothing in history.")),
    };
    Ok(Reply::Changed { pictures }.into())
}
