//! numpy's SeedSequence: words of good quality from an entropy and a place in a tree of streams. torchsde draws the seeds of its
//! Brownian motion from it, and nothing else here needs it ([`super::brownian`]). The algorithm is M. E. O'Neill's `seed_seq_fe`
//! (pcg-random.org, "Developing a seed_seq Alternative"), the constants and the order of numpy/random/bit_generator.pyx.

/// Words that are mixed with each other: torchsde's `pool_size`.
const POOL: usize = 24;

const INIT_A: u32 = 0x43b0_d7e5;
const MULT_A: u32 = 0x931e_8875;
const INIT_B: u32 = 0x8b51_f9dd;
const MULT_B: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;

/// The first word of `SeedSequence(entropy, spawn_key=…, pool_size=24).generate_state(n)`, whatever n.
pub(super) fn first_word(entropy: u64, spawn_key: &[u64]) -> u32 {
    words::<1>(entropy, spawn_key)[0]
}

fn words<const N: usize>(entropy: u64, spawn_key: &[u64]) -> [u32; N] {
    let pool = pool(&assembled(entropy, spawn_key));
    let mut constant = INIT_B;
    std::array::from_fn(|i| {
        let value = pool[i % POOL] ^ constant;
        constant = constant.wrapping_mul(MULT_B);
        fold(value.wrapping_mul(constant))
    })
}

/// The entropy's words, padded before a spawn key, so that no key counts as entropy.
fn assembled(entropy: u64, spawn_key: &[u64]) -> Vec<u32> {
    let mut words = words_of(entropy);
    if !spawn_key.is_empty() {
        words.resize(words.len().max(POOL), 0);
    }
    words.extend(spawn_key.iter().flat_map(|key| words_of(*key)));
    words
}

/// The words of a number, the lowest first; one for 0.
fn words_of(number: u64) -> Vec<u32> {
    let (low, high) = (number as u32, (number >> 32) as u32);
    if high == 0 { vec![low] } else { vec![low, high] }
}

fn pool(entropy: &[u32]) -> [u32; POOL] {
    let mut constant = INIT_A;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(MULT_A);
        fold(value.wrapping_mul(constant))
    };
    let mut pool: [u32; POOL] = std::array::from_fn(|i| hash(entropy.get(i).copied().unwrap_or(0)));
    for from in 0..POOL {
        for to in (0..POOL).filter(|to| *to != from) {
            pool[to] = mix(pool[to], hash(pool[from]));
        }
    }
    for word in entropy.iter().skip(POOL) {
        for slot in &mut pool {
            *slot = mix(*slot, hash(*word));
        }
    }
    pool
}

fn mix(left: u32, right: u32) -> u32 {
    fold(left.wrapping_mul(MIX_LEFT).wrapping_sub(right.wrapping_mul(MIX_RIGHT)))
}

fn fold(value: u32) -> u32 {
    value ^ (value >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::brownian_tests::values;

    #[test]
    fn words_are_numpys() {
        for case in values().words {
            assert_eq!(words(case.entropy, &case.spawn_key), case.words, "{case:?}");
        }
    }
}
