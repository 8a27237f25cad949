use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use darkroom_protocol::paths::{LockRecord, Paths};

use crate::{Error, Result};

/// Clients hold the lock for a moment when they look whether a daemon lives; a new daemon waits so long for them.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest record that is read.
const MAX_RECORD: u64 = 64 * 1024;

/// The locks that a living daemon holds: the one that clients look at, and one beside the database, for homes that share their
/// data or lost the first. They end with this value, or with the process.
#[derive(Debug)]
pub struct Locks([Lock; 2]);

impl Locks {
    /// Takes both and writes into their files who holds them and at which socket.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`] when another daemon lives; [`Error::Io`] when a file cannot be made or written.
    pub fn take(paths: &Paths, socket: &Path) -> Result<Self> {
        let (mut first, mut second) = (Lock::take(paths.lock())?, Lock::take(paths.data_lock())?);
        first.sign(socket)?;
        if let Err(error) = second.sign(socket) {
            // A full disk keeps nobody from looking at what there is; the lock holds without a name.
            tracing::warn!("{error}");
        }
        Ok(Self([first, second]))
    }

    /// A lock whose file was taken away, so that it keeps nobody out any more.
    pub fn lost(&self) -> Option<&Path> {
        self.0
            .iter()
            .find(|lock| !lock.is_in_place())
            .map(|lock| lock.path.as_path())
    }
}

#[derive(Debug)]
struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        let mut lock = Self { file, path };
        lock.wait()?;
        Ok(lock)
    }

    /// Whether its file is the one that others would look at.
    fn is_in_place(&self) -> bool {
        let found = std::fs::symlink_metadata(&self.path);
        let held = self.file.metadata();
        matches!((found, held), (Ok(found), Ok(held)) if (found.dev(), found.ino()) == (held.dev(), held.ino()))
    }

    fn wait(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &self.path, e)),
                Err(TryLockError::WouldBlock) => {}
            }
            let record = self.record();
            let answers = record.as_ref().is_some_and(|r| UnixStream::connect(&r.socket).is_ok());
            if answers || Instant::now() >= end {
                return Err(Error::AlreadyRunning {
                    pid: record.map_or(0, |r| r.pid),
                    lock: self.path.clone(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the holder wrote, as far as it can be read.
    fn record(&mut self) -> Option<LockRecord> {
        let mut text = String::new();
        self.file.rewind().ok()?;
        (&self.file).take(MAX_RECORD).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn sign(&mut self, socket: &Path) -> Result<()> {
        // Clients believe only what nobody else can have written.
        let closed = self.file.set_permissions(Permissions::from_mode(0o600));
        closed.map_err(|e| Error::io("close to others", &self.path, e))?;
        let record = LockRecord {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: darkroom_protocol::VERSION,
            socket: socket.to_owned(),
        };
        let text = serde_json::to_string(&record).unwrap_or_default();
        let written = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|e| Error::io("write", &self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> (tempfile::TempDir, Paths) {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        std::fs::create_dir_all(&paths.state).unwrap();
        std::fs::create_dir_all(&paths.data).unwrap();
        (home, paths)
    }

    #[test]
    fn the_holder_signs_and_a_second_is_refused_by_its_pid() {
        let (_home, paths) = paths();
        let mut first = Locks::take(&paths, &paths.socket()).unwrap();
        assert_eq!(first.0[0].record().unwrap().socket, paths.socket());
        let error = Locks::take(&paths, &paths.socket()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
    }

    #[test]
    fn a_longer_record_of_a_dead_daemon_leaves_nothing() {
        let (_home, paths) = paths();
        std::fs::write(paths.lock(), "x".repeat(5000)).unwrap();
        let mut locks = Locks::take(&paths, &paths.socket()).unwrap();
        assert_eq!(locks.0[0].record().unwrap().pid, std::process::id());
    }

    #[test]
    fn data_has_one_daemon_even_where_the_first_lock_is_gone() {
        let (_home, paths) = paths();
        let first = Locks::take(&paths, &paths.socket()).unwrap();
        assert_eq!(first.lost(), None);
        std::fs::remove_file(paths.lock()).unwrap();
        assert_eq!(first.lost(), Some(paths.lock().as_path()));
        let error = Locks::take(&paths, &paths.socket()).unwrap_err();
        assert!(matches!(error, Error::AlreadyRunning { lock, .. } if lock == paths.data_lock()));
        drop(first);
        std::fs::remove_file(paths.data_lock()).unwrap();
        let second = Locks::take(&paths, &paths.socket()).unwrap();
        assert_eq!(second.lost(), None);
        std::fs::write(paths.data_lock().with_file_name("other"), "").unwrap();
        std::fs::rename(paths.data_lock().with_file_name("other"), paths.data_lock()).unwrap();
        assert_eq!(second.lost(), Some(paths.data_lock().as_path()));
    }

    #[test]
    fn a_client_that_only_looks_does_not_stop_a_daemon() {
        let (_home, paths) = paths();
        let looking = File::create(paths.lock()).unwrap();
        looking.lock().unwrap();
        std::thread::scope(|scope| {
            let daemon = scope.spawn(|| Locks::take(&paths, &paths.socket()));
            drop(looking);
            daemon.join().unwrap().unwrap();
        });
    }
}
