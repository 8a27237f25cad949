use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Size and time of a file or folder; `None` where there is none.
pub(super) type State = Option<(u64, SystemTime)>;

/// What a card came from, as it was then: also what was looked for and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, State)>);

impl Stamp {
    /// The stamp of these files as they are now.
    pub(super) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (path.clone(), state(&path))).collect())
    }

    /// The stamp of files in `folder` that were in these states.
    pub(super) fn seen(folder: &Path, states: impl IntoIterator<Item = (String, State)>) -> Self {
        let states = states.into_iter();
        Self(states.map(|(name, state)| (folder.join(name), state)).collect())
    }

    /// Whether nothing has changed since.
    pub(super) fn is_current(&self) -> bool {
        self.0.iter().all(|(path, then)| *then == state(path))
    }
}

/// The state of the file at `path` now.
pub(super) fn state(path: &Path) -> State {
    let meta = path.metadata().ok()?;
    Some((meta.len(), meta.modified().ok()?))
}
