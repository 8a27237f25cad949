//! Inputs that clients send in pieces, kept as files named by their hashes. The `upload` verb adds to them; `lifecycle` removes
//! those that nobody uses.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use darkroom_protocol::hash::{hex, is_sha256};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{MAX_PIECE, Upload};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Inputs that may be on their way at one time; the one that has rested longest makes room.
const MAX_OPEN: usize = 16;
/// An input that no job refers to stays so long after it was last sent.
const UNUSED: Duration = Duration::from_secs(24 * 3600);
/// An input of which no further piece comes is given up after so long.
const UNFINISHED: Duration = Duration::from_secs(3600);

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
        if self.renew(&whole) {
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

    /// The file of a whole input, whose time begins anew; `None` where it is not there, or the name is no hash.
    pub fn file(&self, sha256: &str) -> Option<PathBuf> {
        let whole = self.folder.join(sha256);
        (is_sha256(sha256) && self.renew(&whole)).then_some(whole)
    }

    /// Inputs that have rested so long that they go unless a job refers to them.
    pub fn unused(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let whole = names.filter(|name| !name.starts_with('.'));
        whole.filter(|name| rests(&self.folder.join(name), UNUSED)).collect()
    }

    /// Removes that input if it still rests; one that was sent again meanwhile stays.
    pub fn remove(&self, sha256: &str) {
        let path = self.folder.join(sha256);
        let _open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if rests(&path, UNUSED)
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!("an input that nobody uses cannot be removed: {error}");
        }
    }

    /// Gives up inputs of which no further piece comes.
    pub fn give_up_unfinished(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let rest: Vec<String> = open.parts.keys().cloned().collect();
        for name in rest.into_iter().filter(|name| rests(&self.hidden(name), UNFINISHED)) {
            open.parts.remove(&name);
            open.order.retain(|other| *other != name);
            // Its next piece begins it anew; what is left goes at the next start.
            let _ = fs::remove_file(self.hidden(&name));
        }
    }

    /// Whether the whole input is there; its time begins anew then.
    fn renew(&self, whole: &Path) -> bool {
        let _open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // A file whose time cannot be set is as old as it was.
        let _ = File::open(whole).and_then(|file| file.set_modified(SystemTime::now()));
        whole.is_file()
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
        let found = hex(sum);
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

/// Whether the file is there and was last written longer ago than that. A clock that was set back makes it young.
fn rests(path: &Path, longer: Duration) -> bool {
    let written = path.symlink_metadata().and_then(|meta| meta.modified());
    written.is_ok_and(|written| SystemTime::now().duration_since(written).is_ok_and(|age| age > longer))
}

fn check(upload: &Upload) -> Result<(), RemoteError> {
    if !is_sha256(&upload.sha256) {
        return Err(RemoteError::usage("sha256 must be 64 lower-case hexadecimal digits."));
    }
    if upload.size > Upload::MAX_SIZE {
        return Err(RemoteError::usage(format!(
            "The input has {} bytes, the most is {}: make it smaller.",
            upload.size,
            Upload::MAX_SIZE
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
        hex(Sha256::digest(bytes))
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
        assert!(refused(|u| u.size = Upload::MAX_SIZE + 1).contains("the most is 268435456"));
        assert!(refused(|u| u.bytes = vec![0; MAX_PIECE + 1]).contains("smaller pieces"));
        assert!(refused(|u| u.size = 2).contains("More bytes came"));
        assert!(names(dir.path()).is_empty());
    }

    fn age(path: &Path, by: Duration) {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - by).unwrap();
    }

    #[test]
    fn what_rests_goes_and_what_is_sent_again_stays() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(dir.path()).unwrap();
        for whole in [&b"one"[..], b"two"] {
            assert_eq!(uploads.add(&piece(whole, 0..3)), Ok(3));
        }
        assert!(uploads.unused().is_empty());
        let (one, two) = (hash(b"one"), hash(b"two"));
        for name in [&one, &two] {
            age(&dir.path().join(name), UNUSED + Duration::from_secs(60));
        }
        assert_eq!(uploads.unused().len(), 2);
        assert_eq!(uploads.add(&piece(b"two", 0..3)), Ok(3));
        uploads.remove(&one);
        uploads.remove(&two);
        assert_eq!(names(dir.path()), [two]);
    }

    #[test]
    fn an_input_that_stops_half_way_is_given_up_and_one_that_goes_on_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(dir.path()).unwrap();
        for whole in [&b"rests"[..], b"grows"] {
            assert_eq!(uploads.add(&piece(whole, 0..2)), Ok(2));
        }
        age(
            &dir.path().join(format!(".{}", hash(b"rests"))),
            UNFINISHED + Duration::from_secs(60),
        );
        uploads.give_up_unfinished();
        assert_eq!(names(dir.path()), [format!(".{}", hash(b"grows"))]);
        assert_eq!(uploads.add(&piece(b"grows", 2..5)), Ok(5));
        assert_eq!(uploads.add(&piece(b"rests", 2..5)), Ok(0), "it begins anew");
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
