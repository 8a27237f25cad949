//! Small tensors of a single file, read for what they say of the model: what a Stable Diffusion 2 predicts, which no published file
//! says in words, and the numbers that mark models of another noise schedule. `file.rs` gives `facts.rs` the way to read them, which
//! knows what follows.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use darkroom_protocol::{Prediction, files};

use crate::safetensors::{Dtype, Header};

/// The numbers of a tensor of that name.
pub(super) type Numbers<'a> = dyn Fn(&str) -> Option<Vec<f64>> + 'a;

/// One bias whose numbers spread more in models that were trained on velocity, and where the line is: `SD20.model_type` of
/// ComfyUI's comfy/supported_models.py.
const BIAS: &str = "output_blocks.11.1.transformer_blocks.0.norm1.bias";
const LEAST_OF_VELOCITY: f64 = 0.09;
/// No tensor with more numbers is read.
const MOST: u64 = 4096;

/// What a Stable Diffusion 2 of these tensors predicts; `prefix` stands before its denoiser's keys. Published files of 512 and of
/// 768 pixels have the same tensors. `None` where the bias is not there or cannot be read.
pub(super) fn prediction(numbers: &Numbers, prefix: &str) -> Option<Prediction> {
    let bias = numbers(&format!("{prefix}{BIAS}"))?;
    Some(match deviation(&bias) > LEAST_OF_VELOCITY {
        true => Prediction::VPrediction,
        false => Prediction::Epsilon,
    })
}

/// The numbers of the small tensor `key` in the file at `path`; `None` where it is not there, is large, or cannot be read.
pub(super) fn numbers(path: &Path, header: &Header, key: &str) -> Option<Vec<f64>> {
    let entry = header.tensors.get(key)?;
    if !(1..=MOST).contains(&entry.elements()) {
        return None;
    }
    let mut file = files::open(path).ok()?;
    file.seek(SeekFrom::Start(entry.range.start)).ok()?;
    let mut bytes = vec![0; usize::try_from(entry.bytes()).ok()?];
    file.read_exact(&mut bytes).ok()?;
    Some(match entry.dtype {
        Dtype::F64 => each(&bytes, f64::from_le_bytes),
        Dtype::F32 => each(&bytes, |b: [u8; 4]| f64::from(f32::from_le_bytes(b))),
        Dtype::F16 => each(&bytes, |b: [u8; 2]| half(u16::from_le_bytes(b))),
        Dtype::BF16 => each(&bytes, |b: [u8; 2]| {
            f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))
        }),
        _ => return None,
    })
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| number(*chunk)).collect()
}

/// The number of an IEEE half.
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 => f64::NAN,
        _ => (1024.0 + mantissa) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The standard deviation of a sample, as torch's `std`; 0 where a number is none.
fn deviation(numbers: &[f64]) -> f64 {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|x| (x - mean) * (x - mean)).sum();
    let found = (squares / (n - 1.0)).sqrt();
    if found.is_finite() { found } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0x3c00, 1.0)]
    #[case(0xc000, -2.0)]
    #[case(0x2e66, 0.09997558593750)]
    #[case(0x0001, 5.960464477539063e-8)]
    #[case(0x7bff, 65504.0)]
    fn halves_are_numbers(#[case] bits: u16, #[case] number: f64) {
        assert_eq!(half(bits), number);
    }

    #[test]
    fn a_deviation_is_that_of_a_sample() {
        assert!((deviation(&[1.0, 2.0, 4.0]) - 1.5275252316519468).abs() < 1e-12);
        assert_eq!(deviation(&[f64::NAN, 1.0]), 0.0);
    }
}
