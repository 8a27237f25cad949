//! Rotary position embeddings (Su et al. 2021, arXiv 2104.09864): queries and keys turned by angles that grow with their place. Diffusion
//! transformers turn neighbouring numbers, language models the two halves of a head; both are here, in f32 whatever the input is. Which
//! places there are, and in how many axes, is each model's own.

use tch::{Kind, Tensor};

use crate::Result;
use crate::torch::{self, Device};

/// The angles of `places` along an axis to which `dim` numbers of a head belong: place times theta^(−2k/dim), [places, dim / 2] in f64
/// on the CPU. Models that round them convert them.
pub fn angles(places: &[f64], dim: i64, theta: f64) -> Tensor {
    let exponents = Tensor::arange_start_step(0, dim, 2, (Kind::Double, tch::Device::Cpu)) / dim as f64;
    let frequencies = (exponents * theta.ln()).exp().reciprocal();
    Tensor::from_slice(places).outer(&frequencies)
}

/// How far each place of a sequence is turned.
#[derive(Debug)]
pub struct Rotary {
    /// Cosine and sine as the two parts of a complex number, [N, D / 2].
    turns: Tensor,
}

impl Rotary {
    /// By these angles, [N, D / 2] of any float kind, in which sines and cosines are formed; on `device`.
    ///
    /// # Errors
    /// Those of the copy.
    pub fn of_angles(angles: &Tensor, device: Device) -> Result<Self> {
        let both = Tensor::stack(&[angles.cos(), angles.sin()], -1).to_kind(Kind::Float);
        Ok(Self {
            turns: torch::to(&both, device, Kind::Float)?.view_as_complex(),
        })
    }

    /// Those of the places from `start` on, so many.
    #[must_use]
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        Self {
            turns: self.turns.narrow(0, start, length),
        }
    }

    /// Those of `all`, one after the other.
    pub fn cat(all: &[&Self]) -> Self {
        let turns: Vec<&Tensor> = all.iter().map(|one| &one.turns).collect();
        Self {
            turns: Tensor::cat(&turns, 0),
        }
    }

    /// `x` [B, heads, N, D] with each pair of neighbours turned: numbers 2k and 2k + 1. A head begins at an even place of its tensor.
    pub fn turn_pairs(&self, x: &Tensor) -> Tensor {
        let pairs = x.to_kind(Kind::Float).unflatten(-1, [-1, 2]);
        let turned = pairs.view_as_complex() * &self.turns;
        turned.view_as_real().flatten(-2, -1).to_kind(x.kind())
    }

    /// `x` [B, heads, N, D] with each number turned together with the one half a head further on: k and k + D / 2.
    pub fn turn_halves(&self, x: &Tensor) -> Tensor {
        let parts = self.turns.view_as_real();
        let (cos, sin) = (parts.select(-1, 0), parts.select(-1, 1));
        let wide = x.to_kind(Kind::Float);
        let half = wide.size()[wide.dim() - 1] / 2;
        let (first, second) = (wide.narrow(-1, 0, half), wide.narrow(-1, half, half));
        let turned = [&first * &cos - &second * &sin, &second * &cos + &first * &sin];
        Tensor::cat(&turned, -1).to_kind(x.kind())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::nn::split_heads;
    use crate::torch::Generator;

    /// Turned by hand, in f64: number `first` and `second` of a head belong together.
    fn by_hand(x: &Tensor, angles: &Tensor, of: impl Fn(i64) -> (i64, i64)) -> Tensor {
        let x = x.to_kind(Kind::Double);
        let out = x.copy();
        for k in 0..angles.size()[1] {
            let (first, second) = of(k);
            let (a, b) = (x.select(-1, first), x.select(-1, second));
            let (cos, sin) = (angles.select(1, k).cos(), angles.select(1, k).sin());
            out.select(-1, first).copy_(&(&a * &cos - &b * &sin));
            out.select(-1, second).copy_(&(&a * &sin + &b * &cos));
        }
        out
    }

    #[rstest]
    fn both_ways_are_rotations_by_the_angle(#[values(Kind::Float, Kind::BFloat16)] kind: Kind) {
        let x = Generator::seeded(1).unwrap().randn(&[2, 7, 24]).unwrap();
        let x = split_heads(&x.to_kind(kind), 3);
        let angles = angles(&[0.0, 1.0, 2.0, 3.0, 40.0, 41.0, -5.0], 8, 256.0);
        assert!((angles.double_value(&[4, 1]) - 40.0 * 256f64.powf(-0.25)).abs() < 1e-12);
        let rotary = Rotary::of_angles(&angles, Device::Cpu).unwrap();
        let bound = if kind == Kind::Float { 1e-6 } else { 2e-2 };
        for (found, exact) in [
            (rotary.turn_pairs(&x), by_hand(&x, &angles, |k| (2 * k, 2 * k + 1))),
            (rotary.turn_halves(&x), by_hand(&x, &angles, |k| (k, k + 4))),
        ] {
            assert_eq!((found.size(), found.kind()), (vec![2, 3, 7, 8], kind));
            let far = (found.to_kind(Kind::Double) - exact).abs().max().double_value(&[]);
            assert!(far < bound, "{far}");
        }
    }

    #[test]
    fn parts_put_together_are_the_whole() {
        let whole = Rotary::of_angles(&angles(&[0.0, 1.0, 2.0, 3.0], 8, 1e4), Device::Cpu).unwrap();
        let again = Rotary::cat(&[&whole.narrow(0, 1), &whole.narrow(1, 3)]);
        let x = Generator::seeded(2).unwrap().randn(&[1, 2, 4, 8]).unwrap();
        assert!(again.turn_pairs(&x).equal(&whole.turn_pairs(&x)));
    }
}
