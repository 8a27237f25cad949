//! The normal numbers that torch draws on an NVIDIA card, computed on the CPU: Philox 4×32-10 (Salmon et al. 2011, "Parallel random
//! numbers: as easy as 1, 2, 3") and the first number of Box and Muller's pair, as in AUTOMATIC1111's rng_philox.py. A number depends on
//! the seed, on which draw it is and on its place in it. `noise.rs` makes pictures' noise of them where that is asked for.

use tch::Tensor;

const MULTIPLY: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// 2⁻³² and 2⁻³²·2π as cuRAND has them, in f32.
const UNIT: f32 = 2.328_306_4e-10;
const TURN: f32 = (2.328_306_4e-10_f64 * 6.283_185_5_f64) as f32;

/// A stream of draws.
#[derive(Clone, Debug)]
pub(super) struct Philox {
    seed: u64,
    draws: u32,
}

impl Philox {
    /// A stream that starts at `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// The next numbers of a standard normal distribution, f32 on the CPU, as torch's `randn(size, device="cuda")` after `manual_seed`.
    pub fn randn(&mut self, size: &[i64]) -> Tensor {
        let count = size.iter().product::<i64>().max(0) as u32;
        let numbers: Vec<f32> = (0..count).map(|place| self.number(place)).collect();
        self.draws = self.draws.wrapping_add(1);
        Tensor::from_slice(&numbers).reshape(size)
    }

    fn number(&self, place: u32) -> f32 {
        let [x, y] = bits([self.draws, 0, place, 0], [self.seed as u32, (self.seed >> 32) as u32]);
        let (unit, turn) = (f64::from(UNIT), f64::from(TURN));
        let u = f64::from(x) * unit + f64::from(UNIT / 2.0);
        let v = f64::from(y) * turn + f64::from(TURN / 2.0);
        ((-2.0 * u.ln()).sqrt() * v.sin()) as f32
    }
}

/// The first two words of a counter, enciphered.
fn bits(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 2] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let one = u64::from(counter[0]) * u64::from(MULTIPLY[0]);
        let two = u64::from(counter[2]) * u64::from(MULTIPLY[1]);
        counter = [
            (two >> 32) as u32 ^ counter[1] ^ key[0],
            two as u32,
            (one >> 32) as u32 ^ counter[3] ^ key[1],
            one as u32,
        ];
    }
    [counter[0], counter[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that rng_philox.py's own words promise for seed 0.
    #[test]
    fn numbers_are_those_of_a_card() {
        let expected = [
            -0.924_662_59,
            -0.425_344_15,
            -2.643_845_7,
            0.145_183_88,
            -0.120_866_47,
            -0.579_725_64,
            -0.622_851_22,
            -0.328_387_09,
            -1.074_542_31,
            -0.363_144_07,
            -1.671_050_67,
            2.265_504_97,
        ];
        let numbers = Vec::<f64>::try_from(Philox::seeded(0).randn(&[12]).to_kind(tch::Kind::Double)).unwrap();
        assert!(
            numbers.iter().zip(expected).all(|(n, e)| (n - e).abs() < 1e-6),
            "{numbers:?}"
        );
    }
}
