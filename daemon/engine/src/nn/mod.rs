//! Layers that every family is built from.
//!
//! A layer owns how its weight is stored; it takes input of any float kind and answers in its weight's. Models built from
//! layers therefore never mention kinds or devices.

mod activation;
mod attention;
mod conv;
mod embedding;
mod linear;
mod norm;
mod parameter;
mod patches;
mod rotary;
mod seam;
mod timestep;
mod weight;

pub use activation::{activate, geglu, silu};
pub use attention::{Attend, attention, split_heads};
pub use conv::Conv2d;
pub use embedding::Embedding;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm, RmsNorm, standardised};
pub use parameter::Parameter;
pub use patches::{PatchOrder, from_patches, to_patches};
pub use rotary::{Rotary, angles};
pub use seam::Seamless;
pub use timestep::Timesteps;
