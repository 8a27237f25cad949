//! `Linear`, the layer that families and `text/clip/` have most of, and the choice of its weight's form: 8-bit (`torch/int8.rs`),
//! packed for oneDNN (`torch/fast.rs`), or as it lies in its file (`torch/wide.rs`). When a form is made and counted, and what is
//! added to a weight, is in `weight.rs`. Which layers are quantised is their family's to say.

use darkroom_protocol::Quant;
use tch::Tensor;

use super::parameter::Parameter;
use super::weight::{Form, Pack, Weight};
use crate::Result;
use crate::torch::{Int8, Packed, pack_linear, products, wide_linear, wide_serves};
use crate::weights::Weights;

/// `x·Wᵀ + b` over the last dimension, quantised where [`Weights::quant`] says so.
#[derive(Debug)]
pub struct Linear {
    weight: Weight<Better>,
    bias: Option<Parameter>,
    quant: Quant,
    in_place: bool,
}

/// What its weight becomes.
#[derive(Debug)]
enum Better {
    Blocked(Packed),
    Int8(Int8),
}

impl Pack for Better {
    fn bytes(&self) -> u64 {
        match self {
            Self::Blocked(weight) => weight.bytes(),
            Self::Int8(weight) => weight.bytes(),
        }
    }
}

impl Linear {
    /// Binds `weight` `[outputs, inputs]` and `bias` `[outputs]`.
    pub fn new(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        let bias = Some(Parameter::new(weights, "bias", &[outputs])?);
        Ok(Self {
            bias,
            ..Self::without_bias(weights, inputs, outputs)?
        })
    }

    /// Binds `weight` `[outputs, inputs]` alone.
    pub fn without_bias(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        Ok(Self {
            weight: Weight::new(weights.weight("weight", &[outputs, inputs])?),
            bias: None,
            quant: weights.quant(),
            in_place: weights.is_in_place(),
        })
    }

