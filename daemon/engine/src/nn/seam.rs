//! Convolutions whose pictures have no edges along an axis: what is beyond the left is the right. A task asks for it by a [`Seamless`] that
//! lives as long as its network runs; `conv.rs` asks [`seamless`] at every layer. Where nobody asked, nothing changes. Axes belong to
//! the thread, as one thread computes a task, and layers are shared by tasks.

use std::cell::Cell;

use tch::{Kind, Tensor};

thread_local! {
    static AXES: Cell<(bool, bool)> = const { Cell::new((false, false)) };
}

/// Whether a picture's left meets its right now, and its top its bottom.
pub(super) fn seamless() -> (bool, bool) {
    AXES.get()
}

/// While it lives, convolutions with padding go on along these axes (x, y) as if pictures met there. The one before counts again after it.
#[derive(Debug)]
#[must_use = "it ends where it is dropped"]
pub struct Seamless {
    before: (bool, bool),
}

impl Seamless {
    /// Along `x`, along `y`.
    pub fn along((x, y): (bool, bool)) -> Self {
        Self {
            before: AXES.replace((x, y)),
        }
    }
}

impl Drop for Seamless {
    fn drop(&mut self) {
        AXES.set(self.before);
    }
}

/// [B, C, H, W] with `by` rows or columns of its other end before and behind it, along an axis (2 or 3).
pub(super) fn continued(x: &Tensor, axis: i64, by: i64) -> Tensor {
    let length = x.size()[axis as usize];
    let places = (Tensor::arange(length + 2 * by, (Kind::Int64, x.device())) - by).remainder(length);
    x.index_select(axis, &places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_meet() {
        let line = Tensor::from_slice(&[1f32, 2.0, 3.0]).reshape([1, 1, 1, 3]);
        let found = Vec::<f32>::try_from(continued(&line, 3, 2).flatten(0, -1)).unwrap();
        assert_eq!(found, [2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
        let one = continued(&line, 2, 1);
        assert_eq!(one.size(), [1, 1, 3, 3]);
    }

    #[test]
    fn axes_end_with_who_asked() {
        assert_eq!(seamless(), (false, false));
        {
            let _outer = Seamless::along((true, false));
            {
                let _inner = Seamless::along((false, false));
                assert_eq!(seamless(), (false, false));
            }
            assert_eq!(seamless(), (true, false));
        }
        assert_eq!(seamless(), (false, false));
    }
}
