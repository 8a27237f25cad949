//! Linear layers with weights of 8 bits: packing, multiplying, and whether this processor has the kernel. `nn/linear.rs` packs
//! with it, `worker/executor.rs` refuses `--quant int8` where there is none. Which components and layers are quantised is said in
//! `families/`; the kernel is `shim/int8.cpp`.

use tch::Tensor;

use super::fast::{infallible, taken};
use super::{Device, ffi};
use crate::Result;

/// The weight of a linear layer as 8-bit whole numbers with one scale an output, in the order that the kernel reads it.
///
/// `q = round(w·127/max|w|)` along each output, undone by `max|w|/127`; inputs are quantised the same way along each row as
/// they come. Sums are exact in 32 bits, then scaled in f32.
#[derive(Debug)]
pub struct Int8 {
    inputs: i64,
    outputs: i64,
    values: Tensor,
    scales: Tensor,
    sums: Tensor,
}

/// Whether [`Int8`] is to be had on `device`: on processors with AVX-512 VNNI.
#[allow(unsafe_code)]
pub fn int8_possible(device: Device) -> bool {
    // SAFETY: no arguments.
    device == Device::Cpu && unsafe { ffi::dk_int8_possible() != 0 }
}

impl Int8 {
    /// Quantises `weight` [outputs, inputs] in f32 or bf16; `None` where the kernel cannot take it: on other devices and
    /// processors, and above 65,536 inputs.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    #[allow(unsafe_code)]
    pub fn pack(weight: &Tensor) -> Result<Option<Self>> {
        let [mut values, mut scales, mut sums] = [std::ptr::null_mut(); 3];
        // SAFETY: the pointers are to a live tensor, which the call only reads, and to three locals.
        ffi::check(unsafe { ffi::dk_int8_pack(weight.as_ptr(), &mut values, &mut scales, &mut sums) })?;
        let parts = (taken(values), taken(scales), taken(sums));
        let (Some(values), Some(scales), Some(sums)) = parts else {
            return Ok(None);
        };
        let (outputs, inputs) = weight.size2()?;
        Ok(Some(Self {
            inputs,
            outputs,
            values,
            scales,
            sums,
        }))
    }

