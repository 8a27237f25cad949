//! Layers of bf16 on the CPU that leave their weights where the file has them: what a processor multiplies by, a linear layer
//! and a 3×3 convolution. `nn` asks which of them serves a weight; what oneDNN does better with packed weights is in `fast.rs`.

use std::ffi::c_int;

use tch::{Kind, Tensor};

use super::fast::{pointer, unwrapped};
use super::ffi;

/// How a processor multiplies bf16. Sums are f32 in every way; mirrored by `shim/products.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Products {
    /// By its instructions for pairs of bf16, which oneDNN serves with packed weights.
    Pairs = 0,
    /// Widened to f32.
    Floats = 1,
    /// By tiles (Intel's AMX).
    Tiles = 2,
}

/// What this processor multiplies bf16 by fastest.
#[allow(unsafe_code)]
pub fn products() -> Products {
    // SAFETY: asks for a number.
    match unsafe { ffi::dk_products() } {
        1 => Products::Floats,
        2 => Products::Tiles,
        _ => Products::Pairs,
    }
}

/// Whether layers of bf16 leave their weights where the file has them: where there is something faster than what oneDNN makes of
/// packed ones, or as fast, since packing takes the first step its time and every step its memory.
pub fn wide_pays() -> bool {
    products() != Products::Pairs
}

/// Whether a 3×3 convolution of bf16 is fastest in f32 by Winograd's way.
#[allow(unsafe_code)]
pub fn winograd_pays() -> bool {
    // SAFETY: asks for a number.
    unsafe { ffi::dk_winograd_pays() != 0 }
}

/// Whether a layer leaves this weight where the file has it and uses [`wide_linear`] or [`wide_conv3x3`]: bf16 on the CPU, where
/// [`wide_pays`].
pub fn wide_serves(weight: &Tensor) -> bool {
    wide_pays() && weight.kind() == Kind::BFloat16 && weight.device() == tch::Device::Cpu
}

/// `x·Wᵀ + b + other` of bf16 with every sum in f32, rounded once: [.., inputs] → [.., outputs]. `other` has the result's size.
/// `None` where there is no kernel for it: [`Products::Pairs`] and what the processor lacks, other number formats. Panics as
/// `tch`'s operations do.
#[allow(unsafe_code)]
pub fn wide_linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    other: Option<&Tensor>,
    products: Products,
) -> Option<Tensor> {
    let (bias, other, products) = (pointer(bias), pointer(other), products as c_int);
    // SAFETY: the pointers are those of live tensors or null, which the call only reads.
    unwrapped(|out| unsafe { ffi::dk_wide_linear(x.as_ptr(), weight.as_ptr(), bias, other, products, out) })
}

