use std::os::unix::fs::FileExt as _;
use std::path::Path;

use darkroom_protocol::files;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{Download, MAX_PIECE, Piece};
use darkroom_protocol::{Picture, Reply};

use super::blocking;
use crate::Error;
use crate::server::answer::Answer;
use crate::store::Store;

/// A piece of a finished picture.
pub async fn download(store: &Store, download: &Download) -> Result<Answer, RemoteError> {
    let job = store.find(&download.job).await?;
    let index = download.index;
    let picture = store.picture(job, index).await?;
    let picture = picture.ok_or_else(|| {
        let id = job.short();
        RemoteError::usage(format!(
            "Job {id} has no picture {index} yet: `darkroom wait {id}` waits for it."
        ))
    })?;
    let offset = download.offset;
    let piece = blocking(move || read(&picture, offset)).await?;
    Ok(Reply::Piece(piece).into())
}

fn read(picture: &Picture, offset: u64) -> Result<Piece, RemoteError> {
    let path = Path::new(&picture.path);
    let failed = |e| RemoteError::from(Error::io("read", path, e));
    let file = files::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = vec![0; size.saturating_sub(offset).min(MAX_PIECE as u64) as usize];
    file.read_exact_at(&mut bytes, offset).map_err(failed)?;
    Ok(Piece { size, bytes })
}
