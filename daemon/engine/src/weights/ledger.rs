//! The account of a component's memory: what its tensors take when they are handed out, corrected by its layers when they change
//! a weight's form. `residency/` reads it after each task, so that a budget counts what there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tch::{Kind, Tensor};

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

/// A weight as its file has it, for a layer that will use it in a form of its own.
#[derive(Debug)]
pub struct Stored {
    /// On the CPU in the file's own number format, else as it is asked for.
    pub tensor: Tensor,
    /// The number format that is asked for.
    pub kind: Kind,
    /// Where its bytes are counted, in that format.
    pub ledger: Ledger,
}

impl From<(Tensor, Kind)> for Stored {
    /// One that nobody counts.
    fn from((tensor, kind): (Tensor, Kind)) -> Self {
        Self {
            tensor,
            kind,
            ledger: Ledger::default(),
        }
    }
}

impl Stored {
    /// The same once more, counted once.
    pub fn shallow_clone(&self) -> Self {
        Self {
            tensor: self.tensor.shallow_clone(),
            kind: self.kind,
            ledger: self.ledger.clone(),
        }
    }

    /// Its bytes in the format that is asked for.
    pub fn bytes(&self) -> u64 {
        self.tensor.numel() as u64 * self.kind.elt_size_in_bytes() as u64
    }
}
