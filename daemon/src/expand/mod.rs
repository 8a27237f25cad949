//! From what was asked to what is done: every default resolved, every random choice fixed.
//!
//! A task names the model's files, its size, steps, sampler, seed and device as they will be. Two things stay open on purpose,
//! because only the worker on its device can settle them: `dtype: Auto` (what the device does best) and `threads: 0` (one a
//! physical core). Both give the same picture each time on one device and build.

mod like;
mod micro_batch;
mod notice;
mod resolve;
mod seed;
mod syntax;

pub(crate) use notice::{notices, unused};
pub use resolve::resolve;
pub(crate) use seed::random_seed;

#[cfg(test)]
mod tests;
