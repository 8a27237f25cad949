//! Devices and number formats, as people name them.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// The number format that a model computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// What the device does best.
    #[default]
    Auto,
    /// 32-bit floating point.
    F32,
    /// bfloat16: f32's range in 16 bits.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl Named for Dtype {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Auto, "auto", &["default"]),
        (Self::F32, "f32", &["float32", "fp32", "float"]),
        (Self::Bf16, "bf16", &["bfloat16"]),
        (Self::F16, "f16", &["float16", "fp16", "half"]),
    ];
}

/// A device as a worker sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// `cpu`, `cuda:0`, `xpu:0`, `mps`.
    pub name: String,
    /// What the maker calls it, for instance `NVIDIA H100 80GB HBM3`.
    pub label: String,
    /// Memory in bytes; 0 when the device does not tell.
    pub total: u64,
    /// Memory nobody uses, in bytes.
    pub free: u64,
    /// The number format chosen on it, for instance `bf16`.
    pub dtype: String,
    /// Why that one.
    pub dtype_reason: String,
}

/// The one spelling of a device: `cpu`, `mps`, `cuda:0`, `xpu:0`. Case does not matter, a missing number is 0, and `hip` and
/// `rocm` are what libtorch calls `cuda`. `None` when `text` names no kind of device.
pub fn canonical_device(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let (kind, number) = match text.split_once(':') {
        Some((kind, number)) => (kind, number.parse::<u8>().ok().filter(|_| !number.starts_with('+'))?),
        None => (text.as_str(), 0),
    };
    match kind {
        "cpu" | "mps" if number == 0 => Some(kind.to_owned()),
        "cuda" | "hip" | "rocm" => Some(format!("cuda:{number}")),
        "xpu" => Some(format!("xpu:{number}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("cpu", Some("cpu"))]
    #[case(" CUDA ", Some("cuda:0"))]
    #[case("cuda:3", Some("cuda:3"))]
    #[case("rocm:1", Some("cuda:1"))]
    #[case("xpu", Some("xpu:0"))]
    #[case("mps:0", Some("mps"))]
    #[case("cpu:1", None)]
    #[case("cuda:", None)]
    #[case("cuda:+1", None)]
    #[case("cuda:-1", None)]
    #[case("cuda:999", None)]
    #[case("tpu", None)]
    #[case("", None)]
    fn devices_have_one_spelling(#[case] text: &str, #[case] device: Option<&str>) {
        assert_eq!(canonical_device(text).as_deref(), device);
    }
}
