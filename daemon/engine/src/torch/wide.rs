use tch::{Kind, Tensor};

use super::fast::{pointer, unwrapped};
use super::ffi;

/// Whether bf16 is multiplied faster in f32 on this processor than by its own instructions for bf16.
#[allow(unsafe_code)]
pub fn wide_pays() -> bool {
    // SAFETY: asks for a number.
    unsafe { ffi::dk_wide_pays() != 0 }
}

/// Whether a 3×3 convolution of bf16 is faster in f32 by Winograd's way than by the processor's own instructions for bf16: where
/// [`wide_pays`], and where these are no more than twice as fast as f32's.
#[allow(unsafe_code)]
pub fn wide_conv3x3_pays() -> bool {
    // SAFETY: asks for a number.
    unsafe { ffi::dk_wide_conv_pays() != 0 }
}

/// Whether a layer leaves this weight where the file has it and uses [`wide_linear`] or [`wide_conv3x3`]: bf16 on the CPU, where
/// [`wide_pays`].
pub fn wide_serves(weight: &Tensor) -> bool {
    wide_pays() && weight.kind() == Kind::BFloat16 && weight.device() == tch::Device::Cpu
}

/// `x·Wᵀ + b + other` of bf16 with every product and sum in f32, rounded once: [.., inputs] → [.., outputs]. `other` has the
/// result's size. `None` where there is no kernel for it: other number formats, processors without AVX-512 BF16. Panics as
/// `tch`'s operations do.
#[allow(unsafe_code)]
pub fn wide_linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, other: Option<&Tensor>) -> Option<Tensor> {
    let (bias, other) = (pointer(bias), pointer(other));
    // SAFETY: the pointers are those of live tensors or null, which the call only reads.
    unwrapped(|out| unsafe { ffi::dk_wide_linear(x.as_ptr(), weight.as_ptr(), bias, other, out) })
}

