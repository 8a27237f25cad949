use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use darkroom_formats::Result;
use darkroom_formats::folder::{Directory, Files};

/// Size and time of everything that a card came from; `None` for what was looked for and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Option<(u64, SystemTime)>)>);

impl Stamp {
    /// The stamp of these files as they are now.
    pub(super) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let state = |path: &Path| {
            let meta = path.metadata().ok()?;
            Some((meta.len(), meta.modified().ok()?))
        };
        Self(paths.into_iter().map(|path| (path.clone(), state(&path))).collect())
    }

    /// Whether nothing has changed since.
    pub(super) fn is_current(&self) -> bool {
        *self == Self::of(self.0.iter().map(|(path, _)| path.clone()))
    }
}

/// A folder that remembers what was asked of it.
pub(super) struct Watched {
    directory: Directory,
    seen: RefCell<BTreeSet<String>>,
}

impl Watched {
    pub(super) fn new(directory: Directory) -> Self {
        Self {
            directory,
            seen: RefCell::default(),
        }
    }

    /// The stamp of every file that was asked for so far.
    pub(super) fn stamp(&self) -> Stamp {
        let seen = self.seen.borrow();
        Stamp::of(seen.iter().map(|name| self.directory.path().join(name)))
    }

    fn note(&self, name: &str) {
        self.seen.borrow_mut().insert(name.to_owned());
    }
}

impl Files for Watched {
    fn place(&self) -> String {
        self.directory.place()
    }

    fn called(&self, name: &str) -> String {
        self.directory.called(name)
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        self.note(name);
        self.directory.len(name)
    }

    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        self.note(name);
        self.directory.read(name, cap)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.note(folder);
        self.directory.list(folder)
    }
}
