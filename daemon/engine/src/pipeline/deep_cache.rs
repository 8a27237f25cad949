//! At which calls of a loop the denoiser computes all of itself, and at which it takes its inside from an earlier one: DeepCache. It is
//! for `denoise.rs` alone. What "inside" is, a denoiser knows ([`Recall`]).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use darkroom_protocol::task::Compute;

use crate::model::Recall;

/// The calls of one loop.
pub struct DeepCache {
    /// One look in so many computes everything, the first of them.
    interval: usize,
    branch: usize,
    /// Looks of the sampler so far, of which guidance makes one call or more each.
    looks: Cell<usize>,
    /// Calls of the present look so far.
    calls: Cell<usize>,
    /// A place for each call of a look, apart where guidance goes by other calls.
    places: RefCell<HashMap<(bool, usize), Recall>>,
}

impl DeepCache {
    /// As the task asks for it; `None` where every call is to compute everything.
    pub fn asked(compute: &Compute) -> Option<Self> {
        (compute.deep_cache > 1).then(|| Self {
            interval: compute.deep_cache as usize,
            branch: compute.deep_cache_branch as usize,
            looks: Cell::new(0),
            calls: Cell::new(0),
            places: RefCell::default(),
        })
    }

    /// The sampler looks once more.
    pub fn look(&self) {
        self.looks.set(self.looks.get() + 1);
        self.calls.set(0);
    }

    /// The place for the next call of this look; `guided` is whether there is guidance at it.
    pub fn next(&self, guided: bool) -> Recall {
        let call = self.calls.replace(self.calls.get() + 1);
        let whole = self.looks.get().saturating_sub(1).is_multiple_of(self.interval);
        let mut places = self.places.borrow_mut();
        let place = places.entry((guided, call)).or_insert_with(|| Recall::at(self.branch));
        place.computing(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn one_look_in_three_computes_all_and_each_call_has_a_place_of_its_own() {
        let compute = Compute {
            deep_cache: 3,
            ..Compute::default()
        };
        let cache = DeepCache::asked(&compute).unwrap();
        let mut known = Vec::new();
        for look in 0..5 {
            cache.look();
            for call in 0..2 {
                let place = cache.next(look < 4);
                match place.kept(1) {
                    Some(kept) => known.push((look, call, kept.int64_value(&[0]))),
                    None => place.keep(&Tensor::from_slice(&[i64::from(look * 10 + call)])),
                }
            }
        }
        // At look 4 guidance has ended: what it has to itself begins anew.
        assert_eq!(known, [(1, 0, 0), (1, 1, 1), (2, 0, 0), (2, 1, 1)]);
        assert!(DeepCache::asked(&Compute::default()).is_none());
    }

    #[test]
    fn other_rows_are_not_recalled() {
        let place = Recall::at(0);
        place.keep(&Tensor::from_slice(&[1.0, 2.0]));
        assert!(place.kept(1).is_none() && place.kept(2).is_some());
        assert!(place.computing(true).kept(2).is_none());
    }
}
