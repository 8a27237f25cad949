//! Along which axes a picture's edges fit each other, so that it can be laid side by side without a seam. What that does to convolutions
//! is in the worker's `nn/conv.rs`.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// The axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tiling {
    /// Along none.
    #[default]
    Off,
    /// Left fits right.
    X,
    /// Top fits bottom.
    Y,
    /// Both.
    Xy,
}

impl Tiling {
    /// Whether left fits right, and whether top fits bottom.
    pub fn axes(self) -> (bool, bool) {
        match self {
            Self::Off => (false, false),
            Self::X => (true, false),
            Self::Y => (false, true),
            Self::Xy => (true, true),
        }
    }
}

impl Named for Tiling {
    /// A1111 has one switch, for both.
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Xy, "xy", &["True", "on", "both", "1"]),
        (Self::X, "x", &["horizontal"]),
        (Self::Y, "y", &["vertical"]),
        (Self::Off, "off", &["False", "none", "0"]),
    ];
}
