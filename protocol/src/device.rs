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
