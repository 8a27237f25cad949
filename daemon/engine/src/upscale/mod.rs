//! Pictures made larger after they are made, or before they are made again: Pillow's filters on bytes, and networks (ESRGAN,
//! Real-ESRGAN) found from a file's tensors and run in tiles. Nothing here knows a task or a model; `pipeline/upscale.rs` is the
//! stage that uses it, and what begins with a picture may use [`resample()`] too.

mod compact;
mod detect;
mod network;
mod resample;
mod rrdb;
#[cfg(test)]
mod tests;
mod tiles;

pub use network::Network;
pub use resample::{Window, resample, resample_part};
pub use tiles::SMALLEST as SMALLEST_TILE;
