//! What is kept here of another machine's pictures: whole files by their hashes, so that none travels twice, and the beginnings of those
//! whose link was cut. Bounded in bytes; what was not looked at for the longest time goes first. `fetch.rs` fills and asks it; nothing
//! in it is ever the only copy.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use darkroom_protocol::host::Host;

/// What the pictures of one machine may take here, in bytes.
const MOST: u64 = 2 << 30;

/// The folder is looked at once such a share of that was added; it may have so much more meanwhile.
const SHARE: u64 = 32;

/// A folder of them.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    most: u64,
    /// Bytes that were kept since the folder was looked at: to look at it each time would cost more the more it holds.
    kept: Arc<AtomicU64>,
}

impl Cache {
    /// The pictures of that machine, below the folder for such things. Nothing is made before something is kept.
    pub fn of(cache: &Path, host: &Host) -> Self {
        Self {
            folder: cache.join("hosts").join(host.file_name()).join("pictures"),
            most: MOST,
            // What others kept before is looked at with the first.
            kept: Arc::new(AtomicU64::new(MOST)),
        }
    }

    /// Where a file called so is, or would be.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file that is kept whole; it counts as looked at just now.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.path(name);
        let bytes = fs::read(&path).ok()?;
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Keeps a file whole, or not at all: a full disk is no reason to fail.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let beside = self.path(&format!("{name}.{}.new", std::process::id()));
        let kept = self.create(&beside, true).and_then(|mut file| {
            file.write_all(bytes)?;
            fs::rename(&beside, self.path(name))
        });
        if kept.is_err() {
            let _ = fs::remove_file(&beside);
        }
        self.forget_begun(name);
        let since = self.kept.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64;
        if since > self.most / SHARE {
            self.kept.store(0, Ordering::Relaxed);
            self.trim();
        }
    }

    /// The beginning of a file that is on its way.
    pub fn begun(&self, name: &str) -> Vec<u8> {
        fs::read(self.part(name)).unwrap_or_default()
    }

    /// Adds a piece to the beginning of a file, where it belongs there.
    pub fn begin(&self, name: &str, offset: u64, piece: &[u8]) {
        let added = self.create(&self.part(name), false).and_then(|mut file| {
            // Another command may be fetching the same.
            match file.metadata()?.len() == offset {
                true => file.write_all(piece),
                false => Ok(()),
            }
        });
        if added.is_err() {
            self.forget_begun(name);
        }
    }

    /// Forgets the beginning of a file.
    pub fn forget_begun(&self, name: &str) {
        let _ = fs::remove_file(self.part(name));
    }

    fn part(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.part"))
    }

    fn create(&self, path: &Path, anew: bool) -> io::Result<File> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut options = OpenOptions::new();
        match anew {
            true => options.write(true).truncate(true),
            false => options.append(true),
        };
        options.create(true).mode(0o600).open(path)
    }

    /// Removes what was not looked at for the longest time, until the rest fits.
    fn trim(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((meta.modified().ok()?, meta.len(), entry.path()))
            })
            .collect();
        let mut all: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort_unstable();
        for (_, bytes, path) in files {
            if all <= self.most {
                return;
            }
            all -= bytes;
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn host(name: &str) -> Host {
        Host::new(name, None).unwrap()
    }

    fn cache(most: u64) -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache {
            most,
            ..Cache::of(dir.path(), &host("me@box"))
        };
        (dir, cache)
    }

    #[test]
    fn a_file_is_there_whole_and_its_beginning_goes() {
        let (_dir, cache) = cache(100);
        assert_eq!(cache.get("a.png"), None);
        cache.begin("a.png", 0, b"ab");
        cache.begin("a.png", 0, b"xx");
        cache.begin("a.png", 2, b"c");
        assert_eq!(cache.begun("a.png"), b"abc");
        cache.put("a.png", b"abcd");
        assert_eq!(
            (cache.get("a.png").unwrap(), cache.begun("a.png")),
            (b"abcd".to_vec(), vec![])
        );
    }

    #[test]
    fn what_was_not_looked_at_for_the_longest_time_goes_first() {
        let (_dir, cache) = cache(8);
        let ago = |name: &str, seconds| {
            let file = File::open(cache.path(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
                .unwrap();
        };
        cache.put("a.png", b"aaaa");
        ago("a.png", 100);
        cache.put("b.png", b"bbbb");
        ago("b.png", 50);
        assert!(cache.get("a.png").is_some(), "looked at now");
        cache.put("c.png", b"cccc");
        assert_eq!(cache.get("b.png"), None);
        assert!(cache.get("a.png").is_some() && cache.get("c.png").is_some());
    }

    #[test]
    fn machines_have_folders_of_their_own_whatever_they_are_called() {
        let of = |name| Cache::of(Path::new("/c"), &host(name)).path("x");
        assert_eq!(of("me@box"), Path::new("/c/hosts/me@box/pictures/x"));
        assert_eq!(of("../../etc"), Path::new("/c/hosts/_.._etc/pictures/x"));
    }
}
