//! `Conv2d`, from which UNet, VAE and TAESD are built, and the choice of its way on this processor: packed for oneDNN
//! (`torch/fast.rs`), by Winograd or as a linear layer with the weight in its file (`torch/wide.rs`), or libtorch's own. When a
//! weight takes another form, and what is added to it, is in `weight.rs`; the kernels are in `shim/`.

use tch::{Kind, Tensor};

use super::parameter::Parameter;
use super::seam::{continued, seamless};
use super::weight::{Form, Pack, Weight};
use crate::Result;
use crate::torch::{
    self, Packed, Products, pack_conv, products, wide_conv3x3, wide_linear, wide_pays, wide_serves, winograd_pays,
};
use crate::weights::{Stored, Weights};

impl Pack for Packed {
    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }
}

/// A square 2-D convolution with bias.
#[derive(Debug)]
pub struct Conv2d {
    weight: Weight<Packed>,
    /// The same weight for [`wide_conv3x3`], where that serves large inputs only.
    wide: Option<Weight<Packed>>,
    bias: Parameter,
    stride: i64,
    padding: i64,
}

/// From so many pixels of a picture on [`wide_conv3x3`] is faster where bf16 has twice f32's products a second. It turns every
/// weight's 9 numbers into 36 whenever it is used, for about the price of 35 products a weight, and multiplies 36 by every 4×4
/// pixels' tile instead of 144: at one tile that is the same, at four three fifths. It goes by a picture's own size, so that a
/// picture is the same alone and in a batch.
const WIDE_PIXELS: i64 = 64;

impl Conv2d {
    /// Binds `weight` `[outputs, inputs, kernel, kernel]` and `bias` `[outputs]`; stride 1, padding (kernel − 1) / 2, which
    /// keeps height and width where the kernel is odd.
    pub fn new(weights: &Weights, inputs: i64, outputs: i64, kernel: i64) -> Result<Self> {
        let loaded = weights.weight("weight", &[outputs, inputs, kernel, kernel])?;
        Ok(Self::bound(loaded, Parameter::new(weights, "bias", &[outputs])?))
    }

    /// The same without a bias in the file.
    pub fn without_bias(weights: &Weights, inputs: i64, outputs: i64, kernel: i64) -> Result<Self> {
        let loaded = weights.weight("weight", &[outputs, inputs, kernel, kernel])?;
        let bias = torch::zeros(&[outputs], loaded.kind, weights.device())?;
        Ok(Self::bound(loaded, bias.into()))
    }

    fn bound(stored: Stored, bias: Parameter) -> Self {
        let kernel = stored.tensor.size()[2];
        let on_cpu = stored.kind == Kind::BFloat16 && stored.tensor.device() == tch::Device::Cpu;
        let wide = on_cpu && kernel == 3 && winograd_pays() && !wide_pays();
        Self {
            wide: wide.then(|| Weight::unpacked(stored.shallow_clone())),
            weight: match wide {
                true => Weight::shared(stored),
                false => Weight::new(stored),
            },
            bias,
            stride: 1,
            padding: (kernel - 1) / 2,
        }
    }

    /// The same weights moved over the input in steps of `stride`, with `padding` zeros on each side.
    pub fn strided(self, stride: i64, padding: i64) -> Self {
        Self {
            wide: self.wide.filter(|_| (stride, padding) == (1, 1)),
            stride,
            padding,
            ..self
        }
    }

