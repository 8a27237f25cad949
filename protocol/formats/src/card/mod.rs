//! What a model makes, from its configuration alone: its sizes, its latents, its defaults.
//!
//! Of which family it is, [`crate::family`] says. Daemon and engine read the same, so that what is listed is what is loaded.

mod bounds;
mod build;
mod defaults;
mod latents;
mod scheduler;
mod size;

pub use crate::schema::Prediction;
pub use bounds::check_numbers;
pub use build::Card;
pub use latents::{LATENT_FORMATS, LatentFormat, Latents};
pub use scheduler::{SamplerChoice, choose_sampler, scheduler_config};
pub use size::{MAX_SIDE, check_size};

#[cfg(test)]
mod tests;
