//! The lock by which a data folder has one daemon. Whoever holds it writes down who it is and where it listens, for clients to
//! find.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use darkroom_protocol::files;
use darkroom_protocol::paths::{LockRecord, Paths};

use crate::{Error, Result};

/// Clients hold the lock for a moment when they look whether a daemon lives; a new daemon waits so long for them.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest record that is read.
const MAX_RECORD: u64 = 64 * 1024;

/// The lock that a living daemon holds, beside the database: one data folder has one daemon, and shares it with no other. It ends
/// with this value, or with the process.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes it and writes into its file who holds it and at which socket.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`] when another daemon lives; [`Error::Io`] when the file cannot be made.
    pub fn take(paths: &Paths, socket: &Path) -> Result<Self> {
        let mut lock = Self::unsigned(paths)?;
        lock.sign(socket);
        Ok(lock)
    }

    /// Takes it for a moment in which no daemon shall live. Nobody is told.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn unsigned(paths: &Paths) -> Result<Self> {
        let path = paths.lock();
        let failed = |e| Error::io("open", &path, e);
        match std::fs::metadata(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(e)),
            Ok(meta) => files::regular(meta.file_type()).map_err(failed)?,
            Err(_) => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut lock = Self { file, path };
        lock.wait()?;
        Ok(lock)
    }

    /// The path, where its file was taken away, so that it keeps nobody out any more.
    pub fn lost(&self) -> Option<&Path> {
        (!self.is_in_place()).then_some(self.path.as_path())
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

    /// Writes who holds it and at which socket. A full disk keeps nobody from looking at what there is: the lock holds without
    /// a name, and clients look where their environment says.
    pub fn sign(&mut self, socket: &Path) {
        if let Err(error) = self.write(socket) {
            tracing::warn!("{error}");
        }
    }

    fn write(&mut self, socket: &Path) -> Result<()> {
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
    fn homes_that_share_their_logs_share_no_lock() {
        let (_home, paths) = paths();
        let (_other, others) = self::paths();
        let others = Paths {
            state: paths.state.clone(),
            ..others
        };
        let first = Lock::take(&paths, &paths.socket()).unwrap();
        let second = Lock::take(&others, &others.socket()).unwrap();
        assert_eq!((first.lost(), second.lost()), (None, None));
    }

    #[test]
    fn a_lock_that_was_taken_away_is_lost() {
        let (_home, paths) = paths();
        let first = Lock::take(&paths, &paths.socket()).unwrap();
        std::fs::remove_file(paths.lock()).unwrap();
        assert_eq!(first.lost(), Some(paths.lock().as_path()));
        let second = Lock::take(&paths, &paths.socket()).unwrap();
        assert_eq!((first.lost().is_some(), second.lost()), (true, None));
        std::fs::write(paths.lock().with_file_name("other"), "").unwrap();
        std::fs::rename(paths.lock().with_file_name("other"), paths.lock()).unwrap();
        assert_eq!(second.lost(), Some(paths.lock().as_path()));
    }

    #[test]
    fn a_pipe_in_its_place_is_refused_and_not_waited_for() {
        let (_home, paths) = paths();
        let made = std::process::Command::new("mkfifo").arg(paths.lock()).status();
        assert!(made.unwrap().success());
        let error = Lock::take(&paths, &paths.socket()).unwrap_err().to_string();
        assert!(error.contains("a pipe is there"), "{error}");
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