    /// [B, inputs, H, W] → [B, outputs, H', W'].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.apply(x, None)
    }

    /// What [`forward`](Self::forward) answers, and `other` of its size added.
    pub fn forward_plus(&self, x: &Tensor, other: &Tensor) -> Tensor {
        self.apply(x, Some(other))
    }

    fn apply(&self, x: &Tensor, other: Option<&Tensor>) -> Tensor {
        match seamless() {
            (false, false) => self.edged(x, other),
            _ if self.padding == 0 => self.edged(x, other),
            axes => self.edgeless(x, other, axes),
        }
    }

    /// The same of pictures that meet along `axes` (x, y): what lies beyond an edge is laid there, so much that whole results come of it,
    /// and these are cut off, so that every kernel serves.
    fn edgeless(&self, x: &Tensor, other: Option<&Tensor>, axes: (bool, bool)) -> Tensor {
        let results = (self.padding + self.stride - 1) / self.stride;
        let mut wide = x.shallow_clone();
        for axis in [(axes.0, 3), (axes.1, 2)]
            .into_iter()
            .filter_map(|(meets, axis)| meets.then_some(axis))
        {
            wide = continued(&wide, axis, results * self.stride);
        }
        let mut made = self.edged(&wide, None);
        for axis in [(axes.0, 3), (axes.1, 2)]
            .into_iter()
            .filter_map(|(meets, axis)| meets.then_some(axis))
        {
            let length = made.size()[axis as usize] - 2 * results;
            made = made.narrow(axis, results, length);
        }
        let made = made.contiguous();
        match other {
            Some(other) => made + other,
            None => made,
        }
    }

    fn edged(&self, x: &Tensor, other: Option<&Tensor>) -> Tensor {
        let (x, stride, padding) = (x.to_kind(self.weight.kind()), self.stride, self.padding);
        let bias = self.bias.get();
        let plus = |mut result: Tensor| match other {
            Some(other) => result.g_add_(other),
            None => result,
        };
        if let Some(wide) = self.wide.as_ref().filter(|_| is_large(&x)) {
            let found = wide.with(
                |_| Ok(None),
                |form| match form {
                    Form::Plain(weight) => wide_conv3x3(&x, &weight, Some(&bias), other, Products::Floats),
                    Form::Packed(_) => None,
                },
            );
            if let Some(found) = found {
                return found;
            }
        }
        let pack = |weight: &Tensor| match self.is_wide(weight) {
            true => Ok(None),
            false => pack_conv(weight, &x.size(), stride, padding),
        };
        self.weight.with(pack, |weight| match weight {
            Form::Packed(weight) => plus(weight.conv2d(&x, &bias, stride, padding)),
            Form::Plain(weight) => {
                let wide = self
                    .is_wide(&weight)
                    .then(|| self.wide(&x, &weight, &bias, other))
                    .flatten();
                wide.unwrap_or_else(|| {
                    let (stride, padding) = ([stride, stride], [padding, padding]);
                    plus(x.conv2d(&weight, Some(&bias), stride, padding, [1, 1], 1))
                })
            }
        })
    }

    /// Whether there is a kernel for this layer that leaves its weight where it is.
    fn is_wide(&self, weight: &Tensor) -> bool {
        let kernel = weight.size()[2];
        wide_serves(weight)
            && self.stride == 1
            && ((kernel, self.padding) == (3, 1) || (kernel, self.padding) == (1, 0))
    }

    fn wide(&self, x: &Tensor, weight: &Tensor, bias: &Tensor, other: Option<&Tensor>) -> Option<Tensor> {
        if weight.size()[2] == 3 {
            return wide_conv3x3(x, weight, Some(bias), other, products());
        }
        // A kernel of one pixel is a linear layer of every pixel.
        let pixels = |x: &Tensor| x.permute([0, 2, 3, 1]).contiguous();
        let weight = weight.flatten(1, 3);
        let result = wide_linear(&pixels(x), &weight, Some(bias), other.map(pixels).as_ref(), products())?;
        Some(result.permute([0, 3, 1, 2]))
    }
}

