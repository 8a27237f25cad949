//! Models in memory under a byte budget: load, keep, evict, by component. What a component is for and what a picture is, is not
//! known here.

mod adapting;
mod held;
mod keeping;
mod models;
mod report;
mod room;

pub use models::Models;
