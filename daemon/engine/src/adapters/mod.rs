//! LoRAs and their kin: files that say how a model's weights are changed. A task names some, [`Set`] opens them (`file.rs`), finds
//! what their modules are called in the model (`names.rs`) and hands the summands (`delta.rs`, `formula.rs`) to the weights' own
//! lists (`weights/patches.rs`), from which layers make their weights anew. `residency/` keeps a model's set for the next task; how
//! such files are spelled is `darkroom_formats::adapter`'s.

mod delta;
mod file;
mod formula;
mod names;
mod set;

pub use file::{File, Files};
pub use set::Set;
