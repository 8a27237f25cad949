//! The settings of a daemon that runs: read again when their file has changed, never on a thread that serves others.
//!
//! Whoever answers a request calls [`Live::refresh`] first and then [`Live::current`], which only hands out what was read. A file
//! that does not answer (a home on a server that is gone) costs the first requests a few seconds, and later ones nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Settings;
use crate::{Error, Result};

/// The file must have answered within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The settings as the file has them now. Wrong ones are told and not used, those before stay.
#[derive(Debug)]
pub struct Live {
    file: Arc<File>,
    /// Held by whoever reads the file.
    turn: Arc<tokio::sync::Mutex<()>>,
    patience: Duration,
}

/// The settings' file, and what was read from it last.
struct File {
    /// `None` for settings of a test, which never change.
    path: Option<PathBuf>,
    read: fn(&Path) -> Result<Settings>,
    state: Mutex<State>,
    /// The daemon's own folder of models, which counts beside those that are named once it is there.
    models: OnceLock<PathBuf>,
    /// Whether a reader has been waiting for it for too long.
    hangs: AtomicBool,
    /// Stirs when it was read again.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    stamp: Stamp,
    settings: Arc<Settings>,
    complaint: Option<String>,
}

/// What shows that the file has changed: time in nanoseconds, length, inode; `None` while there is no file.
type Stamp = Option<(i128, u64, u64)>;

impl Live {
    /// The settings in the file at `path`, followed from here on. Reads the file: may block.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load(path: &Path) -> Result<Self> {
        let stamp = stamp(path);
        let settings = Settings::load(path)?;
        Ok(Self::of(Some(path.to_owned()), stamp, settings))
    }

    /// As [`Self::load`], beside the tasks that must not wait.
    ///
    /// # Errors
    /// As [`Settings::load`], and when the file does not answer.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let silent = || {
            let why = std::io::Error::other(format!("it does not answer within {} s", PATIENCE.as_secs()));
            Error::io("read", path, why)
        };
        let owned = path.to_owned();
        let reading = tokio::task::spawn_blocking(move || Self::load(&owned));
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) | Err(_) => Err(silent()),
        }
    }

    /// The same with this folder of models beside those that the file names, from when it is there.
    #[must_use]
    pub(crate) fn with_models(self, folder: PathBuf) -> Self {
        let _ = self.file.models.set(folder);
        let mut state = self.file.state();
        let settings = self.file.with_own(Settings::clone(&state.settings));
        state.settings = Arc::new(settings);
        drop(state);
        self
    }

    /// Settings that stay as they are.
    #[cfg(test)]
    pub(crate) fn fixed(settings: Settings) -> Self {
        Self::of(None, None, settings)
    }

    fn of(path: Option<PathBuf>, stamp: Stamp, settings: Settings) -> Self {
        let state = State {
            stamp,
            settings: Arc::new(settings),
            complaint: None,
        };
        let file = File {
            path,
            read: Settings::load,
            state: Mutex::new(state),
            models: OnceLock::new(),
            hangs: AtomicBool::new(false),
            changed: watch::Sender::default(),
        };
        Self {
            file: Arc::new(file),
            turn: Arc::default(),
            patience: PATIENCE,
        }
    }

    /// The settings to use now, as they were read last. Never waits.
    pub fn current(&self) -> Arc<Settings> {
        self.file.state().settings.clone()
    }

    /// What is wrong with the file as it was read last, for the person; `None` when it is in use. Never waits.
    pub(crate) fn complaint(&self) -> Option<String> {
        let path = self
            .file
            .path
            .as_deref()
            .filter(|_| self.file.hangs.load(Ordering::Relaxed));
        match path {
            Some(path) => Some(format!(
                "{} does not answer: is its disk there? The settings from before are used until then.",
                crate::error::shown(path)
            )),
            None => self.file.state().complaint.clone(),
        }
    }

    /// Stirs when the file was read again, with whatever came of it.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.file.changed.subscribe()
    }

    /// Looks at the file, and reads it when it has changed. What is in it counts once this is done.
    pub(crate) async fn refresh(&self) {
        self.look(false).await;
    }

    /// Reads the file again whether or not it seems changed.
    pub(crate) async fn reload(&self) {
        self.look(true).await;
    }

    async fn look(&self, anyway: bool) {
        if self.file.path.is_none() || (self.file.hangs.load(Ordering::Relaxed) && self.turn.try_lock().is_err()) {
            return;
        }
        let (file, turn) = (self.file.clone(), self.turn.clone());
        let looking = async move {
            let turn = turn.lock_owned().await;
            // It goes on to its end, whoever waits for it.
            let look = move || {
                file.look(anyway);
                file.hangs.store(false, Ordering::Relaxed);
                drop(turn);
            };
            tokio::task::spawn_blocking(look).await
        };
        if tokio::time::timeout(self.patience, looking).await.is_err() && !self.file.hangs.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("{}", self.complaint().unwrap_or_default());
        }
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("File").field(&self.path).finish()
    }
}