/// The convolution of `x` [B, inputs, H, W] with `weight` [outputs, inputs, 3, 3], stride 1, a zero beyond each side, plus
/// `bias` and `other`, in f32 by Winograd's F(4×4, 3×3), rounded once: [B, outputs, H, W] with the channels innermost. `None` as
/// [`wide_linear`], and for other kernels. Panics as `tch`'s operations do.
#[allow(unsafe_code)]
pub fn wide_conv3x3(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, other: Option<&Tensor>) -> Option<Tensor> {
    let (bias, other) = (pointer(bias), pointer(other));
    // SAFETY: the pointers are those of live tensors or null, which the call only reads.
    unwrapped(|out| unsafe { ffi::dk_wide_conv3x3(x.as_ptr(), weight.as_ptr(), bias, other, out) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::torch::{Generator, channels_last};

    /// [`wide_linear`]'s and [`wide_conv3x3`]'s form.
    type Kernel = fn(&Tensor, &Tensor, Option<&Tensor>, Option<&Tensor>) -> Option<Tensor>;

    struct Numbers(Generator);

    impl Numbers {
        fn draw(&mut self, size: &[i64]) -> Tensor {
            self.0.randn(size).unwrap().to_kind(Kind::BFloat16)
        }
    }

    fn numbers() -> Numbers {
        Numbers(Generator::seeded(3).unwrap())
    }

    /// The largest difference, as a part of the result's own size.
    fn error(found: &Tensor, expected: &Tensor) -> f64 {
        let scale = expected.abs().max().double_value(&[]);
        (found.to_kind(Kind::Double) - expected.to_kind(Kind::Double))
            .abs()
            .max()
            .double_value(&[])
            / scale
    }

    fn exact(x: &Tensor) -> Tensor {
        x.to_kind(Kind::Double)
    }

    /// As often as bf16 is computed here at all.
    fn kernel(found: Option<Tensor>) -> Option<Tensor> {
        let possible = crate::torch::cpu_features()
            .iter()
            .any(|feature| feature == "avx512_bf16");
        assert_eq!(found.is_some(), possible);
        found
    }

    /// What rounding the result to bf16 takes, and nothing more than f32 adds.
    const ROUNDED: f64 = 1.0 / 256.0 + 1e-5;

    #[rstest]
    #[case(&[1], 1, 1)]
    #[case(&[3, 5], 17, 70)]
    #[case(&[2, 77], 768, 320)]
    #[case(&[200], 130, 64)]
    #[case(&[1500], 33, 200)]
    #[case(&[7], 1281, 5)]
    fn a_linear_layer_is_rounded_once(
        #[case] rows: &[i64],
        #[case] inputs: i64,
        #[case] outputs: i64,
        #[values(false, true)] more: bool,
    ) {
        let mut numbers = numbers();
        let size = |last: i64| [rows, &[last]].concat();
        let (x, weight) = (numbers.draw(&size(inputs)), numbers.draw(&[outputs, inputs]));
        let bias = more.then(|| numbers.draw(&[outputs]));
        let other = more.then(|| numbers.draw(&size(outputs)));
        let Some(found) = kernel(wide_linear(&x, &weight, bias.as_ref(), other.as_ref())) else {
            return;
        };
        let mut expected = exact(&x).linear(&exact(&weight), bias.as_ref().map(exact).as_ref());
        if let Some(other) = &other {
            expected += exact(other);
        }
        assert_eq!((found.size(), found.kind()), (size(outputs), Kind::BFloat16));
        assert!(error(&found, &expected) < ROUNDED, "{}", error(&found, &expected));
    }

    #[rstest]
    #[case(1, 8, 8, 64, 64)]
    #[case(2, 9, 7, 20, 33)]
    #[case(1, 1, 1, 1, 1)]
    #[case(1, 2, 30, 3, 130)]
    #[case(3, 16, 16, 4, 80)]
    #[case(2, 13, 9, 100, 4)]
    #[case(1, 64, 72, 130, 96)]
    fn a_convolution_is_rounded_once(
        #[case] batch: i64,
        #[case] height: i64,
        #[case] width: i64,
        #[case] inputs: i64,
        #[case] outputs: i64,
        #[values(false, true)] more: bool,
    ) {
        let mut numbers = numbers();
        let x = numbers.draw(&[batch, inputs, height, width]);
        let weight = numbers.draw(&[outputs, inputs, 3, 3]);
        let bias = more.then(|| numbers.draw(&[outputs]));
        let other = more.then(|| numbers.draw(&[batch, outputs, height, width]));
        let Some(found) = kernel(wide_conv3x3(&x, &weight, bias.as_ref(), other.as_ref())) else {
            return;
        };
        let one = [1, 1];
        let mut expected = exact(&x).conv2d(&exact(&weight), bias.as_ref().map(exact).as_ref(), one, one, one, 1);
        if let Some(other) = &other {
            expected += exact(other);
        }
        assert_eq!(
            (found.size(), found.kind()),
            (vec![batch, outputs, height, width], Kind::BFloat16)
        );
        assert!(error(&found, &expected) < ROUNDED, "{}", error(&found, &expected));
    }

    /// A picture must be the same alone and in a batch, on two threads and on one, wherever its numbers lie.
    #[test]
    fn neither_batch_nor_layout_nor_threads_change_a_result() {
        let mut numbers = numbers();
        let (x, weight) = (numbers.draw(&[3, 70, 40, 36]), numbers.draw(&[90, 70, 3, 3]));
        let Some(all) = kernel(wide_conv3x3(&x, &weight, None, None)) else {
            return;
        };
        let inner = channels_last(&x).unwrap();
        assert!(wide_conv3x3(&inner, &weight, None, None).unwrap().equal(&all));
        let alone = wide_conv3x3(&x.narrow(0, 1, 1), &weight, None, None).unwrap();
        assert!(alone.equal(&all.narrow(0, 1, 1)));
        let one = std::thread::spawn(move || {
            crate::torch::set_threads(1);
            wide_conv3x3(&x, &weight, None, None).unwrap()
        });
        assert!(one.join().unwrap().equal(&all));
    }

    #[test]
    fn a_number_that_is_none_is_passed_on() {
        let mut numbers = numbers();
        let (x, weight) = (numbers.draw(&[1, 3, 8, 8]), numbers.draw(&[2, 3, 3, 3]));
        let _ = x.narrow(2, 4, 1).fill_(f64::NAN);
        let Some(found) = kernel(wide_conv3x3(&x, &weight, None, None)) else {
            return;
        };
        assert_ne!(found.isnan().any().int64_value(&[]), 0);
        let rows = x.permute([0, 2, 3, 1]).contiguous();
        let found = wide_linear(&rows, &numbers.draw(&[5, 3]), None, None).unwrap();
        assert_ne!(found.isnan().any().int64_value(&[]), 0);
    }

    #[rstest]
    #[case::f32(&[4, 6], &[5, 6], Kind::Float, wide_linear)]
    #[case::sizes(&[4, 6], &[5, 7], Kind::BFloat16, wide_linear)]
    #[case::empty(&[0, 6], &[5, 6], Kind::BFloat16, wide_linear)]
    #[case::number(&[], &[5, 6], Kind::BFloat16, wide_linear)]
    #[case::kernel(&[1, 6, 4, 4], &[5, 6, 1, 1], Kind::BFloat16, wide_conv3x3)]
    #[case::channels(&[1, 6, 4, 4], &[5, 7, 3, 3], Kind::BFloat16, wide_conv3x3)]
    #[case::f32_pixels(&[1, 6, 4, 4], &[5, 6, 3, 3], Kind::Float, wide_conv3x3)]
    #[case::flat(&[6, 4, 4], &[5, 6, 3, 3], Kind::BFloat16, wide_conv3x3)]
    fn what_is_not_the_kernels_is_left_alone(
        #[case] x: &[i64],
        #[case] weight: &[i64],
        #[case] kind: Kind,
        #[case] kernel: Kernel,
    ) {
        let zeros = |size: &[i64]| Tensor::zeros(size, (kind, tch::Device::Cpu));
        assert!(kernel(&zeros(x), &zeros(weight), None, None).is_none());
    }
}