/// Whether the pictures [B, inputs, H, W] have [`WIDE_PIXELS`].
fn is_large(x: &Tensor) -> bool {
    matches!(x.size()[..], [_, _, height, width] if height * width >= WIDE_PIXELS)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::torch::{Generator, to};
    use crate::weights::Delta;

    fn weights() -> Weights {
        Weights::random("conv")
    }

    fn picture(size: &[i64], kind: Kind) -> Tensor {
        to(
            &Generator::seeded(1).unwrap().randn(size).unwrap(),
            crate::torch::Device::Cpu,
            kind,
        )
        .unwrap()
    }

    /// torch's `padding_mode='circular'` along the axes that meet, zeros along the other.
    #[rstest]
    #[case(1, 1, (true, true))]
    #[case(2, 1, (true, true))]
    #[case(1, 1, (true, false))]
    #[case(1, 1, (false, true))]
    #[case(2, 1, (false, true))]
    fn pictures_meet_along_axes(#[case] stride: i64, #[case] padding: i64, #[case] axes: (bool, bool)) {
        let layer = Conv2d::new(&weights(), 20, 33, 3).unwrap().strided(stride, padding);
        let (weight, bias) = (
            weights().get("weight", &[33, 20, 3, 3]).unwrap(),
            weights().get("bias", &[33]).unwrap(),
        );
        let x = picture(&[2, 20, 8, 6], Kind::Float);
        let pad = |x: &Tensor, sides: [i64; 4], meets: bool| match meets {
            true => x.pad(sides, "circular", None),
            false => x.pad(sides, "constant", None),
        };
        let wide = pad(
            &pad(&x, [padding, padding, 0, 0], axes.0),
            [0, 0, padding, padding],
            axes.1,
        );
        let expected = wide.conv2d(&weight, Some(&bias), [stride, stride], [0, 0], [1, 1], 1);
        let _seamless = crate::nn::Seamless::along(axes);
        let found = layer.forward(&x);
        assert_eq!(found.size(), expected.size());
        assert!((&found - &expected).abs().max().double_value(&[]) < 1e-5);
        let other = picture(&expected.size(), Kind::Float);
        let found = layer.forward_plus(&x, &other);
        assert!((found - (expected + other)).abs().max().double_value(&[]) < 1e-5);
    }

    #[rstest]
    #[case(3, 1, 1)]
    #[case(3, 2, 1)]
    #[case(3, 2, 0)]
    #[case(1, 1, 0)]
    fn equals_libtorchs_plain_operation(#[case] kernel: i64, #[case] stride: i64, #[case] padding: i64) {
        let layer = Conv2d::new(&weights(), 20, 33, kernel)
            .unwrap()
            .strided(stride, padding);
        let (weight, bias) = (
            weights().get("weight", &[33, 20, kernel, kernel]).unwrap(),
            weights().get("bias", &[33]).unwrap(),
        );
        for size in [[2, 20, 9, 7], [1, 20, 16, 16], [3, 20, 5, 5]] {
            let x = picture(&size, Kind::Float);
            let expected = x.conv2d(&weight, Some(&bias), [stride, stride], [padding, padding], [1, 1], 1);
            let found = layer.forward(&x);
            assert_eq!(found.size(), expected.size());
            assert!((found - &expected).abs().max().double_value(&[]) < 1e-5, "{size:?}");
            let other = picture(&expected.size(), Kind::Float);
            let found = layer.forward_plus(&x, &other);
            assert!(
                (found - (expected + other)).abs().max().double_value(&[]) < 1e-5,
                "{size:?}"
            );
        }
    }

    /// Noise of seed 7.
    #[derive(Debug)]
    struct Noise;

    impl Delta for Noise {
        fn delta(&self, weight: &Tensor) -> Result<Tensor> {
            Generator::seeded(7)?.randn(&weight.size())
        }
    }

    #[rstest]
    #[case(1, 0)]
    #[case(3, 1)]
    fn what_is_added_to_a_weight_counts_and_leaves_no_trace(#[case] kernel: i64, #[case] padding: i64) {
        let (weights, shape) = (weights(), [33, 20, kernel, kernel]);
        let layer = Conv2d::new(&weights, 20, 33, kernel).unwrap();
        let x = picture(&[2, 20, 9, 7], Kind::Float);
        let before = layer.forward(&x);
        let noise = vec![Arc::new(Noise) as Arc<dyn Delta>];
        assert!(weights.patches().set([("weight".to_owned(), noise)].into()).is_empty());
        let file = weights.get("weight", &shape).unwrap();
        let sum = &file + Noise.delta(&file).unwrap();
        let bias = weights.get("bias", &[33]).unwrap();
        let expected = x.conv2d(&sum, Some(&bias), [1, 1], [padding, padding], [1, 1], 1);
        let scale = expected.abs().max().double_value(&[]);
        assert!((layer.forward(&x) - expected).abs().max().double_value(&[]) < 1e-5 * scale);
        assert!(weights.patches().set([].into()).is_empty());
        assert!(layer.forward(&x).equal(&before), "to the last bit");
    }

    /// A picture must not depend on what the model was used for before it.
    #[rstest]
    fn a_result_does_not_depend_on_the_first_use(
        #[values(Kind::Float, Kind::BFloat16)] kind: Kind,
        #[values(false, true)] both: bool,
        #[values(1, 2)] asked: usize,
    ) {
        let layer = || {
            let layer = Conv2d::new(&weights(), 64, 48, 3).unwrap();
            let loaded = weights().get("weight", &[48, 64, 3, 3]).unwrap();
            Conv2d {
                wide: both.then(|| Weight::unpacked((loaded.shallow_clone(), kind))),
                weight: Weight::new((loaded, kind)),
                bias: layer.bias.get().to_kind(kind).into(),
                ..layer
            }
        };
        let sizes = [[1, 64, 8, 8], [2, 64, 16, 24], [3, 64, 5, 7], [2, 64, 64, 64]];
        let x = picture(&sizes[asked], kind);
        let expected = layer().forward(&x);
        for first in sizes {
            let used = layer();
            let _ = used.forward(&picture(&first, kind));
            assert!(used.forward(&x).equal(&expected), "first used for {first:?}");
        }
    }

    /// Where large pictures are Winograd's, small ones are oneDNN's, each near the formula, alone and in a batch alike.
    #[test]
    fn large_and_small_pictures_may_go_different_ways() {
        let kind = Kind::BFloat16;
        let loaded = weights().get("weight", &[33, 20, 3, 3]).unwrap().to_kind(kind);
        let layer = Conv2d {
            wide: Some(Weight::unpacked((loaded.shallow_clone(), kind))),
            ..Conv2d::bound(
                (loaded.shallow_clone(), kind).into(),
                torch::zeros(&[33], kind, torch::Device::Cpu).unwrap().into(),
            )
        };
        for size in [[2, 20, 8, 8], [2, 20, 7, 9], [2, 20, 4, 4], [2, 20, 13, 16]] {
            let x = picture(&size, kind);
            assert_eq!(is_large(&x), size[2] * size[3] >= 64);
            let exact = |x: &Tensor| x.to_kind(Kind::Double);
            let expected = exact(&x).conv2d(&exact(&loaded), None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1);
            let found = layer.forward(&x);
            let error =
                (exact(&found) - &expected).abs().max().double_value(&[]) / expected.abs().max().double_value(&[]);
            assert!(error < 5e-3, "{size:?}: {error}");
            assert!(
                layer.forward(&x.narrow(0, 1, 1)).equal(&found.narrow(0, 1, 1)),
                "{size:?}"
            );
        }
    }
}