impl File {
    fn look(&self, anyway: bool) {
        let Some(path) = &self.path else { return };
        let found = stamp(path);
        if !anyway && found == self.state().stamp {
            return;
        }
        let read = (self.read)(path).map(|settings| self.with_own(settings));
        let mut state = self.state();
        state.stamp = found;
        state.take(read);
        drop(state);
        self.changed.send_replace(());
    }

    /// The settings with the daemon's own folder of models.
    fn with_own(&self, mut settings: Settings) -> Settings {
        if let Some(own) = self.models.get().filter(|own| own.is_dir())
            && !settings.models.contains(own)
        {
            settings.models.push(own.clone());
        }
        settings
    }

    /// A poisoned lock still guards whole settings: they are replaced in one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, read: Result<Settings>) {
        match read {
            Ok(settings) => {
                tracing::info!(changed = *self.settings != settings, "the settings were read again");
                self.settings = Arc::new(settings);
                self.complaint = None;
            }
            Err(error) => {
                let complaint = format!("{error} The settings from before are used until then.");
                tracing::warn!("{complaint}");
                self.complaint = Some(complaint);
            }
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    let time = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Some((time, meta.len(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_counts_from_the_next_use_on_and_a_wrong_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let live = Live::open(&path).await.unwrap();
        let changes = live.changes();
        assert_eq!(*live.current(), Settings::default());
        live.refresh().await;
        assert!(!changes.has_changed().unwrap());
        std::fs::write(&path, "threads = 3\n").unwrap();
        live.refresh().await;
        assert_eq!(live.current().threads, Some(3));
        assert!(changes.has_changed().unwrap());
        std::fs::write(&path, "threads = 'many'\n").unwrap();
        live.refresh().await;
        assert_eq!(live.current().threads, Some(3));
        let complaint = live.complaint().unwrap();
        assert!(complaint.contains("config.toml: line 1, column 11: "), "{complaint}");
        std::fs::write(&path, "threads = 40\n").unwrap();
        live.refresh().await;
        assert_eq!((live.current().threads, live.complaint()), (Some(40), None));
        std::fs::remove_file(&path).unwrap();
        live.refresh().await;
        assert_eq!(*live.current(), Settings::default());
    }

    #[tokio::test]
    async fn what_is_no_file_is_told_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "threads = 3\n").unwrap();
        let live = Live::open(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        live.refresh().await;
        let told = live.complaint().unwrap();
        assert!(told.contains("a pipe is there"), "{told}");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        live.refresh().await;
        let told = live.complaint().unwrap();
        assert!(told.contains("a device is there"), "{told}");
        assert_eq!(live.current().threads, Some(3));
    }

    static DISK: Mutex<()> = Mutex::new(());

    #[tokio::test]
    async fn a_file_that_does_not_answer_keeps_nobody_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let mut live = Live::open(&path).await.unwrap();
        live.patience = Duration::from_millis(20);
        let file = Arc::get_mut(&mut live.file).unwrap();
        file.read = |path| {
            drop(DISK.lock());
            Settings::load(path)
        };
        // Held by another thread: this one waits for others meanwhile.
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (held, is_held) = std::sync::mpsc::channel();
        let disk = std::thread::spawn(move || {
            let _gone = DISK.lock().unwrap();
            held.send(()).unwrap();
            let _ = released.recv();
        });
        is_held.recv().unwrap();
        std::fs::write(&path, "threads = 3\n").unwrap();
        live.refresh().await;
        let told = live.complaint().unwrap();
        assert!(told.contains("does not answer"), "{told}");
        live.refresh().await;
        assert_eq!(live.current().threads, None);
        drop(release);
        disk.join().unwrap();
        live.patience = PATIENCE;
        while live.complaint().is_some() {
            live.refresh().await;
            tokio::task::yield_now().await;
        }
        live.refresh().await;
        assert_eq!(live.current().threads, Some(3));
    }

    #[tokio::test]
    async fn reload_reads_what_looks_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "threads = 3\n").unwrap();
        let live = Live::load(&path).unwrap();
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, "threads = 4\n").unwrap();
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(before)
            .unwrap();
        live.reload().await;
        assert_eq!(live.current().threads, Some(4));
    }
}
