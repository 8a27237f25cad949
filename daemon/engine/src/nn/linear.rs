use darkroom_protocol::Quant;
use tch::Tensor;

use super::weight::{Form, Weight};
use crate::Result;
use crate::torch::{Int8, Packed, pack_linear};
use crate::weights::Weights;

/// `x·Wᵀ + b` over the last dimension, quantised where [`Weights::quant`] says so.
#[derive(Debug)]
pub struct Linear {
    weight: Weight<Better>,
    bias: Option<Tensor>,
    quant: Quant,
    in_place: bool,
}

/// What its weight becomes.
#[derive(Debug)]
enum Better {
    Blocked(Packed),
    Int8(Int8),
}

impl Linear {
    /// Binds `weight` `[outputs, inputs]` and `bias` `[outputs]`.
    pub fn new(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        let bias = Some(weights.get("bias", &[outputs])?);
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
        let (x, bias) = (x.to_kind(self.weight.kind()), self.bias.as_ref());
        self.weight.with(
            |weight| self.pack(weight),
            |weight| match weight {
                Form::Plain(weight) => x.linear(&weight, bias),
                Form::Packed(Better::Blocked(weight)) => weight.linear(&x, bias),
                Form::Packed(Better::Int8(weight)) => weight.linear(&x, bias),
            },
        )
    }

    /// What [`forward`](Self::forward) answers, and `other` of its size added in place.
    pub fn forward_plus(&self, x: &Tensor, other: &Tensor) -> Tensor {
        self.forward(x).g_add_(other)
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
        Ok(pack_linear(weight)?.map(Better::Blocked))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tch::Kind;

    use super::*;
    use crate::torch::Generator;

    #[rstest]
    #[case(Kind::Float, 1e-5)]
    #[case(Kind::BFloat16, 2e-2)]
    fn equals_libtorchs_plain_operation(#[case] kind: Kind, #[case] bound: f64, #[values(true, false)] biased: bool) {
        let weights = Weights::random("linear");
        let (weight, bias) = (
            weights.get("weight", &[40, 24]).unwrap(),
            weights.get("bias", &[40]).unwrap(),
        );
        let (weight, bias) = (weight.to_kind(kind), biased.then(|| bias.to_kind(kind)));
        let layer = Linear {
            weight: Weight::new((weight.shallow_clone(), kind)),
            bias: bias.as_ref().map(Tensor::shallow_clone),
            quant: Quant::None,
            in_place: false,
        };
        let mut generator = Generator::seeded(1).unwrap();
        for size in [&[2, 9, 24][..], &[1, 24], &[3, 1, 24], &[2, 33, 24]] {
            let x = generator.randn(size).unwrap().to_kind(kind);
            let expected = x.linear(&weight, bias.as_ref());
            let found = layer.forward(&x);
            assert_eq!((found.size(), found.kind()), (expected.size(), kind));
            assert!((found - &expected).abs().max().double_value(&[]) < bound, "{size:?}");
            let other = generator.randn(&expected.size()).unwrap().to_kind(kind);
            let found = layer.forward_plus(&x, &other);
            assert!(
                (found - (expected + other)).abs().max().double_value(&[]) < bound,
                "{size:?}"
            );
        }
        let turned = generator.randn(&[2, 24, 9]).unwrap().to_kind(kind).transpose(1, 2);
        let expected = turned.linear(&weight, bias.as_ref());
        assert!((layer.forward(&turned) - expected).abs().max().double_value(&[]) < bound);
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
