//! Pictures in the making: the denoised estimate as a small picture, after the steps at which somebody looks.
//!
//! A latent cell becomes one pixel by a matrix, which costs next to nothing; with TAESD's decoder in the person's models folder
//! it becomes eight by eight.

mod estimate;
mod pace;
mod painter;
mod pixels;
mod tiny_decoders;

pub use estimate::{Estimate, Wish};
pub use painter::{Painted, Painter};
