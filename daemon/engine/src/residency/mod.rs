//! Models in memory under a byte budget: load, keep, evict, by part.

mod held;
mod identity;
mod keeping;
mod key;
mod models;
mod part;
mod report;
mod room;

pub use identity::Identity;
pub use key::Key;
pub use models::Models;
pub use part::{Part, Plan, Role};
