//! Where a picture's noise comes from: which program's random numbers. The streams are in the engine's `noise.rs`.

use serde::{Deserialize, Serialize};

use super::Named;

/// Whose random numbers a picture is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseSource {
    /// torch's generator on the CPU, one a picture, seeded with its seed: diffusers given a list of generators, AUTOMATIC1111's "CPU".
    #[default]
    Cpu,
    /// The same numbers as torch's generator on an NVIDIA card: AUTOMATIC1111's "GPU" and "NV".
    Philox,
    /// torch's generator on the CPU, one draw for all pictures of a batch, and another one for the noise on the way: ComfyUI's.
    Comfy,
}

impl Named for NoiseSource {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Cpu, "cpu", &["torch", "diffusers"]),
        (Self::Philox, "philox", &["gpu", "nv", "cuda", "a1111"]),
        (Self::Comfy, "comfy", &["comfyui"]),
    ];
}