    /// [.., inputs] → [.., outputs].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.apply(x, None)
    }

    /// What [`forward`](Self::forward) answers, and `other` of its size added.
    pub fn forward_plus(&self, x: &Tensor, other: &Tensor) -> Tensor {
        self.apply(x, Some(other))
    }

    fn apply(&self, x: &Tensor, other: Option<&Tensor>) -> Tensor {
        let (x, bias) = (x.to_kind(self.weight.kind()), self.bias.as_ref().map(Parameter::get));
        let bias = bias.as_ref();
        let plus = |mut result: Tensor| match other {
            Some(other) => result.g_add_(other),
            None => result,
        };
        self.weight.with(
            |weight| self.pack(weight),
            |weight| match weight {
                Form::Plain(weight) => {
                    let wide = wide_serves(&weight)
                        .then(|| wide_linear(&x, &weight, bias, other, products()))
                        .flatten();
                    wide.unwrap_or_else(|| plus(x.linear(&weight, bias)))
                }
                Form::Packed(Better::Blocked(weight)) => plus(weight.linear(&x, bias)),
                Form::Packed(Better::Int8(weight)) => plus(weight.linear(&x, bias)),
            },
        )
    }

    fn pack(&self, weight: &Tensor) -> Result<Option<Better>> {
        if self.in_place {
            return Ok(None);
        }
        if self.quant == Quant::Int8
            && let Some(small) = Int8::pack(weight)?
        {
            return Ok(Some(Better::Int8(small)));
        }
        if wide_serves(weight) {
            return Ok(None);
        }
        Ok(pack_linear(weight)?.map(Better::Blocked))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use tch::Kind;

    use super::*;
    use crate::torch::Generator;
    use crate::weights::Delta;

    /// The largest difference from what the same numbers give in f64, as a part of the result's size.
    fn error(found: &Tensor, expected: &Tensor) -> f64 {
        let scale = expected.abs().max().double_value(&[]);
        (found.to_kind(Kind::Double) - expected).abs().max().double_value(&[]) / scale
    }

    /// In bf16 the sum of result and residual may be rounded twice, by half of its last digit each.
    #[rstest]
    #[case(Kind::Float, 1e-6)]
    #[case(Kind::BFloat16, 5e-3)]
    fn equals_the_formula(#[case] kind: Kind, #[case] bound: f64, #[values(true, false)] biased: bool) {
        let weights = Weights::random("linear");
        let (weight, bias) = (
            weights.get("weight", &[40, 24]).unwrap(),
            weights.get("bias", &[40]).unwrap(),
        );
        let (weight, bias) = (weight.to_kind(kind), biased.then(|| bias.to_kind(kind)));
        let layer = Linear {
            weight: Weight::new((weight.shallow_clone(), kind)),
            bias: bias.as_ref().map(|bias| bias.shallow_clone().into()),
            quant: Quant::None,
            in_place: false,
        };
        let exact = |x: &Tensor| x.to_kind(Kind::Double);
        let formula = |x: &Tensor| exact(x).linear(&exact(&weight), bias.as_ref().map(exact).as_ref());
        let mut generator = Generator::seeded(1).unwrap();
        for size in [&[2, 9, 24][..], &[1, 24], &[3, 1, 24], &[2, 33, 24]] {
            let x = generator.randn(size).unwrap().to_kind(kind);
            let expected = formula(&x);
            let found = layer.forward(&x);
            assert_eq!((found.size(), found.kind()), (expected.size(), kind));
            assert!(error(&found, &expected) < bound, "{size:?}");
            let other = generator.randn(&expected.size()).unwrap().to_kind(kind);
            let found = layer.forward_plus(&x, &other);
            assert!(error(&found, &(expected + exact(&other))) < bound, "{size:?}");
        }
        let turned = generator.randn(&[2, 24, 9]).unwrap().to_kind(kind).transpose(1, 2);
        assert!(error(&layer.forward(&turned), &formula(&turned)) < bound);
    }

    /// Noise of that seed.
    #[derive(Debug)]
    struct Noise(u64);

    impl Delta for Noise {
        fn delta(&self, weight: &Tensor) -> Result<Tensor> {
            Generator::seeded(self.0)?.randn(&weight.size())
        }
    }

    #[rstest]
    #[case(Quant::None, 1e-6)]
    #[case(Quant::Int8, 2e-2)]
    fn what_is_added_to_a_weight_counts_and_leaves_no_trace(#[case] quant: Quant, #[case] bound: f64) {
        let weights = Weights::random("linear").quantised(quant);
        let layer = Linear::new(&weights.pp("a"), 96, 40).unwrap();
        let other = Linear::new(&weights.pp("b"), 96, 40).unwrap();
        let x = Generator::seeded(1).unwrap().randn(&[50, 96]).unwrap();
        let before = (layer.forward(&x), other.forward(&x));
        let set = |seeds: &[u64]| {
            let deltas = seeds.iter().map(|seed| Arc::new(Noise(*seed)) as Arc<dyn Delta>);
            let unread = weights
                .patches()
                .set([("a.weight".to_owned(), deltas.collect())].into());
            assert!(unread.is_empty());
        };
        let exact = |tensor: Tensor| tensor.to_kind(Kind::Double);
        for seeds in [&[7][..], &[7, 8], &[9]] {
            set(seeds);
            let sum = seeds
                .iter()
                .fold(weights.get("a.weight", &[40, 96]).unwrap(), |sum, seed| {
                    let delta = Noise(*seed).delta(&sum).unwrap();
                    sum + delta
                });
            let bias = exact(weights.get("a.bias", &[40]).unwrap());
            let expected = exact(x.shallow_clone()).linear(&exact(sum), Some(&bias));
            assert!(error(&layer.forward(&x), &expected) < bound, "{seeds:?}");
            assert!(other.forward(&x).equal(&before.1), "nothing is added to the other");
        }
        assert!(weights.patches().set([].into()).is_empty());
        assert!(layer.forward(&x).equal(&before.0), "to the last bit");
    }

    #[test]
    fn int8_is_near_and_only_where_it_is_asked_for() {
        let layer = |quant| Linear::new(&Weights::random("linear").quantised(quant), 96, 40).unwrap();
        let x = Generator::seeded(1).unwrap().randn(&[50, 96]).unwrap();
        let plain = layer(Quant::None).forward(&x);
        let small = layer(Quant::Int8).forward(&x);
        let error = ((&small - &plain).norm() / plain.norm()).double_value(&[]);
        let possible = crate::torch::int8_possible(crate::torch::Device::Cpu);
        assert_eq!(
            ((1e-4..2e-2).contains(&error), error < 1e-6),
            (possible, !possible),
            "{error}"
        );
    }
}