    /// The memory that it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        [&self.values, &self.scales, &self.sums]
            .into_iter()
            .map(super::bytes_of)
            .sum()
    }

    /// `x·Wᵀ + b` over the last dimension, [.., inputs] → [.., outputs], with `x` and `bias` of one kind, f32 or bf16. A row
    /// with an element that is not a number or infinite gives NaN. Panics as `tch`'s operations do.
    #[allow(unsafe_code)]
    pub fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let bias = bias.map_or(std::ptr::null(), |bias| bias.as_ptr());
        let (inputs, outputs) = (self.inputs, self.outputs);
        let (values, scales, sums) = (self.values.as_ptr(), self.scales.as_ptr(), self.sums.as_ptr());
        // SAFETY: the pointers are those of live tensors or null, which the call only reads and checks against each other.
        infallible(|out| unsafe { ffi::dk_int8_linear(x.as_ptr(), inputs, outputs, values, scales, sums, bias, out) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tch::Kind;

    use super::*;
    use crate::torch::Generator;

    /// Rows quantised as [`Int8`] says, as f32, and the scales that undo it.
    fn quantised(x: &Tensor) -> (Tensor, Tensor) {
        let largest = x.abs().amax([-1i64].as_slice(), true);
        ((x * (Tensor::from(127f32) / &largest)).round(), largest / 127.0)
    }

    /// The same computation in plain f64 operations on the same whole numbers.
    fn by_hand(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let ((x, row), (w, column)) = (
            quantised(&x.to_kind(Kind::Float)),
            quantised(&weight.to_kind(Kind::Float)),
        );
        let product = x.to_kind(Kind::Double).matmul(&w.to_kind(Kind::Double).transpose(0, 1));
        let scaled = product * row * column.transpose(0, 1);
        match bias {
            Some(bias) => scaled + bias.to_kind(Kind::Double),
            None => scaled,
        }
    }

    fn relative(found: &Tensor, expected: &Tensor) -> f64 {
        let difference = found.to_kind(Kind::Double) - expected.to_kind(Kind::Double);
        (difference.norm() / expected.to_kind(Kind::Double).norm()).double_value(&[])
    }

    #[rstest]
    #[case(1, 1, 1)]
    #[case(5, 3, 2)]
    #[case(6, 64, 64)]
    #[case(7, 63, 65)]
    #[case(13, 130, 17)]
    #[case(200, 320, 320)]
    #[case(97, 1281, 129)]
    #[case(2500, 20, 64)]
    fn equals_the_formula(
        #[case] rows: i64,
        #[case] inputs: i64,
        #[case] outputs: i64,
        #[values((Kind::Float, 1e-6), (Kind::BFloat16, 4e-3))] kind: (Kind, f64),
        #[values(true, false)] biased: bool,
    ) {
        let (kind, bound) = kind;
        let mut generator = Generator::seeded(7).unwrap();
        let mut draw = |size: &[i64]| generator.randn(size).unwrap().to_kind(kind);
        let (x, weight) = (draw(&[rows, inputs]), draw(&[outputs, inputs]));
        let bias = biased.then(|| draw(&[outputs]));
        let Some(packed) = Int8::pack(&weight).unwrap() else {
            assert!(!int8_possible(Device::Cpu));
            return;
        };
        let found = packed.linear(&x, bias.as_ref());
        let expected = by_hand(&x, &weight, bias.as_ref());
        assert_eq!((found.size(), found.kind()), (vec![rows, outputs], kind));
        assert!(relative(&found, &expected) < bound, "{}", relative(&found, &expected));
    }

    #[test]
    fn it_is_close_to_what_it_replaces_and_rows_stand_alone() {
        let mut generator = Generator::seeded(8).unwrap();
        let (x, weight) = (
            generator.randn(&[2, 30, 640]).unwrap(),
            generator.randn(&[320, 640]).unwrap(),
        );
        let Some(packed) = Int8::pack(&weight).unwrap() else {
            return;
        };
        let found = packed.linear(&x, None);
        let error = relative(&found, &x.linear(&weight, None::<&Tensor>));
        assert!((1e-4..2e-2).contains(&error), "{error}");
        let part = packed.linear(&x.narrow(1, 11, 3), None);
        assert!(part.equal(&found.narrow(1, 11, 3)));
    }

    #[test]
    fn zeros_stay_and_what_is_no_number_shows() {
        let weight = Tensor::from_slice(&[1f32, -2.0, 0.0, 0.0]).reshape([2, 2]);
        let Some(packed) = Int8::pack(&weight).unwrap() else {
            return;
        };
        let row = |a: f32, b: f32| Vec::<f32>::try_from(packed.linear(&Tensor::from_slice(&[a, b]), None)).unwrap();
        assert_eq!((row(0.0, 0.0), row(1e-40, 0.0)), (vec![0.0, 0.0], vec![0.0, 0.0]));
        assert!((row(100.0, 0.0)[0] - 100.0).abs() < 1.0);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(row(1.0, bad)[0].is_nan());
        }
    }

    #[test]
    fn other_kinds_shapes_and_devices_are_left() {
        let none = |weight: &Tensor| Int8::pack(weight).unwrap().is_none();
        assert!(none(&Tensor::ones([4, 4], (Kind::Half, tch::Device::Cpu))));
        assert!(none(&Tensor::ones([4], (Kind::Float, tch::Device::Cpu))));
        assert!(none(&Tensor::ones([1, (1 << 16) + 1], (Kind::Float, tch::Device::Cpu))));
        assert!(none(&crate::torch::zeros(&[4, 4], Kind::Float, Device::Meta).unwrap()));
        assert!(!int8_possible(Device::Cuda(0)));
        let Some(packed) = Int8::pack(&Tensor::ones([4, 4], (Kind::Float, tch::Device::Cpu))).unwrap() else {
            return;
        };
        let refused = |x: &Tensor, bias: Option<&Tensor>| {
            let found = crate::torch::catch(|| Ok(packed.linear(x, bias)));
            matches!(found, Err(crate::Error::Torch(_)))
        };
        let ones = |size: &[i64], kind| Tensor::ones(size, (kind, tch::Device::Cpu));
        let x = ones(&[2, 4], Kind::Float);
        assert!(!refused(&x, Some(&ones(&[4], Kind::Float))));
        // Three inputs lie in the same four bytes as four.
        for inputs in [0, 3, 5, 9] {
            assert!(refused(&ones(&[2, inputs], Kind::Float), None), "{inputs}");
        }
        assert!(refused(&ones(&[2, 4], Kind::Half), None));
        assert!(refused(
            &crate::torch::zeros(&[2, 4], Kind::Float, Device::Meta).unwrap(),
            None
        ));
        assert!(refused(&x, Some(&ones(&[3], Kind::Float))));
        assert!(refused(&x, Some(&ones(&[4], Kind::BFloat16))));
        let elsewhere = crate::torch::zeros(&[4], Kind::Float, Device::Meta).unwrap();
        assert!(refused(&x, Some(&elsewhere)));
    }
}
