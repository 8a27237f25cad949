//! How a picture to begin with is brought to the size of the new one: A1111's four ways, under its names and the numbers of its API. What
//! each does to pixels is in the worker's `pipeline/fit.rs`.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// A way to another size and shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeMode {
    /// Stretched to it.
    Just,
    /// Scaled until it covers it, the middle taken.
    #[default]
    Crop,
    /// Scaled into it, the rest filled with the colours of its edges.
    Fill,
    /// Encoded at its own size, the latents stretched.
    Latent,
}

impl Named for ResizeMode {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Just, "Just resize", &["just", "stretch", "0"]),
        (Self::Crop, "Crop and resize", &["crop", "1"]),
        (Self::Fill, "Resize and fill", &["fill", "2"]),
        (
            Self::Latent,
            "Just resize (latent upscale)",
            &["latent", "latent upscale", "3"],
        ),
    ];
}
