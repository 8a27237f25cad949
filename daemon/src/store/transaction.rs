//! A transaction of SQLite, whether its commit waits for the disk, and how many there were. `group` makes those of changes, `log` its
//! own.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Commits of this process, by whether they waited for the disk.
static COMMITS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Durability {
    /// No fsync: for what a restart repeats.
    Relaxed,
    /// One fsync of the log: for what a client is told afterwards.
    Durable,
}

impl Durability {
    fn synchronous(self) -> &'static str {
        match self {
            Self::Durable => "FULL",
            Self::Relaxed => "NORMAL",
        }
    }
}

/// A transaction in which the disk is waited for or not.
pub(super) fn begin(connection: &mut Connection, durability: Durability) -> rusqlite::Result<Transaction<'_>> {
    connection.pragma_update(None, "synchronous", durability.synchronous())?;
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// A transaction was committed.
pub(super) fn committed(durability: Durability) {
    COMMITS[durability as usize].fetch_add(1, Ordering::Relaxed);
}

/// Commits since the process started: durable ones, relaxed ones.
pub(super) fn commits() -> (u64, u64) {
    let of = |durability: Durability| COMMITS[durability as usize].load(Ordering::Relaxed);
    (of(Durability::Durable), of(Durability::Relaxed))
}
