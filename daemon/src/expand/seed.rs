use std::hash::{BuildHasher, Hasher, RandomState};

use darkroom_protocol::params::RANDOM_SEEDS;

/// A random seed below 2³², for [`super::resolve()`]. The standard library keys each thread's hashers from the system's random
/// numbers and never the same twice.
pub fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() % RANDOM_SEEDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_stay_below_the_limit() {
        let seeds: std::collections::HashSet<u64> = (0..200).map(|_| random_seed()).collect();
        assert!(seeds.iter().all(|seed| *seed < RANDOM_SEEDS));
        // Two of 200 are alike once in 200,000 runs, three once in 10¹² or so.
        assert!(seeds.len() >= 199, "{}", seeds.len());
    }
}
