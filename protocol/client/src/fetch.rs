//! A picture's bytes: from the daemon's file where it can be read, else through the socket, and checked against its hash either way.
//! Whoever asks has them whole or not at all; where they go is the caller's.

use std::io::Read;

use darkroom_protocol::Picture;
use darkroom_protocol::files;
use darkroom_protocol::hash::hex;
use darkroom_protocol::message::client::Download;
use sha2::{Digest, Sha256};

use crate::{Client, Error, Result};

/// The most bytes of a picture that are taken.
const MAX: u64 = 1 << 30;

/// The picture's file, checked against its hash.
///
/// # Errors
/// When it cannot be had whole; when the daemon is gone.
pub async fn fetch(client: &Client, picture: &Picture) -> Result<Vec<u8>> {
    if picture.bytes > MAX {
        return Err(Error::Failed(format!(
            "The picture has {} bytes, the most is {MAX}.",
            picture.bytes
        )));
    }
    match local(picture) {
        Some(bytes) => Ok(bytes),
        None => download(client, picture).await,
    }
}

/// The daemon's own file. A daemon elsewhere, whose socket is forwarded, has none here, or another one by that name.
fn local(picture: &Picture) -> Option<Vec<u8>> {
    let file = files::open(std::path::Path::new(&picture.path)).ok()?;
    let mut bytes = Vec::new();
    file.take(picture.bytes + 1).read_to_end(&mut bytes).ok()?;
    is_whole(&bytes, picture).then_some(bytes)
}

async fn download(client: &Client, picture: &Picture) -> Result<Vec<u8>> {
    let damaged = || {
        Error::Failed(format!(
            "Picture {} of job {} arrived damaged.",
            picture.index,
            picture.job.short()
        ))
    };
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < picture.bytes {
        let piece = client
            .download(Download {
                job: picture.job.to_string(),
                index: picture.index,
                offset: bytes.len() as u64,
            })
            .await?;
        if piece.bytes.is_empty() || (bytes.len() + piece.bytes.len()) as u64 > picture.bytes {
            return Err(damaged());
        }
        bytes.extend_from_slice(&piece.bytes);
    }
    if is_whole(&bytes, picture) {
        Ok(bytes)
    } else {
        Err(damaged())
    }
}

fn is_whole(bytes: &[u8], picture: &Picture) -> bool {
    bytes.len() as u64 == picture.bytes && hex(Sha256::digest(bytes)) == picture.sha256
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
        assert_eq!(local(&picture(3, abc)).unwrap(), b"abc");
        assert!(local(&picture(2, abc)).is_none());
        assert!(local(&picture(3, &abc.replace('b', "c"))).is_none());
    }
}
