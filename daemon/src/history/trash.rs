//! The trash is emptied: by a person, or when what is in it is old. Files go before rows, so that a daemon that dies between the two
//! leaves a row in the trash and no file that nobody knows of. Only files in the gallery are ours to remove: of a picture that was
//! imported, or that a person has moved elsewhere, the row alone goes.

use std::path::{Path, PathBuf};

use darkroom_protocol::paths::Paths;

use super::Thumbnails;
use crate::store::{Store, Trashed};
use crate::{Error, Result};

/// Pictures that are removed at one time.
const SOME: u32 = 100;

/// Removes pictures that came into the trash before then (milliseconds since 1970): how many.
///
/// # Errors
/// Naming the first file that could not be removed; when the database fails.
pub async fn empty(store: &Store, paths: &Paths, thumbnails: &Thumbnails, before_ms: i64) -> Result<u64> {
    let mut removed = 0;
    loop {
        let some = store.in_trash(before_ms, SOME).await?;
        if some.is_empty() {
            return Ok(removed);
        }
        let (gallery, small) = (paths.pictures(), thumbnails.clone());
        let removing = tokio::task::spawn_blocking(move || remove(&some, &gallery, &small));
        let (gone, failed) = removing.await.unwrap_or_default();
        removed += store.remove_trashed(gone).await?;
        if let Some((path, error)) = failed {
            return Err(Error::io("remove", &path, error));
        }
    }
}

/// Removes files: the numbers of the pictures whose file is gone, and what could not be removed.
fn remove(some: &[Trashed], gallery: &Path, small: &Thumbnails) -> (Vec<u64>, Option<(PathBuf, std::io::Error)>) {
    let mut gone = Vec::new();
    for picture in some {
        let path = Path::new(&picture.path);
        if picture.ours && path.starts_with(gallery) {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return (gone, Some((path.to_owned(), error)));
                }
                _ => {}
            }
        }
        small.remove(&picture.sha256);
        gone.push(picture.id);
    }
    (gone, None)
}
