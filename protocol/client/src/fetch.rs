//! A picture's bytes: from the daemon's file where it can be read, else through the socket, and checked against its hash either way.
//! Those of another machine are kept here (`cache.rs`). Whoever asks has them whole or not at all; where they go is the caller's.

use std::io::Read;
use std::time::Instant;

use darkroom_protocol::Picture;
use darkroom_protocol::files;
use darkroom_protocol::hash::hex;
use darkroom_protocol::history::Entry;
use darkroom_protocol::message::client::Download;
use darkroom_protocol::message::history::Thumbnail;
use darkroom_protocol::text::escape_line;
use sha2::{Digest, Sha256};

use crate::pieces::Pieces;
use crate::{Cache, Client, Error, Result, is_lost};

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

/// A picture's file, checked against its hash. Another machine's is kept here, so that it travels once, and one whose link was cut goes on
/// where it was.
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
    let Some(cache) = client.cache() else {
        return match local(wanted) {
            Some(bytes) => Ok(bytes),
            None => whole(download(client, wanted, Vec::new(), None).await?, wanted),
        };
    };
    let name = wanted.name_here();
    if let Some(bytes) = cached(cache, wanted) {
        return Ok(bytes);
    }
    let begun = cache.begun(&name);
    let bytes = download(client, wanted, begun, Some((cache, &name))).await?;
    match whole(bytes, wanted) {
        Ok(bytes) => {
            cache.put(&name, &bytes);
            Ok(bytes)
        }
        Err(e) => {
            cache.forget_begun(&name);
            Err(e)
        }
    }
}

/// A picture of another machine that is kept here already.
pub fn cached<'a>(cache: &Cache, wanted: impl Into<Wanted<'a>>) -> Option<Vec<u8>> {
    let wanted = wanted.into();
    cache.get(&wanted.name_here()).filter(|bytes| is_whole(bytes, wanted))
}

/// Where a picture of another machine is kept here once it was fetched.
pub fn place_here<'a>(cache: &Cache, wanted: impl Into<Wanted<'a>>) -> std::path::PathBuf {
    cache.path(&wanted.into().name_here())
}

/// A small picture of one; another machine's travels once.
///
/// # Errors
/// When there is none, or the daemon is gone.
pub async fn fetch_thumbnail(client: &Client, wanted: Thumbnail) -> Result<Vec<u8>> {
    let name = thumbnail_name(&wanted);
    if let Some(bytes) = client.cache().and_then(|cache| cache.get(&name)) {
        return Ok(bytes);
    }
    let bytes = client.thumbnail(wanted).await?;
    if let Some(cache) = client.cache() {
        cache.put(&name, &bytes);
    }
    Ok(bytes)
}

/// A small picture of another machine's that is kept here already.
pub fn cached_thumbnail(cache: &Cache, wanted: &Thumbnail) -> Option<Vec<u8>> {
    cache.get(&thumbnail_name(wanted))
}

fn thumbnail_name(wanted: &Thumbnail) -> String {
    format!("{}-{}.jpg", plain(&wanted.sha256), wanted.side)
}

/// A hash as a part of a file's name; what is none is no part of any.
fn plain(sha256: &str) -> String {
    sha256.chars().filter(char::is_ascii_hexdigit).take(64).collect()
}

impl Wanted<'_> {
    /// What the file is called where it is kept on another machine than the daemon's: its hash, and what tells programs its format.
    fn name_here(&self) -> String {
        let ending = std::path::Path::new(self.path)
            .extension()
            .and_then(|ending| ending.to_str());
        let ending = ending.filter(|ending| ["png", "jpg", "jpeg", "webp"].contains(ending));
        format!("{}.{}", plain(self.sha256), ending.unwrap_or("png"))
    }
}

/// The daemon's own file. A daemon elsewhere, whose socket is forwarded, has none here, or another one by that name.
fn local(wanted: Wanted<'_>) -> Option<Vec<u8>> {
    let file = files::open(std::path::Path::new(wanted.path)).ok()?;
    let mut bytes = Vec::new();
    file.take(wanted.bytes + 1).read_to_end(&mut bytes).ok()?;
    is_whole(&bytes, wanted).then_some(bytes)
}

/// Everything from where `bytes` end. What comes is kept on the way where `kept` says.
async fn download(
    client: &Client,
    wanted: Wanted<'_>,
    mut bytes: Vec<u8>,
    kept: Option<(&Cache, &str)>,
) -> Result<Vec<u8>> {
    if bytes.len() as u64 > wanted.bytes {
        bytes.clear();
    }
    let mut pieces = kept.map(|_| Pieces::default());
    while (bytes.len() as u64) < wanted.bytes {
        let began = Instant::now();
        let offset = bytes.len() as u64;
        let asked = client.download(Download {
            sha256: wanted.sha256.to_owned(),
            offset,
            limit: pieces.as_ref().map_or(0, Pieces::most),
        });
        let piece = match asked.await {
            Err(why) if is_lost(&why) && pieces.as_mut().is_some_and(Pieces::lost) => continue,
            other => other?,
        };
        if piece.bytes.is_empty() || (bytes.len() + piece.bytes.len()) as u64 > wanted.bytes {
            return Err(damaged(wanted));
        }
        if let Some(pieces) = &mut pieces {
            pieces.took(began.elapsed());
        }
        if let Some((cache, name)) = kept {
            cache.begin(name, offset, &piece.bytes);
        }
        bytes.extend_from_slice(&piece.bytes);
    }
    Ok(bytes)
}

fn whole(bytes: Vec<u8>, wanted: Wanted<'_>) -> Result<Vec<u8>> {
    match is_whole(&bytes, wanted) {
        true => Ok(bytes),
        false => Err(damaged(wanted)),
    }
}

fn damaged(wanted: Wanted<'_>) -> Error {
    let name = escape_line(wanted.path);
    Error::Failed(format!(
        "{name} arrived damaged: it is not the picture that was made any more."
    ))
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
