//! The previews of this process: what readers want, written by `inbox.rs` and read by the computing thread, and the one
//! `Painter`. `reporter.rs` asks it for each estimate. Pictures are made in `pipeline/preview/`; the sum of what readers want
//! comes from `daemon/src/dispatch/previews.rs`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::pipeline::preview::{Estimate, Painted, Painter, Wish};

/// What readers want to see, as the daemon said last. The thread that reads orders writes it, the one that computes reads it.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Arc<AtomicU64>);

impl Wanted {
    /// Notes what is wanted from now on.
    pub fn set(&self, wish: Wish) {
        let packed = u64::from(wish.max_fps) << 32 | u64::from(wish.max_px);
        self.0.store(packed, Ordering::Relaxed);
    }

    /// What is wanted now.
    pub fn get(&self) -> Wish {
        let packed = self.0.load(Ordering::Relaxed);
        Wish {
            max_fps: (packed >> 32) as u32,
            max_px: packed as u32,
        }
    }
}

/// The previews of what a worker makes, for as long as somebody looks.
#[derive(Clone, Debug, Default)]
pub struct Previews {
    wanted: Wanted,
    painter: Rc<RefCell<Painter>>,
}

impl Previews {
    /// None yet; `wanted` says when to make them.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            painter: Rc::default(),
        }
    }

    /// The same, with decoders from the subfolders `vae_approx` of `models`.
    pub fn with_models(&self, models: Vec<PathBuf>) -> Self {
        Self {
            wanted: self.wanted.clone(),
            painter: Rc::new(RefCell::new(Painter::new(models))),
        }
    }

    /// A job begins.
    pub fn begin(&self) {
        self.painter.borrow_mut().begin();
    }

    /// The preview of an estimate, if somebody wants one now.
    pub fn paint(&self, estimate: &Estimate<'_>) -> Painted {
        let wish = self.wanted.get();
        if wish.max_fps == 0 {
            return Painted::default();
        }
        self.painter.borrow_mut().paint(estimate, wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_what_was_said_last() {
        let wanted = Wanted::default();
        assert_eq!(wanted.get(), Wish::default());
        for (max_fps, max_px) in [(10, 256), (u32::MAX, 0), (0, u32::MAX)] {
            let wish = Wish { max_fps, max_px };
            wanted.clone().set(wish);
            assert_eq!(wanted.get(), wish);
        }
    }
}
