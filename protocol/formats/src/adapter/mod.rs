//! LoRA files: what each tensor of one is to which module of a model, and how much it counts, from the header alone. Spellings of
//! kohya's scripts, diffusers (before and since PEFT), OneTrainer and LyCORIS are one here: a module has parts, whatever they are
//! called. The daemon looks at a file before it takes it (`daemon/src/catalog/loras.rs`); what modules are called in a model, and
//! what is computed of the parts, is the engine's (`engine/src/adapters`).

mod parts;
mod peft;
mod read;

pub use parts::Part;
pub use read::{Adapter, AdapterProblem, MAX_FILE, Module};

#[cfg(test)]
mod tests;
