//! A small picture of one in history: the one that was made before, or a new one.

use std::path::PathBuf;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::history::{Blob, Thumbnail};
use darkroom_protocol::{FailureKind, Reply};

use super::blocking;
use crate::history::{NoThumbnail, Thumbnails};
use crate::server::answer::Answer;
use crate::store::Store;

/// A small picture. One whose file turns out to be away is said to be missing from then on.
pub async fn thumbnail(store: &Store, thumbnails: &Thumbnails, wanted: &Thumbnail) -> Result<Answer, RemoteError> {
    let (own, sha256, side) = (thumbnails.clone(), wanted.sha256.clone(), wanted.side);
    if let Some(bytes) = blocking(move || Ok(own.made(&sha256, side))).await? {
        return Ok(Reply::Thumbnail(Blob { bytes }).into());
    }
    let found = store.with_hash(&wanted.sha256).await?;
    let (id, path, _) = found.ok_or_else(|| {
        let name = wanted.sha256.get(..12).unwrap_or_default();
        RemoteError::usage(format!("There is no picture with the hash {name}…."))
    })?;
    let (own, sha256) = (thumbnails.clone(), wanted.sha256.clone());
    let making = blocking(move || Ok(own.make(&sha256, side, &PathBuf::from(path))));
    match making.await? {
        Ok(bytes) => Ok(Reply::Thumbnail(Blob { bytes }).into()),
        Err(error) => {
            if matches!(error, NoThumbnail::Missing) {
                store.note_missing(vec![id], true).await?;
            }
            let what = format!("There is no small picture of picture #{id}: {error}.");
            Err(RemoteError::new(FailureKind::Disk, what))
        }
    }
}
