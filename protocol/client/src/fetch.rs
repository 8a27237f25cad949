//! A picture's bytes: from the daemon's file where it can be read, else through the socket, and checked against its hash either way.
//! Whoever asks has them whole or not at all; where they go is the caller's.

use std::io::Read;

use darkroom_protocol::Picture;
use darkroom_protocol::files;
use darkroom_protocol::hash::hex;
use darkroom_protocol::history::Entry;
use darkroom_protocol::message::client::Download;
use darkroom_protocol::text::escape_line;
use sha2::{Digest, Sha256};

use crate::{Client, Error, Result};

/// The most bytes of a picture that are taken.
const MAX: u64 = 1 << 30;

/// A file that is wanted, as the daemon tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Where the daemon has it.
    pub path: &'a str,
    /// What names it.
    pub sha256: &'a str,
    /// Its bytes.
    pub bytes: u64,
}

impl<'a> From<&'a Picture> for Wanted<'a> {
    fn from(picture: &'a Picture) -> Self {
        Self {
            path: &picture.path,
            sha256: &picture.sha256,
            bytes: picture.bytes,
        }
    }
}

impl<'a> From<&'a Entry> for Wanted<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            path: &entry.path,
            sha256: &entry.sha256,
            bytes: entry.bytes,
        }
    }
}

/// A picture's file, checked against its hash.
///
/// # Errors
/// When it cannot be had whole; when the daemon is gone.
pub async fn fetch<'a>(client: &Client, wanted: impl Into<Wanted<'a>>) -> Result<Vec<u8>> {
    let wanted = wanted.into();
    if wanted.bytes > MAX {
        return Err(Error::Failed(format!(
            "The picture has {} bytes, the most is {MAX}.",
            wanted.bytes
        )));
    }
    match local(wanted) {
        Some(bytes) => Ok(bytes),
        None => download(client, wanted).await,
    }
}

/// The daemon's own file. A daemon elsewhere, whose socket is forwarded, has none here, or another one by that name.
fn local(wanted: Wanted<'_>) -> Option<Vec<u8>> {
    let file = files::open(std::path::Path::new(wanted.path)).ok()?;
    let mut bytes = Vec::new();
    file.take(wanted.bytes + 1).read_to_end(&mut bytes).ok()?;
    is_whole(&bytes, wanted).then_some(bytes)
}

async fn download(client: &Client, wanted: Wanted<'_>) -> Result<Vec<u8>> {
    let damaged = || {
        let name = escape_line(wanted.path);
        Error::Failed(format!(
            "{name} arrived damaged: it is not the picture that was made any more."
        ))
    };
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < wanted.bytes {
        let piece = client
            .download(Download {
                sha256: wanted.sha256.to_owned(),
                offset: bytes.len() as u64,
            })
            .await?;
        if piece.bytes.is_empty() || (bytes.len() + piece.bytes.len()) as u64 > wanted.bytes {
            return Err(damaged());
        }
        bytes.extend_from_slice(&piece.bytes);
    }
    if is_whole(&bytes, wanted) {
        Ok(bytes)
    } else {
        Err(damaged())
    }
}

fn is_whole(bytes: &[u8], wanted: Wanted<'_>) -> bool {
    bytes.len() as u64 == wanted.bytes && hex(Sha256::digest(bytes)) == wanted.sha256
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::JobId;

    #[test]
    fn only_the_very_file_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.png");
        std::fs::write(&path, "abc").unwrap();
        let picture = |bytes, sha256: &str| Picture {
            job: JobId::new(),
            index: 0,
            path: path.to_str().unwrap().to_owned(),
            sha256: sha256.to_owned(),
            bytes,
            width: 1,
            height: 1,
            seed: 0,
            elapsed_ms: 0,
        };
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(local((&picture(3, abc)).into()).unwrap(), b"abc");
        assert!(local((&picture(2, abc)).into()).is_none());
        assert!(local((&picture(3, &abc.replace('b', "c"))).into()).is_none());
    }
}
