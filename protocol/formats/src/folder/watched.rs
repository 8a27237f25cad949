//! Files that remember what was asked of them, so that whoever read a model can tell later whether reading it again would give
//! the same. The daemon's catalogue keeps its cards by that, the engine its models. What a file's state is, they decide.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Files;
use crate::Result;

/// Files, and the state of each file and folder that was asked for, as it was before the first time. A folder that was listed
/// counts too: what appears in it may be what is to be read from now on.
pub struct Watched<'a, S> {
    files: &'a dyn Files,
    look: &'a dyn Fn(&str) -> S,
    seen: RefCell<BTreeMap<String, S>>,
}

impl<'a, S> Watched<'a, S> {
    /// `look` tells the state of the file called so, or that it is not there.
    pub fn new(files: &'a dyn Files, look: &'a dyn Fn(&str) -> S) -> Self {
        Self {
            files,
            look,
            seen: RefCell::default(),
        }
    }

    /// Remembers the file called so, for somebody who reads it in another way.
    pub fn note(&self, name: &str) {
        let mut seen = self.seen.borrow_mut();
        if !seen.contains_key(name) {
            seen.insert(name.to_owned(), (self.look)(name));
        }
    }

    /// What was asked for, by name.
    pub fn into_seen(self) -> BTreeMap<String, S> {
        self.seen.into_inner()
    }
}

impl<S> Files for Watched<'_, S> {
    fn place(&self) -> String {
        self.files.place()
    }

    fn called(&self, name: &str) -> String {
        self.files.called(name)
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        self.note(name);
        self.files.len(name)
    }

    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        self.note(name);
        self.files.read(name, cap)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.note(folder);
        self.files.list(folder)
    }

    fn notices(&self) -> &[String] {
        self.files.notices()
    }

    fn lacks(&self) -> Vec<String> {
        self.files.lacks()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::folder::Directory;

    #[test]
    fn what_is_asked_for_is_looked_at_once_and_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "one").unwrap();
        let directory = Directory::open(dir.path()).unwrap();
        let looks = Cell::new(0);
        let look = |name: &str| {
            looks.set(looks.get() + 1);
            dir.path().join(name).exists()
        };
        let watched = Watched::new(&directory, &look);
        assert_eq!(watched.len("a").unwrap(), Some(3));
        assert_eq!(watched.read("a", 10).unwrap(), b"one");
        assert_eq!(watched.len("b").unwrap(), None);
        std::fs::write(dir.path().join("b"), "two").unwrap();
        assert_eq!(watched.len("b").unwrap(), Some(3));
        watched.list("unet").unwrap();
        watched.note("c");
        let seen = watched.into_seen();
        assert_eq!(looks.get(), 4);
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            [("a", true), ("b", false), ("c", false), ("unet", false)].map(|(name, is)| (name.to_owned(), is))
        );
    }
}
