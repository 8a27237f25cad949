use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Upload;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// The most bytes of one piece.
pub const MAX_PIECE: usize = 1 << 20;
/// The most bytes of one input.
const MAX_SIZE: u64 = 256 << 20;
/// Inputs that may be on their way at one time; the one that has rested longest makes room.
const MAX_OPEN: usize = 16;

/// Inputs on their way. A finished one is a file named by its SHA-256; until then it is a hidden file.
#[derive(Debug)]
pub struct Uploads {
    folder: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    parts: HashMap<String, Arc<Mutex<Part>>>,
    /// Hashes, the one that was used last at the end.
    order: Vec<String>,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: File,
    held: u64,
    size: u64,
    sum: Sha256,
}

impl Uploads {
    /// Inputs in `folder`. What an earlier daemon left half-way is removed.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path) -> crate::Result<Self> {
        let failed = |e| Error::io("use", folder, e);
        fs::create_dir_all(folder).map_err(failed)?;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            open: Mutex::default(),
        })
    }

    /// Adds a piece; returns how many bytes are held now. A piece that begins elsewhere than where the last one ended is not
    /// taken: the number returned says where to go on.
    ///
    /// # Errors
    /// A name that is no hash, too long a piece or whole, another hash in the end, a full disk.
    pub fn add(&self, upload: &Upload) -> Result<u64, RemoteError> {
        check(upload)?;
        let whole = self.folder.join(&upload.sha256);
        if whole.is_file() {
            return Ok(upload.size);
        }
        let part = self.part(upload)?;
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if part.size != upload.size {
            return Err(RemoteError::usage(format!(
                "The input was announced with {} bytes, now it has {}: send it anew.",
                part.size, upload.size
            )));
        }
        if upload.offset != part.held {
            return Ok(part.held);
        }
        let added = part
            .add(&upload.bytes)
            .and_then(|()| part.finish(&upload.sha256, &whole));
        if added.is_err() || part.held == part.size {
            self.forget(&upload.sha256, &part.path, added.is_err());
        }
        added.map(|()| part.held)
    }

    /// The part of that hash, begun when there is none.
    fn part(&self, upload: &Upload) -> Result<Arc<Mutex<Part>>, RemoteError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.order.retain(|name| *name != upload.sha256);
        open.order.push(upload.sha256.clone());
        if let Some(part) = open.parts.get(&upload.sha256) {
            return Ok(part.clone());
        }
        while open.parts.len() >= MAX_OPEN {
            let oldest = open.order.remove(0);
            open.parts.remove(&oldest);
            // Its next piece begins it anew.
            let _ = fs::remove_file(self.hidden(&oldest));
        }
        let part = Part::begin(self.hidden(&upload.sha256), upload.size)?;
        let part = Arc::new(Mutex::new(part));
        open.parts.insert(upload.sha256.clone(), part.clone());
        Ok(part)
    }

    fn forget(&self, sha256: &str, path: &Path, remove: bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.order.retain(|name| name != sha256);
        open.parts.remove(sha256);
        if remove {
            // It goes at the next start at the latest.
            let _ = fs::remove_file(path);
        }
    }

    fn hidden(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!(".{sha256}"))
    }
}

impl Part {
    fn begin(path: PathBuf, size: u64) -> Result<Self, RemoteError> {
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = opened.map_err(|e| Error::io("write", &path, e))?;
        Ok(Self {
            path,
            file,
            held: 0,
            size,
            sum: Sha256::new(),
        })
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), RemoteError> {
        if self.held + bytes.len() as u64 > self.size {
            return Err(RemoteError::usage(
                "More bytes came than were announced: send the input anew.",
            ));
        }
        self.file
            .write_all(bytes)
            .map_err(|e| Error::io("write", &self.path, e))?;
        self.sum.update(bytes);
        self.held += bytes.len() as u64;
        Ok(())
    }

