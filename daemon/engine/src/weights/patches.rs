//! What is added to a component's weights beside its files, as LoRA does: a list for each tensor, with a number that rises when it
//! changes. Layers look at the number whenever they are used (`nn/weight.rs`) and make their weight anew from its file and the list,
//! so that what is taken off again leaves no trace. Reading adapters' files is no business of this room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tch::Tensor;

use crate::Result;

/// A summand for a weight, which may depend on what the weight is.
pub trait Delta: std::fmt::Debug + Send + Sync {
    /// It, in f32 and of the shape of `weight`, on the CPU; `weight` is the sum so far, likewise, and is not to be written into.
    ///
    /// # Errors
    /// Where it cannot be made, as of another shape.
    fn delta(&self, weight: &Tensor) -> Result<Tensor>;
}

/// The summands of one tensor, in their order.
pub type Deltas = Vec<Arc<dyn Delta>>;

/// What is added to the weights of a component. Clones are one list.
#[derive(Clone, Debug, Default)]
pub struct Patches(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Rises with every change.
    generation: AtomicU64,
    tensors: Mutex<HashMap<String, Patched>>,
    /// The tensors whose layers look here, and their shapes.
    offered: Mutex<HashMap<String, Vec<i64>>>,
}

#[derive(Debug, Default)]
struct Patched {
    /// The generation in which this list was made.
    since: u64,
    deltas: Deltas,
}

impl Patches {
    /// From now on these are added to the tensors of these names, and nothing to others. A tensor whose list stays is left alone.
    /// Answers the names that no layer reads so, in their order: what is meant for them counts nowhere.
    #[must_use = "what no layer reads counts nowhere"]
    pub fn set(&self, mut wanted: HashMap<String, Deltas>) -> Vec<String> {
        let offered = self.0.offered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unread: Vec<String> = wanted
            .keys()
            .filter(|name| !offered.contains_key(*name))
            .cloned()
            .collect();
        unread.sort();
        unread.iter().for_each(|name| drop(wanted.remove(name)));
        drop(offered);
        let mut tensors = self.0.tensors.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.generation() + 1;
        let mut changed = false;
        for (name, patched) in tensors.iter_mut() {
            let deltas = wanted.remove(name).unwrap_or_default();
            if !same(&deltas, &patched.deltas) {
                *patched = Patched { since: next, deltas };
                changed = true;
            }
        }
        for (name, deltas) in wanted {
            tensors.insert(name, Patched { since: next, deltas });
            changed = true;
        }
        if changed {
            self.0.generation.store(next, Ordering::Release);
        }
        unread
    }

    /// A layer reads the tensor called `name`, of that shape, with what is added to it.
    pub(crate) fn offer(&self, name: String, shape: &[i64]) {
        let mut offered = self.0.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.insert(name, shape.to_vec());
    }

    /// The tensors to which something can be added, and their shapes.
    pub fn offered(&self) -> HashMap<String, Vec<i64>> {
        self.0.offered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of the last change; 0 before the first.
    pub(crate) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// What is added to the tensor called `name`, and the generation in which that began.
    pub(crate) fn of(&self, name: &str) -> (u64, Deltas) {
        let tensors = self.0.tensors.lock().unwrap_or_else(PoisonError::into_inner);
        tensors
            .get(name)
            .map_or((0, Vec::new()), |patched| (patched.since, patched.deltas.clone()))
    }
}

fn same(a: &Deltas, b: &Deltas) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[derive(Debug)]
    struct Ones;

    impl Delta for Ones {
        fn delta(&self, weight: &Tensor) -> Result<Tensor> {
            Ok(Tensor::ones(weight.size(), (Kind::Float, tch::Device::Cpu)))
        }
    }

    #[test]
    fn only_what_changes_is_new() {
        let patches = Patches::default();
        ["a", "b"]
            .iter()
            .for_each(|name| patches.offer((*name).to_owned(), &[1]));
        let (one, other): (Arc<dyn Delta>, Arc<dyn Delta>) = (Arc::new(Ones), Arc::new(Ones));
        let set = |list: &[(&str, &Arc<dyn Delta>)]| {
            let wanted = list
                .iter()
                .map(|(name, delta)| ((*name).to_owned(), vec![(*delta).clone()]));
            assert!(patches.set(wanted.collect()).is_empty());
        };
        assert_eq!((patches.generation(), patches.of("a").0), (0, 0));
        set(&[("a", &one)]);
        set(&[("a", &one), ("b", &other)]);
        assert_eq!((patches.of("a").0, patches.of("b").0), (1, 2), "a stays as it was");
        set(&[("b", &one)]);
        let (since, deltas) = patches.of("a");
        assert_eq!((since, deltas.len(), patches.of("b").0), (3, 0, 3));
        assert_eq!(patches.generation(), 3);
        set(&[("b", &one)]);
        assert_eq!(patches.generation(), 3, "nobody has to look again");
    }

    #[test]
    fn what_no_layer_reads_is_told() {
        let patches = Patches::default();
        patches.offer("a.weight".to_owned(), &[1]);
        let wanted = ["c", "a.weight", "b"].map(|name| (name.to_owned(), vec![Arc::new(Ones) as Arc<dyn Delta>]));
        assert_eq!(patches.set(wanted.into()), ["b", "c"]);
        assert_eq!((patches.of("a.weight").1.len(), patches.of("b").1.len()), (1, 0));
    }
}
