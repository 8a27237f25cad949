//! Group norm and layer norm, as UNet, VAE and text encoder have them, and the root-mean-square norm of transformers. A group norm, with the bias before it and the SiLU behind
//! it, is one kernel where that serves (`torch/fused.rs`), else libtorch's operations. Weights of norms are never packed.

use tch::Tensor;

use super::activation::silu;
use super::parameter::Parameter;
use crate::Result;
use crate::torch::{self, fused_group_norm};
use crate::weights::Weights;

/// Normalises groups of channels over their pixels, then scales and shifts each channel (Wu and He 2018).
#[derive(Debug)]
pub struct GroupNorm {
    weight: Parameter,
    bias: Parameter,
    groups: i64,
    eps: f64,
}

impl GroupNorm {
    /// Binds `weight` and `bias` `[channels]`; `groups` divides `channels`.
    pub fn new(weights: &Weights, groups: i64, channels: i64, eps: f64) -> Result<Self> {
        let [weight, bias] = scale_and_shift(weights, channels)?;
        Ok(Self {
            weight,
            bias,
            groups,
            eps,
        })
    }

    /// [B, channels, H, W] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (weight, offset) = (self.weight.get(), self.bias.get());
        let x = x.to_kind(weight.kind());
        let fused = self.fused((&weight, &offset), None, false);
        fused_group_norm(&x, &fused).unwrap_or_else(|| self.plain(&x, (&weight, &offset)))
    }

    /// [`silu`] of the normalised `x + bias`: [B, channels, H, W] → the same shape, `bias` [1 or B, channels].
    pub fn forward_silu(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let (weight, offset) = (self.weight.get(), self.bias.get());
        let x = x.to_kind(weight.kind());
        let bias = bias.map(|bias| bias.to_kind(weight.kind()));
        let fused = self.fused((&weight, &offset), bias.as_ref(), true);
        fused_group_norm(&x, &fused).unwrap_or_else(|| match &bias {
            Some(bias) => silu(&self.plain(&(x + bias.unsqueeze(-1).unsqueeze(-1)), (&weight, &offset))),
            None => silu(&self.plain(&x, (&weight, &offset))),
        })
    }

    fn plain(&self, x: &Tensor, (weight, offset): (&Tensor, &Tensor)) -> Tensor {
        x.group_norm(self.groups, Some(weight), Some(offset), self.eps, true)
    }

    fn fused<'a>(
        &self,
        (weight, offset): (&'a Tensor, &'a Tensor),
        bias: Option<&'a Tensor>,
        silu: bool,
    ) -> torch::GroupNorm<'a> {
        torch::GroupNorm {
            bias,
            weight,
            offset,
            groups: self.groups,
            eps: self.eps,
            silu,
        }
    }
}

/// Normalises the last dimension, then scales and shifts each channel (Ba, Kiros and Hinton 2016).
#[derive(Debug)]
pub struct LayerNorm {
    weight: Parameter,
    bias: Parameter,
    eps: f64,
}

impl LayerNorm {
    /// Binds `weight` and `bias` `[channels]`.
    pub fn new(weights: &Weights, channels: i64, eps: f64) -> Result<Self> {
        let [weight, bias] = scale_and_shift(weights, channels)?;
        Ok(Self { weight, bias, eps })
    }

    /// [.., channels] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (weight, bias) = (self.weight.get(), self.bias.get());
        let x = x.to_kind(weight.kind());
        x.layer_norm(weight.size(), Some(&weight), Some(&bias), self.eps, true)
    }
}

/// Divides the last dimension by its root mean square, which is taken in f32, then scales each channel (Zhang and Sennrich 2019).
#[derive(Debug)]
pub struct RmsNorm {
    weight: Parameter,
    eps: f64,
}

impl RmsNorm {
    /// Binds `weight` `[channels]`.
    pub fn new(weights: &Weights, channels: i64, eps: f64) -> Result<Self> {
        Ok(Self {
            weight: Parameter::new(weights, "weight", &[channels])?,
            eps,
        })
    }

