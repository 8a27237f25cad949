//! What the thread that writes and those that read beside it agree on: nobody is answered from a commit of which the follower has
//! not been told, and nobody reads while a log that has grown far too long is begun anew. `group` announces commits, `readers` waits
//! for them, `log` asks the readers to pause. Rows themselves need no agreement: SQLite gives each reader one state of them.

use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Accord {
    /// The number of the commit that is being made, until it has been told.
    untold: Mutex<Option<i64>>,
    told: Condvar,
    reading: RwLock<()>,
}

impl Accord {
    /// Commit `number` is about to be made. It counts as not told until what this gives is dropped.
    pub(super) fn coming(&self, number: i64) -> Untold<'_> {
        *self.untold.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
        Untold(self)
    }

    /// Returns when all commits up to number `seen` have been told. One that is seen waits for no disk any more, so this takes a
    /// moment; one that still waits for the disk has a higher number and is not waited for.
    pub(super) fn wait_told(&self, seen: i64) {
        let untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        let is_seen = |untold: &mut Option<i64>| untold.is_some_and(|number| number <= seen);
        drop(self.told.wait_while(untold, is_seen));
    }

    /// Held by each reader while it reads.
    pub(super) fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.reading.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody reads; nobody begins to while this is held.
    pub(super) fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.reading.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A commit that may be seen and has not been told.
pub(super) struct Untold<'a>(&'a Accord);

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        *self.0.untold.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.told.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn only_a_commit_that_is_seen_is_waited_for() {
        let accord = Accord::default();
        accord.wait_told(7);
        let untold = accord.coming(7);
        accord.wait_told(6);
        std::thread::scope(|scope| {
            let (sender, answer) = channel();
            let accord = &accord;
            scope.spawn(move || {
                accord.wait_told(7);
                sender.send(accord.untold.lock().unwrap().is_none()).unwrap();
            });
            drop(untold);
            assert!(answer.recv().unwrap(), "answered before it was told");
        });
        accord.wait_told(7);
    }
}
