//! The dtype to compute in, and why, by device and by what a person asks for. `worker/executor.rs` takes it for each task,
//! `worker/describe.rs` tells it of each device, `pipeline/preview/tiny_decoders.rs` takes it for previews. The processor's
//! instructions are asked for in `cpu.rs`; 8-bit weights are another choice, made in `worker/executor.rs`.

use std::ffi::c_int;

use tch::Kind;

use super::cpu::Cpu;
use super::{Device, ffi, kind};

/// The dtype to compute in on a device where nobody asks for one, and why, in a few words for a person.
///
/// On a card bf16, or f16 where it has no bf16; on the processor bf16 only where there are instructions for it, else f32.
/// Never f16 on the processor: see [`dtype_for`].
pub fn choose_dtype(device: Device) -> (Kind, String) {
    dtype_for(device, None)
}

/// The dtype to compute in where a person asks for `asked`, and why. `None` is [`choose_dtype`].
///
/// It is what they ask for, but for f16 on the processor: most of libtorch's kernels convert every element there, so the
/// processor's own choice is taken.
pub fn dtype_for(device: Device, asked: Option<Kind>) -> (Kind, String) {
    let (kind, why) = match (device, asked) {
        (Device::Cpu, asked) => return on_cpu(&Cpu::ask(), asked),
        (_, Some(kind)) => (kind, "asked for"),
        (Device::Meta, None) => (Kind::Float, "a dry run"),
        (_, None) => on_card(supports(device, Kind::BFloat16)),
    };
    (kind, why.to_owned())
}

fn on_cpu(cpu: &Cpu, asked: Option<Kind>) -> (Kind, String) {
    let (kind, why) = match cpu.bf16() {
        Some(feature) => (Kind::BFloat16, format!("the processor has {feature}")),
        None => (Kind::Float, "the processor has no bf16 instructions".to_owned()),
    };
    match asked {
        Some(Kind::Half) => (kind, format!("f16 is slow on processors, and {why}")),
        Some(kind) => (kind, "asked for".to_owned()),
        None => (kind, why),
    }
}

fn on_card(bf16: Option<bool>) -> (Kind, &'static str) {
    match bf16 {
        Some(false) => (Kind::Half, "the card has no bf16"),
        Some(true) => (Kind::BFloat16, "the card has bf16"),
        None => (Kind::BFloat16, "the usual one for cards"),
    }
}

/// Whether the device's backend says that it computes in a dtype; `None` when it does not say.
#[allow(unsafe_code)]
fn supports(device: Device, wanted: Kind) -> Option<bool> {
    let (code, index) = device.code();
    let mut out: c_int = 0;
    // SAFETY: plain integers and a pointer to a local.
    let code = unsafe { ffi::dk_supports(code, index, kind::code(wanted), &mut out) };
    (code == ffi::OK).then_some(out != 0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn cpu(features: &[&str]) -> Cpu {
        Cpu {
            name: String::new(),
            features: features.iter().map(|&f| f.to_owned()).collect(),
        }
    }

    #[rstest]
    #[case(&["avx2", "avx512_bf16"], None, Kind::BFloat16, "the processor has avx512_bf16")]
    #[case(&["avx512_bf16", "amx_bf16"], None, Kind::BFloat16, "the processor has amx_bf16")]
    #[case(&["avx2", "avx512_f"], None, Kind::Float, "the processor has no bf16 instructions")]
    #[case(&["avx2"], Some(Kind::Half), Kind::Float, "f16 is slow on processors, and the processor has no bf16 instructions")]
    #[case(&["avx2"], Some(Kind::BFloat16), Kind::BFloat16, "asked for")]
    #[case(&["amx_bf16"], Some(Kind::Float), Kind::Float, "asked for")]
    fn processors(#[case] features: &[&str], #[case] asked: Option<Kind>, #[case] kind: Kind, #[case] why: &str) {
        assert_eq!(on_cpu(&cpu(features), asked), (kind, why.to_owned()));
    }

    #[rstest]
    #[case(Some(true), Kind::BFloat16)]
    #[case(Some(false), Kind::Half)]
    #[case(None, Kind::BFloat16)]
    fn cards(#[case] bf16: Option<bool>, #[case] kind: Kind) {
        assert_eq!(on_card(bf16).0, kind);
    }

    #[test]
    fn this_processor_never_gets_f16() {
        assert_ne!(dtype_for(Device::Cpu, Some(Kind::Half)).0, Kind::Half);
        assert_eq!(dtype_for(Device::Cuda(0), Some(Kind::Half)).0, Kind::Half);
    }
}
