//! The backends that a libtorch can be built for: their names, the library that tells them apart, the disk space that they need.
//! `mod.rs` reads `--backend` by it; `wheels.rs`, `keep.rs`, `unpack.rs` and `foreign.rs` go by it. Which devices a machine has
//! is found out by the worker, not here.

use std::fmt;
use std::path::Path;

use crate::failure::{Failure, Result};

/// What a libtorch computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Cpu,
    Cuda,
    Rocm,
    Xpu,
}

impl Backend {
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Cuda, Self::Rocm, Self::Xpu];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
            Self::Xpu => "xpu",
        }
    }

    /// The library that only this backend brings, as the worker looks for it.
    pub fn library(self) -> &'static str {
        match self {
            Self::Cpu => "libtorch_cpu",
            Self::Cuda => "libtorch_cuda",
            Self::Rocm => "libtorch_hip",
            Self::Xpu => "libtorch_xpu",
        }
    }

    /// Bytes that wheels and what is unpacked from them take at the worst moment.
    pub fn space(self) -> u64 {
        match self {
            Self::Cpu => 3_000_000_000,
            Self::Cuda | Self::Rocm | Self::Xpu => 7_000_000_000,
        }
    }

    /// # Errors
    /// When there is no such backend.
    pub fn named(name: &Path) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|backend| Path::new(backend.name()) == name)
            .ok_or_else(|| {
                Failure::new(format!(
                    "There is no backend {}: choose cpu, cuda, rocm or xpu.",
                    name.display()
                ))
            })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
