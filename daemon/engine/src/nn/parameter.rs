//! A small tensor of a layer: a bias, or a norm's scale and shift. It is used as it is loaded, and made anew when what is added to it
//! (`weights/patches.rs`) changes, as a layer's weight is in `weight.rs`. `linear.rs`, `conv.rs` and `norm.rs` hold them.

use std::cell::{Cell, RefCell};

use tch::Tensor;

use crate::Result;
use crate::torch::{self, raise};
use crate::weights::{Provenance, Stored, Weights};

/// A tensor that its layer uses as it is loaded.
#[derive(Debug)]
pub struct Parameter {
    now: RefCell<Tensor>,
    /// Where it is made anew when what is added to it changes.
    from: Option<(Weights, Provenance)>,
    /// The number of the component's last change that was looked at, and of this tensor's that is in it.
    seen: Cell<u64>,
    made_of: Cell<u64>,
}

impl Parameter {
    /// Binds the tensor of that name and exactly that shape, on the device and in the kind asked for.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(weights: &Weights, name: &str, shape: &[i64]) -> Result<Self> {
        let Stored { tensor, kind, from, .. } = weights.weight(name, shape)?;
        Ok(Self {
            now: RefCell::new(torch::to(&tensor, weights.device(), kind)?),
            from: from.map(|from| (weights.clone(), from)),
            seen: Cell::new(0),
            made_of: Cell::new(0),
        })
    }

    /// It as it is now. Out of memory panics as `tch`'s operations do.
    pub fn get(&self) -> Tensor {
        self.renew().unwrap_or_else(|error| raise(&error));
        self.now.borrow().shallow_clone()
    }

    fn renew(&self) -> Result<()> {
        let Some((weights, from)) = &self.from else {
            return Ok(());
        };
        let now = from.generation();
        if self.seen.get() == now {
            return Ok(());
        }
        let since = from.patched_since();
        if since != self.made_of.get() {
            let kind = self.now.borrow().kind();
            let tensor = torch::to(&from.load()?, weights.device(), kind)?;
            *self.now.borrow_mut() = tensor;
            self.made_of.set(since);
        }
        self.seen.set(now);
        Ok(())
    }
}

impl From<Tensor> for Parameter {
    /// One that is from nowhere and never changes.
    fn from(tensor: Tensor) -> Self {
        Self {
            now: RefCell::new(tensor),
            from: None,
            seen: Cell::new(0),
            made_of: Cell::new(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::weights::Delta;

    #[derive(Debug)]
    struct Twice;

    impl Delta for Twice {
        fn delta(&self, weight: &Tensor) -> Result<Tensor> {
            Ok(weight.shallow_clone())
        }
    }

    #[test]
    fn what_is_added_counts_and_leaves_no_trace() {
        let weights = Weights::random("norm");
        let parameter = Parameter::new(&weights.pp("a"), "bias", &[5]).unwrap();
        let before = parameter.get().copy();
        let twice = || Arc::new(Twice) as Arc<dyn Delta>;
        let unread = weights
            .patches()
            .set([("a.bias".to_owned(), vec![twice(), twice()])].into());
        assert!(unread.is_empty());
        assert!(
            parameter.get().equal(&(&before * 4)),
            "the second is added to the first"
        );
        assert!(weights.patches().set([].into()).is_empty());
        assert!(parameter.get().equal(&before), "to the last bit");
    }
}
