//! The flag by which a job, or a load of a model, is ended at once or after the picture in the making. `worker/inbox.rs` makes
//! one for each order to run or load, and raises it; families, `weights/`, `residency/` and `pipeline/` look at it as they go and
//! return `Error::Cancelled`. The end of the whole process is in `worker/end.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::{Error, Result};

const GOES_ON: u8 = 0;
const AFTER_PICTURE: u8 = 1;
const NOW: u8 = 2;

/// A flag that another thread raises to end the work in progress, at once or after the picture in the making.
///
/// It is read between tensors loaded, between blocks of a model and between steps, so that a cancel takes effect
/// within one block.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicU8>);

impl Cancel {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the work at once.
    pub fn raise(&self) {
        self.0.store(NOW, Ordering::Release);
    }

    /// Ends the work once the picture in the making is saved. Changes nothing where it ends at once.
    pub fn raise_after_picture(&self) {
        self.0.fetch_max(AFTER_PICTURE, Ordering::AcqRel);
    }

    /// Whether the work is to end at once.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire) == NOW
    }

    /// Whether the work is to end, at once or after the picture in the making.
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Acquire) != GOES_ON
    }

    /// `Err(Error::Cancelled)` once the work is to end at once.
    pub fn check(&self) -> Result<()> {
        if self.is_raised() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }

    /// The same between two pictures, where [`Self::raise_after_picture`] counts too.
    pub fn check_between_pictures(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) == GOES_ON {
            Ok(())
        } else {
            Err(Error::Cancelled)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_picture_is_later_than_now() {
        let cancel = Cancel::new();
        assert!(cancel.check().is_ok() && cancel.check_between_pictures().is_ok());
        cancel.raise_after_picture();
        assert!(cancel.check().is_ok() && cancel.check_between_pictures().is_err());
        cancel.raise();
        cancel.raise_after_picture();
        assert!(cancel.check().is_err() && cancel.check_between_pictures().is_err());
    }
}
