//! How weights are kept smaller or computed faster than in their own number format.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// How the weights of linear layers are quantised when a model is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quant {
    /// Not at all.
    #[default]
    None,
    /// 8-bit whole numbers, one scale an output channel; inputs are quantised as they come, one scale a row.
    Int8,
}

impl Named for Quant {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] =
        &[(Self::None, "none", &["off"]), (Self::Int8, "int8", &["i8"])];
}
