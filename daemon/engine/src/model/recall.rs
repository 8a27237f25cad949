//! What a denoiser keeps of its inside from one call to the next, so that later ones need not compute it: DeepCache (Ma et al. 2023,
//! arXiv 2312.00858). `pipeline/deep_cache.rs` says at which calls that is; a denoiser fills it in and reads it.

use std::cell::RefCell;
use std::rc::Rc;

use tch::Tensor;

/// A place for the state of a denoiser's inside, of which one call after another knows.
#[derive(Clone, Debug, Default)]
pub struct Recall {
    /// Where the inside begins: the state of the way down, counted from 0, that is the last to be computed anew.
    pub branch: usize,
    /// Whether all is to be computed anew, and kept.
    pub whole: bool,
    /// What was kept.
    slot: Rc<RefCell<Option<Tensor>>>,
}

impl Recall {
    /// A place with nothing in it.
    pub fn at(branch: usize) -> Self {
        Self {
            branch,
            ..Self::default()
        }
    }

    /// The same place, for a call that computes all of it or not.
    pub fn computing(&self, whole: bool) -> Self {
        Self { whole, ..self.clone() }
    }

    /// What was kept for so many rows, where it is to be used.
    pub fn kept(&self, rows: i64) -> Option<Tensor> {
        let slot = self.slot.borrow();
        let kept = slot.as_ref().filter(|kept| !self.whole && kept.size()[0] == rows);
        kept.map(Tensor::shallow_clone)
    }

    /// Keeps a state [B, C, h, w].
    pub fn keep(&self, state: &Tensor) {
        *self.slot.borrow_mut() = Some(state.shallow_clone());
    }
}
