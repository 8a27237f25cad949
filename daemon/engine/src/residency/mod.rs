//! Models in memory under a byte budget: load, keep, evict.

mod models;

pub use models::{Key, Models};
