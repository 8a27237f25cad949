//! A tensor of random numbers that its name alone decides, for tests: Python fills the same (`tests/oracle/fill.py`), so that no
//! fixture holds weights. `origin.rs` calls it for `Weights::random`. A picture's noise is not made here but in
//! `sampling/noise.rs`.

use sha2::{Digest, Sha256};
use tch::Tensor;

use crate::Result;
use crate::torch::Generator;

/// The random tensor called `key`: the rule of `tests/oracle/fill.py`.
///
/// It comes from torch's CPU generator, seeded with the first eight bytes (little endian, 63 bits) of the SHA-256 of the name.
/// Weights of two and more dimensions are scaled by 1/√(fan in), embeddings and biases by 0.1; scales of norms are
/// 1 + 0.1 randn.
pub fn tensor(key: &str, shape: &[i64]) -> Result<Tensor> {
    let noise = Generator::seeded(seed(key))?
        .randn(&[shape.iter().product()])?
        .reshape(shape);
    Ok(if key.ends_with("embedding.weight") {
        noise * 0.1
    } else if shape.len() >= 2 {
        noise / (shape[1..].iter().product::<i64>() as f64).sqrt()
    } else if key.ends_with(".weight") {
        noise * 0.1 + 1.0
    } else {
        noise * 0.1
    })
}

fn seed(key: &str) -> u64 {
    let digest = Sha256::digest(key.as_bytes());
    let first = digest
        .iter()
        .take(8)
        .rev()
        .fold(0, |seed: u64, byte| (seed << 8) | u64::from(*byte));
    first & (u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Values of `tests/oracle/fill.py`.
    #[rstest]
    #[case("conv_in.weight", &[2, 1, 2, 2], &FILL_CONV)]
    #[case("norm.weight", &[2], &FILL_NORM)]
    #[case("norm.bias", &[2], &FILL_BIAS)]
    #[case("token_embedding.weight", &[1, 2], &FILL_EMBEDDING)]
    fn equals_the_script(#[case] key: &str, #[case] shape: &[i64], #[case] expected: &[f32]) {
        let found = Vec::<f32>::try_from(tensor(key, shape).unwrap().flatten(0, -1)).unwrap();
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?}"
        );
    }

    const FILL_CONV: [f32; 8] = [
        -0.3699352, -0.1147972, 0.1378973, 0.2962176, 0.06236297, -0.2584259, 0.3329134, -0.8807834,
    ];
    const FILL_NORM: [f32; 2] = [0.9296476, 0.9808459];
    const FILL_BIAS: [f32; 2] = [-0.02040072, 0.03632079];
    const FILL_EMBEDDING: [f32; 2] = [0.1383624, -0.1873686];
}
