use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Settings;
use crate::Result;

/// The settings as the file has them now: it is read again when it has changed. Wrong ones are told and not used, those before
/// stay.
#[derive(Debug)]
pub struct Live {
    /// `None` for settings that never change.
    path: Option<PathBuf>,
    state: Mutex<State>,
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
    /// The settings in the file at `path`, followed from here on.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load(path: &Path) -> Result<Self> {
        let stamp = stamp(path);
        let settings = Settings::load(path)?;
        Ok(Self::of(Some(path.to_owned()), stamp, settings))
    }

    /// Settings that stay as they are.
    pub fn fixed(settings: Settings) -> Self {
        Self::of(None, None, settings)
    }

    fn of(path: Option<PathBuf>, stamp: Stamp, settings: Settings) -> Self {
        let state = State {
            stamp,
            settings: Arc::new(settings),
            complaint: None,
        };
        Self {
            path,
            state: Mutex::new(state),
        }
    }

    /// The settings to use now. Looks at the file, and reads it when it has changed: may block for a moment.
    pub fn current(&self) -> Arc<Settings> {
        self.refreshed().settings.clone()
    }

    /// What is wrong with the file as it is now, for the person; `None` when it is in use.
    pub fn complaint(&self) -> Option<String> {
        self.refreshed().complaint.clone()
    }

    /// Reads the file again whether or not it seems changed.
    pub fn reload(&self) {
        self.lock().stamp = Some((i128::MIN, 0, 0));
        drop(self.refreshed());
    }

    fn refreshed(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if let Some(path) = &self.path {
            let found = stamp(path);
            if found != state.stamp {
                state.stamp = found;
                state.take(Settings::load(path));
            }
        }
        state
    }

    /// A poisoned lock still guards whole settings: they are replaced in one step.
    fn lock(&self) -> MutexGuard<'_, State> {
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

    #[test]
    fn a_change_counts_from_the_next_use_on_and_a_wrong_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let live = Live::load(&path).unwrap();
        assert_eq!(*live.current(), Settings::default());
        std::fs::write(&path, "threads = 3\n").unwrap();
        assert_eq!(live.current().threads, Some(3));
        std::fs::write(&path, "threads = 'many'\n").unwrap();
        assert_eq!(live.current().threads, Some(3));
        let complaint = live.complaint().unwrap();
        assert!(complaint.contains("config.toml: line 1, column 11: "), "{complaint}");
        std::fs::write(&path, "threads = 40\n").unwrap();
        assert_eq!((live.current().threads, live.complaint()), (Some(40), None));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(*live.current(), Settings::default());
    }

    #[test]
    fn reload_reads_what_looks_the_same() {
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
        live.reload();
        assert_eq!(live.current().threads, Some(4));
    }
}
