//! Activation functions, which have no weights, and GEGLU. The UNet's blocks use `silu` and `geglu`, `norm.rs` uses `silu`, the
//! text encoder `activate`. The names that configs have for them are in `darkroom_formats::schema`, the fused kernel of GEGLU is
//! behind `torch/fused.rs`; a SiLU after a group norm is part of `norm.rs`.

use darkroom_formats::schema::Activation;
use tch::Tensor;

use crate::torch::fused_geglu;

/// Applies an activation function to each element.
pub fn activate(activation: Activation, x: &Tensor) -> Tensor {
    match activation {
        Activation::Silu => silu(x),
        Activation::Gelu => x.gelu("none"),
        Activation::GeluTanh => x.gelu("tanh"),
        Activation::QuickGelu => x * (x * 1.702).sigmoid(),
        Activation::Relu => x.relu(),
    }
}

/// `x·σ(x)` of each element.
pub fn silu(x: &Tensor) -> Tensor {
    x.silu()
}

/// Splits the last dimension into value and gate and answers `value·GELU(gate)` (Shazeer 2020): [.., 2n] → [.., n].
pub fn geglu(x: &Tensor) -> Tensor {
    if let Some(gated) = fused_geglu(x) {
        return gated;
    }
    let half = x.size().last().map_or(0, |last| last / 2);
    x.narrow(-1, 0, half) * x.narrow(-1, half, half).gelu("none")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tch::Kind;

    use super::*;
    use crate::torch::Generator;

    fn close(found: &Tensor, expected: &[f32]) {
        let difference = (found - Tensor::from_slice(expected)).abs().max().double_value(&[]);
        assert!(difference < 1e-6, "{difference}");
    }

    // Values of torch.nn.functional.{silu,gelu} and transformers' QuickGELUActivation.
    #[test]
    fn values_are_those_of_pytorch() {
        let x = Tensor::from_slice(&[-2f32, -0.5, 0., 1., 3.]);
        close(
            &activate(Activation::Silu, &x),
            &[-0.238_405_84, -0.188_770_34, 0., 0.731_058_6, 2.857_722_3],
        );
        close(
            &activate(Activation::Gelu, &x),
            &[-0.045_500_28, -0.154_268_77, 0., 0.841_344_7, 2.995_949_7],
        );
        close(
            &activate(Activation::QuickGelu, &x),
            &[-0.064_341_374, -0.149_611_56, 0., 0.845_795_75, 2.981_928_8],
        );
    }

    #[test]
    fn the_other_names_of_transformers() {
        let x = Tensor::from_slice(&[-2f32, -0.5, 0., 1., 3.]);
        close(
            &activate(Activation::GeluTanh, &x),
            &[-0.045_402_3, -0.154_285_97, 0., 0.841_192, 2.996_362_7],
        );
        close(&activate(Activation::Relu, &x), &[0., 0., 0., 1., 3.]);
    }

    #[test]
    fn geglu_gates_the_first_half_by_the_second() {
        let x = Tensor::from_slice(&[2f32, 3., 1., -2.]).reshape([1, 4]);
        close(&geglu(&x).reshape([2]), &[2. * 0.841_344_7, 3. * -0.045_500_28]);
    }

    #[rstest]
    fn bf16_is_no_farther_from_the_formula_than_libtorchs(
        #[values(1, 15, 16, 33, 1280)] half: i64,
        #[values(1, 7, 100)] rows: i64,
        #[values(0.1, 1.0, 30.0)] scale: f64,
    ) {
        let x = Generator::seeded(1).unwrap().randn(&[2, rows, 2 * half]).unwrap() * scale;
        let x = x.to_kind(Kind::BFloat16);
        let [value, gate] = [0, half].map(|from| x.narrow(-1, from, half));
        let exact = value.to_kind(Kind::Double) * gate.to_kind(Kind::Double).gelu("none");
        let far = |found: &Tensor| (found.to_kind(Kind::Double) - &exact).norm().double_value(&[]);
        let found = geglu(&x);
        assert_eq!((found.size(), found.kind()), (vec![2, rows, half], Kind::BFloat16));
        assert!(far(&found) <= far(&(value * gate.gelu("none"))), "{}", far(&found));
    }

    #[test]
    fn bf16_passes_nan_and_infinities_on() {
        let gate = [f32::NAN, f32::INFINITY, -40.0, 40.0, 0.0];
        let x = Tensor::from_slice(&[[1f32; 5], gate].concat()).to_kind(Kind::BFloat16);
        let found = Vec::<f32>::try_from(geglu(&x).to_kind(Kind::Float)).unwrap();
        assert!(found[0].is_nan());
        assert_eq!(found[1..], [f32::INFINITY, 0.0, 40.0, 0.0]);
    }
}