    /// When all is there: checks the hash, syncs, and gives the file its name.
    fn finish(&mut self, sha256: &str, whole: &Path) -> Result<(), RemoteError> {
        if self.held < self.size {
            return Ok(());
        }
        let sum = std::mem::take(&mut self.sum).finalize();
        let found: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        if found != sha256 {
            return Err(RemoteError::usage(format!(
                "The input's SHA-256 is {found}, not {sha256}: send it anew."
            )));
        }
        let folder = whole.parent().unwrap_or(whole);
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, whole))
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|e| Error::io("save", whole, e).into())
    }
}

fn check(upload: &Upload) -> Result<(), RemoteError> {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if upload.sha256.len() != 64 || !upload.sha256.bytes().all(hexadecimal) {
        return Err(RemoteError::usage("sha256 must be 64 lower-case hexadecimal digits."));
    }
    if upload.size > MAX_SIZE {
        return Err(RemoteError::usage(format!(
            "The input has {} bytes, the most is {MAX_SIZE}: make it smaller.",
            upload.size
        )));
    }
    if upload.bytes.len() > MAX_PIECE {
        return Err(RemoteError::usage(format!(
            "A piece has {} bytes, the most is {MAX_PIECE}: send smaller pieces.",
            upload.bytes.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
    }

    fn piece(whole: &[u8], range: std::ops::Range<usize>) -> Upload {
        Upload {
            sha256: hash(whole),
            size: whole.len() as u64,
            offset: range.start as u64,
            bytes: whole[range].to_vec(),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn pieces_become_a_file_named_by_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(dir.path()).unwrap();
        let whole = b"a mask of some bytes";
        assert_eq!(uploads.add(&piece(whole, 0..8)), Ok(8));
        assert_eq!(uploads.add(&piece(whole, 0..8)), Ok(8));
        assert_eq!(uploads.add(&piece(whole, 12..20)), Ok(8));
        assert_eq!(names(dir.path()), [format!(".{}", hash(whole))]);
        assert_eq!(uploads.add(&piece(whole, 8..20)), Ok(20));
        assert_eq!(fs::read(dir.path().join(hash(whole))).unwrap(), whole);
        assert_eq!(uploads.add(&piece(whole, 0..8)), Ok(20));
        assert_eq!(names(dir.path()).len(), 1);
    }

    #[test]
    fn another_hash_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(dir.path()).unwrap();
        let mut lie = piece(b"abc", 0..3);
        lie.bytes = b"abd".to_vec();
        let error = uploads.add(&lie).unwrap_err();
        assert!(error.message.contains("send it anew"), "{error}");
        assert!(names(dir.path()).is_empty());
        assert_eq!(uploads.add(&piece(b"abc", 0..3)), Ok(3));
    }

    #[test]
    fn bounds_hold() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(dir.path()).unwrap();
        let good = piece(b"abc", 0..3);
        let refused = |change: fn(&mut Upload)| {
            let mut upload = good.clone();
            change(&mut upload);
            uploads.add(&upload).unwrap_err().message
        };
        assert!(refused(|u| u.sha256 = "../../etc/passwd".to_owned()).contains("64 lower-case"));
        assert!(refused(|u| u.size = MAX_SIZE + 1).contains("the most is 268435456"));
        assert!(refused(|u| u.bytes = vec![0; MAX_PIECE + 1]).contains("smaller pieces"));
        assert!(refused(|u| u.size = 2).contains("More bytes came"));
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn those_that_rest_make_room_and_leftovers_go_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(dir.path()).unwrap();
        for n in 0..=MAX_OPEN as u8 {
            assert_eq!(uploads.add(&piece(&[n, 0], 0..1)), Ok(1));
        }
        assert_eq!(names(dir.path()).len(), MAX_OPEN);
        assert_eq!(uploads.add(&piece(&[0, 0], 1..2)), Ok(0));
        drop(uploads);
        Uploads::open(dir.path()).unwrap();
        assert!(names(dir.path()).is_empty());
    }
}