/// The convolution of `x` [B, inputs, H, W] with `weight` [outputs, inputs, 3, 3], stride 1, a zero beyond each side, plus
/// `bias` and `other`, with every sum in f32, rounded once: [B, outputs, H, W] with the channels innermost; of
/// [`Products::Floats`] by Winograd's F(4×4, 3×3). `None` as [`wide_linear`], and for other kernels. Panics as `tch`'s operations
/// do.
#[allow(unsafe_code)]
pub fn wide_conv3x3(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    other: Option<&Tensor>,
    products: Products,
) -> Option<Tensor> {
    let (bias, other, products) = (pointer(bias), pointer(other), products as c_int);
    // SAFETY: the pointers are those of live tensors or null, which the call only reads.
    unwrapped(|out| unsafe { ffi::dk_wide_conv3x3(x.as_ptr(), weight.as_ptr(), bias, other, products, out) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::torch::{Generator, channels_last};

    /// [`wide_linear`]'s and [`wide_conv3x3`]'s form.
    type Kernel = fn(&Tensor, &Tensor, Option<&Tensor>, Option<&Tensor>, Products) -> Option<Tensor>;

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

    /// As often as this processor has what it takes.
    fn kernel(found: Option<Tensor>, products: Products) -> Option<Tensor> {
        let has = |name: &str| crate::torch::cpu_features().iter().any(|feature| feature == name);
        let possible = match products {
            Products::Pairs => false,
            Products::Floats => has("avx512_bf16"),
            Products::Tiles => crate::torch::products() == Products::Tiles,
        };
        assert_eq!(found.is_some(), possible);
        found
    }

    #[test]
    fn tiles_are_used_where_they_are() {
        let has = |name: &str| crate::torch::cpu_features().iter().any(|feature| feature == name);
        let (tiles, wide) = (has("amx_bf16"), has("avx512_bf16"));
        // A system may keep them to itself.
        assert!(tiles || products() != Products::Tiles);
        assert!(wide || products() == Products::Pairs);
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
        #[values(Products::Floats, Products::Tiles)] products: Products,
    ) {
        let mut numbers = numbers();
        let size = |last: i64| [rows, &[last]].concat();
        let (x, weight) = (numbers.draw(&size(inputs)), numbers.draw(&[outputs, inputs]));
        let bias = more.then(|| numbers.draw(&[outputs]));
        let other = more.then(|| numbers.draw(&size(outputs)));
        let Some(found) = kernel(
            wide_linear(&x, &weight, bias.as_ref(), other.as_ref(), products),
            products,
        ) else {
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
        #[values(Products::Floats, Products::Tiles)] products: Products,
    ) {
        let mut numbers = numbers();
        let x = numbers.draw(&[batch, inputs, height, width]);
        let weight = numbers.draw(&[outputs, inputs, 3, 3]);
        let bias = more.then(|| numbers.draw(&[outputs]));
        let other = more.then(|| numbers.draw(&[batch, outputs, height, width]));
        let Some(found) = kernel(
            wide_conv3x3(&x, &weight, bias.as_ref(), other.as_ref(), products),
            products,
        ) else {
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

    /// A picture must be the same alone and in a batch, on two threads and on one, wherever its numbers lie; also one so large
    /// that it is computed in bands.
    #[rstest]
    fn neither_batch_nor_layout_nor_threads_change_a_result(
        #[values(Products::Floats, Products::Tiles)] products: Products,
        #[values(&[3, 70, 40, 36], &[2, 33, 500, 300])] size: &[i64],
    ) {
        let mut numbers = numbers();
        let (x, weight) = (numbers.draw(size), numbers.draw(&[90, size[1], 3, 3]));
        let convolve = |x: &Tensor, weight: &Tensor| wide_conv3x3(x, weight, None, None, products);
        let Some(all) = kernel(convolve(&x, &weight), products) else {
            return;
        };
        let inner = channels_last(&x).unwrap();
        assert!(convolve(&inner, &weight).unwrap().equal(&all));
        let alone = convolve(&x.narrow(0, 1, 1), &weight).unwrap();
        assert!(alone.equal(&all.narrow(0, 1, 1)));
        let one = std::thread::spawn(move || {
            crate::torch::set_threads(1);
            wide_conv3x3(&x, &weight, None, None, products).unwrap()
        });
        assert!(one.join().unwrap().equal(&all));
    }

    #[rstest]
    fn a_number_that_is_none_is_passed_on(#[values(Products::Floats, Products::Tiles)] products: Products) {
        let mut numbers = numbers();
        let (x, weight) = (numbers.draw(&[1, 3, 8, 8]), numbers.draw(&[2, 3, 3, 3]));
        let _ = x.narrow(2, 4, 1).fill_(f64::NAN);
        let Some(found) = kernel(wide_conv3x3(&x, &weight, None, None, products), products) else {
            return;
        };
        assert_ne!(found.isnan().any().int64_value(&[]), 0);
        let rows = x.permute([0, 2, 3, 1]).contiguous();
        let found = wide_linear(&rows, &numbers.draw(&[5, 3]), None, None, products).unwrap();
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
        for products in [Products::Floats, Products::Tiles] {
            assert!(kernel(&zeros(x), &zeros(weight), None, None, products).is_none());
        }
    }
}
