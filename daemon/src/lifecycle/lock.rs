use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use darkroom_protocol::paths::{LockRecord, Paths};

use crate::{Error, Result};

/// Clients hold the lock for a moment when they look whether a daemon lives; a new daemon waits so long for them.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest record that is read.
const MAX_RECORD: u64 = 64 * 1024;

/// The lock that a living daemon holds. It ends with this value, or with the process.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock and writes into its file who holds it and at which socket.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`] when another daemon lives; [`Error::Io`] when the file cannot be made or written.
    pub fn take(paths: &Paths, socket: &Path) -> Result<Self> {
        let path = paths.lock();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        let mut lock = Self { file };
        lock.wait(&path)?;
        lock.sign(&path, socket)?;
        Ok(lock)
    }

    fn wait(&mut self, path: &Path) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", path, e)),
                Err(TryLockError::WouldBlock) => {}
            }
            let record = self.record();
            let answers = record.as_ref().is_some_and(|r| UnixStream::connect(&r.socket).is_ok());
            if answers || Instant::now() >= end {
                return Err(Error::AlreadyRunning {
                    pid: record.map_or(0, |r| r.pid),
                    lock: path.to_owned(),
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

    fn sign(&mut self, path: &Path, socket: &Path) -> Result<()> {
        // Clients believe only what nobody else can have written.
        let closed = self.file.set_permissions(Permissions::from_mode(0o600));
        closed.map_err(|e| Error::io("close to others", path, e))?;
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
        written.map_err(|e| Error::io("write", path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> (tempfile::TempDir, Paths) {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        std::fs::create_dir_all(&paths.data).unwrap();
        (home, paths)
    }

    #[test]
    fn the_holder_signs_and_a_second_is_refused_by_its_pid() {
        let (_home, paths) = paths();
        let mut first = Lock::take(&paths, &paths.socket()).unwrap();
        assert_eq!(first.record().unwrap().socket, paths.socket());
        let error = Lock::take(&paths, &paths.socket()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
    }

    #[test]
    fn a_longer_record_of_a_dead_daemon_leaves_nothing() {
        let (_home, paths) = paths();
        std::fs::write(paths.lock(), "x".repeat(5000)).unwrap();
        let mut lock = Lock::take(&paths, &paths.socket()).unwrap();
        assert_eq!(lock.record().unwrap().pid, std::process::id());
    }

    #[test]
    fn a_client_that_only_looks_does_not_stop_a_daemon() {
        let (_home, paths) = paths();
        let looking = File::create(paths.lock()).unwrap();
        looking.lock().unwrap();
        std::thread::scope(|scope| {
            let daemon = scope.spawn(|| Lock::take(&paths, &paths.socket()));
            drop(looking);
            daemon.join().unwrap().unwrap();
        });
    }
}