    /// [.., channels] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let weight = self.weight.get();
        x.to_kind(weight.kind())
            .rms_norm(weight.size(), Some(&weight), self.eps)
    }
}

/// Normalises the last dimension and leaves it so: layer norm without weights, as modulated blocks have it.
pub fn standardised(x: &Tensor, eps: f64) -> Tensor {
    let channels = x.size().last().copied().unwrap_or_default();
    x.layer_norm([channels], None::<&Tensor>, None::<&Tensor>, eps, true)
}

fn scale_and_shift(weights: &Weights, channels: i64) -> Result<[Parameter; 2]> {
    let one = |name| Parameter::new(weights, name, &[channels]);
    Ok([one("weight")?, one("bias")?])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tch::Kind;

    use super::*;
    use crate::torch::{Generator, channels_last};

    fn norm(groups: i64, channels: i64, kind: Kind) -> GroupNorm {
        let layer = GroupNorm::new(&Weights::random("norm"), groups, channels, 1e-5).unwrap();
        GroupNorm {
            weight: layer.weight.get().to_kind(kind).into(),
            bias: layer.bias.get().to_kind(kind).into(),
            ..layer
        }
    }

    /// Group normalisation and what is around it, written out in f64.
    fn by_hand(layer: &GroupNorm, x: &Tensor, bias: Option<&Tensor>, with_silu: bool) -> Tensor {
        let double = |t: &Tensor| t.to_kind(Kind::Double);
        let column = |t: &Tensor| double(t).unsqueeze(-1).unsqueeze(-1);
        let x = bias.map_or_else(|| double(x), |bias| double(x) + column(bias));
        let size = x.size();
        let grouped = x.reshape([size[0], layer.groups, -1]);
        let (variance, mean) = grouped.var_mean_dim([-1i64].as_slice(), false, true);
        let normal = ((grouped - mean) / (variance + layer.eps).sqrt()).reshape(&size);
        let y = normal * column(&layer.weight.get()) + column(&layer.bias.get());
        if with_silu { y.silu() } else { y }
    }

    fn far(found: &Tensor, exact: &Tensor) -> f64 {
        (found.to_kind(Kind::Double) - exact).norm().double_value(&[])
    }

    /// Sizes of Stable Diffusion, and some that divide nothing.
    #[rstest]
    #[case(32, [2, 320, 16, 16])]
    #[case(32, [1, 2560, 3, 3])]
    #[case(32, [1, 128, 67, 33])]
    #[case(1, [3, 7, 5, 3])]
    #[case(5, [2, 35, 9, 1])]
    #[case(3, [1, 51, 1, 1])]
    #[case(2, [3, 130, 31, 17])]
    fn is_no_farther_from_the_formula_than_libtorchs(
        #[case] groups: i64,
        #[case] size: [i64; 4],
        #[values(Kind::Float, Kind::BFloat16)] kind: Kind,
        #[values(0.0, 40.0)] mean: f64,
    ) {
        let layer = norm(groups, size[1], kind);
        let mut generator = Generator::seeded(1).unwrap();
        let x = channels_last(&(generator.randn(&size).unwrap() * 3 + mean).to_kind(kind)).unwrap();
        let (weight, offset) = (layer.weight.get(), layer.bias.get());
        let plain = layer.plain(&x, (&weight, &offset));
        let slack = if kind == Kind::Float { 1e-5 * (1.0 + mean) } else { 0.0 };
        for (found, bias, with_silu) in [
            (layer.forward(&x), None, false),
            (layer.forward_silu(&x, None), None, true),
            (
                layer.forward_silu(&x, Some(&weight.unsqueeze(0))),
                Some(weight.unsqueeze(0)),
                true,
            ),
        ] {
            let exact = by_hand(&layer, &x, bias.as_ref(), with_silu);
            let column = |t: &Tensor| t.unsqueeze(-1).unsqueeze(-1);
            let theirs = match (&bias, with_silu) {
                (Some(bias), _) => layer.plain(&(&x + column(bias)), (&weight, &offset)).silu(),
                (None, true) => plain.silu(),
                (None, false) => plain.shallow_clone(),
            };
            assert_eq!((found.size(), found.kind()), (size.to_vec(), kind));
            let (ours, theirs) = (far(&found, &exact), far(&theirs, &exact));
            let length = exact.norm().double_value(&[]);
            assert!(
                ours <= theirs * 1.001 + slack * length,
                "{ours} beside {theirs} of {length}"
            );
        }
    }

    /// x̂·w with x̂ in f32, as diffusers' and transformers' RMSNorm write it.
    #[rstest]
    #[case(Kind::Float, 1e-6)]
    #[case(Kind::BFloat16, 1e-2)]
    fn a_root_mean_square_is_taken_in_f32(#[case] kind: Kind, #[case] bound: f64) {
        let layer = RmsNorm::new(&Weights::random("norm"), 96, 1e-5).unwrap();
        let layer = RmsNorm {
            weight: layer.weight.get().to_kind(kind).into(),
            ..layer
        };
        // Squares of such numbers are beyond f16, and lose all in bf16.
        let x = (Generator::seeded(1).unwrap().randn(&[2, 5, 96]).unwrap() * 300.0 + 900.0).to_kind(kind);
        let exact = x.to_kind(Kind::Double);
        let square = (&exact * &exact).mean_dim([-1i64].as_slice(), true, Kind::Double);
        let exact = exact / (square + 1e-5).sqrt() * layer.weight.get().to_kind(Kind::Double);
        let found = layer.forward(&x);
        assert_eq!(found.kind(), kind);
        let error = (found.to_kind(Kind::Double) - &exact).abs().max().double_value(&[]);
        assert!(error < bound * exact.abs().max().double_value(&[]), "{error}");
    }

    #[test]
    fn standardised_rows_have_no_mean_and_unit_variance() {
        let x = Generator::seeded(1).unwrap().randn(&[3, 640]).unwrap() * 7.0 + 3.0;
        let found = standardised(&x, 1e-6);
        let (variance, mean) = found.var_mean_dim([-1i64].as_slice(), false, false);
        assert!(mean.abs().max().double_value(&[]) < 1e-5 && (variance - 1.0).abs().max().double_value(&[]) < 1e-4);
    }

    #[test]
    fn a_picture_of_a_batch_is_as_if_alone() {
        let layer = norm(4, 24, Kind::BFloat16);
        let mut generator = Generator::seeded(2).unwrap();
        let x = generator.randn(&[3, 24, 40, 9]).unwrap().to_kind(Kind::BFloat16);
        let bias = generator.randn(&[3, 24]).unwrap().to_kind(Kind::BFloat16);
        let x = channels_last(&x).unwrap();
        let all = layer.forward_silu(&x, Some(&bias));
        for i in 0..3 {
            let alone = layer.forward_silu(&x.narrow(0, i, 1), Some(&bias.narrow(0, i, 1)));
            assert!(alone.equal(&all.narrow(0, i, 1)), "picture {i}");
        }
    }

    #[test]
    fn a_nan_stays_in_its_group() {
        let layer = norm(2, 32, Kind::BFloat16);
        let x = Tensor::ones([1, 32, 4, 4], (Kind::BFloat16, tch::Device::Cpu));
        let x = channels_last(&x).unwrap();
        let _ = x.narrow(1, 20, 1).narrow(2, 3, 1).narrow(3, 1, 1).fill_(f64::NAN);
        let found = layer.forward_silu(&x, None).isnan();
        assert_eq!(found.narrow(1, 0, 16).any().int64_value(&[]), 0);
        assert_eq!(found.narrow(1, 16, 16).all().int64_value(&[]), 1);
    }
}
