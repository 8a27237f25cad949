use std::sync::atomic::{AtomicU64, Ordering};

use super::thread::Durability;

/// Commits of this process, by whether they waited for the disk.
static COMMITS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// A transaction was committed.
pub(super) fn committed(durability: Durability) {
    COMMITS[durability as usize].fetch_add(1, Ordering::Relaxed);
}

/// Commits since the process started: durable ones, relaxed ones.
pub(super) fn commits() -> (u64, u64) {
    let of = |durability: Durability| COMMITS[durability as usize].load(Ordering::Relaxed);
    (of(Durability::Durable), of(Durability::Relaxed))
}
