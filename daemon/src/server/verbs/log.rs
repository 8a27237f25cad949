use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use darkroom_protocol::Reply;
use darkroom_protocol::files;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{MAX_PIECE, Piece};
use darkroom_protocol::paths::Paths;

use super::blocking;
use crate::Error;
use crate::server::answer::Answer;
use crate::store::Store;

/// A piece of what a job's worker printed while it ran; nothing of one that has not run, or whose log is gone.
pub async fn log(store: &Store, paths: &Paths, prefix: &str, offset: u64) -> Result<Answer, RemoteError> {
    let job = store.find(prefix).await?;
    let path = paths.job_log(job);
    let piece = blocking(move || read(&path, offset)).await?;
    Ok(Reply::Piece(piece).into())
}

fn read(path: &Path, offset: u64) -> Result<Piece, RemoteError> {
    let failed = |e| RemoteError::from(Error::io("read", path, e));
    let file = match files::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Piece { size: 0, bytes: vec![] }),
        other => other.map_err(failed)?,
    };
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = vec![0; size.saturating_sub(offset).min(MAX_PIECE as u64) as usize];
    file.read_exact_at(&mut bytes, offset).map_err(failed)?;
    Ok(Piece { size, bytes })
}
