//! Names of devices: as text, as libtorch's numbers, and as `tch` has them where it does. The engine's rooms pass devices around
//! as this type. Which of them are there is in `devices.rs`, their memory in `memory.rs`; which one a worker takes is decided in
//! `worker/describe.rs`.

use std::ffi::c_int;
use std::fmt;
use std::str::FromStr;

/// A device that libtorch can put tensors on.
///
/// `tch` knows only some of them and reads all others back as MPS, so the engine asks [`device_of`](super::device_of) and
/// never `Tensor::device`. AMD cards are `Cuda` here, as in libtorch itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Device {
    /// The processor and main memory.
    Cpu,
    /// An NVIDIA or AMD card, by index.
    Cuda(u8),
    /// An Apple GPU.
    Mps,
    /// An Intel card, by index.
    Xpu(u8),
    /// Shapes without data; for dry runs.
    Meta,
}

/// A text that names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a device: write cpu, cuda, cuda:1, mps, xpu or xpu:1")]
pub struct UnknownDevice(String);

impl Device {
    /// The number of the type in `c10/core/DeviceType.h`, and the index. It is -1 where libtorch counts none: cpu:0 would
    /// be another device than cpu, and a move between the two a copy.
    pub(super) fn code(self) -> (c_int, c_int) {
        match self {
            Self::Cpu => (0, -1),
            Self::Cuda(index) => (1, c_int::from(index)),
            Self::Xpu(index) => (12, c_int::from(index)),
            Self::Mps => (13, 0),
            Self::Meta => (14, -1),
        }
    }

    pub(super) fn from_code(kind: c_int, index: c_int) -> Option<Self> {
        let index = u8::try_from(index.max(0)).ok()?;
        match kind {
            0 => Some(Self::Cpu),
            1 => Some(Self::Cuda(index)),
            12 => Some(Self::Xpu(index)),
            13 => Some(Self::Mps),
            14 => Some(Self::Meta),
            _ => None,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Mps => f.write_str("mps"),
            Self::Xpu(index) => write!(f, "xpu:{index}"),
            Self::Meta => f.write_str("meta"),
        }
    }
}

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let lower = text.trim().to_ascii_lowercase();
        let (name, index) = match lower.split_once(':') {
            Some((name, index)) => (
                name,
                Some(index.parse::<u8>().map_err(|_| UnknownDevice(text.to_owned()))?),
            ),
            None => (lower.as_str(), None),
        };
        match (name, index) {
            ("cpu", None | Some(0)) => Ok(Self::Cpu),
            ("cuda" | "hip" | "rocm", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            ("mps", None | Some(0)) => Ok(Self::Mps),
            ("xpu", index) => Ok(Self::Xpu(index.unwrap_or(0))),
            ("meta", None | Some(0)) => Ok(Self::Meta),
            _ => Err(UnknownDevice(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("cpu", Device::Cpu, "cpu")]
    #[case("CUDA", Device::Cuda(0), "cuda:0")]
    #[case("cuda:3", Device::Cuda(3), "cuda:3")]
    #[case("rocm:1", Device::Cuda(1), "cuda:1")]
    #[case(" xpu ", Device::Xpu(0), "xpu:0")]
    #[case("mps:0", Device::Mps, "mps")]
    #[case("meta", Device::Meta, "meta")]
    fn reads_and_writes_names(#[case] text: &str, #[case] device: Device, #[case] name: &str) {
        assert_eq!(text.parse(), Ok(device));
        assert_eq!(device.to_string(), name);
        assert_eq!(name.parse(), Ok(device));
        let (kind, index) = device.code();
        assert_eq!(Device::from_code(kind, index), Some(device));
    }

    #[rstest]
    #[case("")]
    #[case("gpu")]
    #[case("cuda:")]
    #[case("cuda:256")]
    #[case("cuda:-1")]
    #[case("cpu:1")]
    fn refuses_other_names(#[case] text: &str) {
        let error = text.parse::<Device>().unwrap_err();
        assert!(error.to_string().contains("write cpu, cuda"));
    }
}
