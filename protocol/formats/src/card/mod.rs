//! What a model is, from its configuration and headers alone: its family, its sizes, its defaults.
//!
//! A family is a row of [`FAMILIES`]. Daemon and engine read the same row, so that what is listed is what is loaded.

mod bounds;
mod build;
mod detect;
mod family;
mod latents;
mod scheduler;
mod size;

pub use crate::schema::Prediction;
pub use bounds::check_numbers;
pub use build::Card;
pub use detect::{Detected, Layout, detect_file, detect_folder};
pub use family::{FAMILIES, Fact, Family, FamilyRow, KeyShape, Signature};
pub use latents::{LATENT_FORMATS, LatentFormat, Latents};
pub use scheduler::{SamplerChoice, choose_sampler, scheduler_config};
pub use size::{MAX_SIDE, check_size};

#[cfg(test)]
mod tests;
