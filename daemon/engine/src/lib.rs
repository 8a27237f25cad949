//! Pictures from tensors, on libtorch.
//!
//! Data flows left to right, each arrow a plain function or a small struct:
//! `Task → load → encode prompt → prepare latents → denoise loop → decode → PNG`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod adapters;
mod cancel;
mod error;
pub mod families;
pub mod guidance;
pub mod model;
pub mod nn;
pub mod pipeline;
pub mod prompt;
pub mod residency;
pub mod sampling;
pub mod text;
pub mod torch;
pub mod upscale;
pub mod weights;
pub mod worker;

pub use cancel::Cancel;
pub use error::Error;

/// What every fallible function of the engine returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
