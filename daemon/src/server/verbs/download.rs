//! A piece of a picture's file, for clients that cannot read the daemon's. It is named by its hash alone: whoever has those bytes
//! asks for nothing. Which file has them, the store says.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use darkroom_protocol::files;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{Download, MAX_PIECE, Piece};
use darkroom_protocol::{FailureKind, Reply};

use super::blocking;
use crate::Error;
use crate::error::shown;
use crate::server::answer::Answer;
use crate::store::Store;

/// A piece of a picture's file. Whoever asked checks the hash of the whole: a file that was changed is none of history's.
pub async fn download(store: &Store, download: &Download) -> Result<Answer, RemoteError> {
    let found = store.with_hash(&download.sha256).await?;
    let (id, path, _) = found.ok_or_else(|| {
        let name = &download.sha256[..12];
        RemoteError::usage(format!(
            "There is no picture with the hash {name}…: `darkroom history` lists them."
        ))
    })?;
    let offset = download.offset;
    let most = match download.limit as usize {
        0 => MAX_PIECE,
        limit => limit.min(MAX_PIECE),
    };
    let piece = blocking(move || read(Path::new(&path), id, offset, most)).await?;
    Ok(Reply::Piece(piece).into())
}

fn read(path: &Path, id: u64, offset: u64, most: usize) -> Result<Piece, RemoteError> {
    if !path.exists() {
        let what = format!(
            "The file of picture #{id} is missing: {} is not there. `darkroom history scan` looks for it.",
            shown(path)
        );
        return Err(RemoteError::new(FailureKind::Disk, what));
    }
    let failed = |e| RemoteError::from(Error::io("read", path, e));
    let file = files::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = vec![0; size.saturating_sub(offset).min(most as u64) as usize];
    file.read_exact_at(&mut bytes, offset).map_err(failed)?;
    Ok(Piece { size, bytes })
}
