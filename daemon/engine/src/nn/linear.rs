use tch::Tensor;

use super::weight::{Usable, Weight};
use crate::Result;
use crate::torch::pack_linear;
use crate::weights::Weights;

/// `x·Wᵀ + b` over the last dimension.
#[derive(Debug)]
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
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
            weight: Weight::new(weights.get("weight", &[outputs, inputs])?),
            bias: None,
        })
    }

    /// [.., inputs] → [.., outputs].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (x, bias) = (x.to_kind(self.weight.kind()), self.bias.as_ref());
        self.weight.with(pack_linear, |weight| match weight {
            Usable::Plain(weight) => x.linear(weight, bias),
            Usable::Packed(weight) => weight.linear(&x, bias),
        })
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
            weight: Weight::new(weight.shallow_clone()),
            bias: bias.as_ref().map(Tensor::shallow_clone),
        };
        let mut generator = Generator::seeded(1).unwrap();
        for size in [&[2, 9, 24][..], &[1, 24], &[3, 1, 24], &[2, 33, 24]] {
            let x = generator.randn(size).unwrap().to_kind(kind);
            let expected = x.linear(&weight, bias.as_ref());
            let found = layer.forward(&x);
            assert_eq!((found.size(), found.kind()), (expected.size(), kind));
            assert!((found - expected).abs().max().double_value(&[]) < bound, "{size:?}");
        }
        let turned = generator.randn(&[2, 24, 9]).unwrap().to_kind(kind).transpose(1, 2);
        let expected = turned.linear(&weight, bias.as_ref());
        assert!((layer.forward(&turned) - expected).abs().max().double_value(&[]) < bound);
    }
}
