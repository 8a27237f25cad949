//! The account of a component's memory: what its tensors take when they are handed out, corrected by its layers when they change
//! a weight's form. `residency/` reads it after each task, so that a budget counts what there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a component's weights, in the form in which they are now. Clones are one account.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<AtomicU64>);

impl Ledger {
    /// So many bytes more.
    pub fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What took `before` bytes takes `after` now.
    pub fn replace(&self, before: u64, after: u64) {
        self.0.fetch_add(after, Ordering::Relaxed);
        self.0.fetch_sub(before, Ordering::Relaxed);
    }

    /// What they take now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
