//! The parameter table: one row a request parameter.
//!
//! A row makes the flag, the JSON field, the metadata key and the line of documentation; [`GenerateRequest`] is the struct
//! whose fields are the rows. Every value, whichever door it came through, passes [`Parameter::check`].

mod parameter;
mod request;
mod serial;
mod table;
mod value;

pub use parameter::{Category, Kind, Parameter, ParameterError, Unset};
pub use table::{GenerateRequest, TABLE};
pub use value::Value;

/// Longest prompt in bytes.
pub const MAX_PROMPT: usize = 64 * 1024;
/// Longest path or name in bytes.
pub const MAX_NAME: usize = 4096;
/// Largest seed that may be given: JSON numbers are exact up to 2⁵³ − 1.
pub const MAX_SEED: i64 = (1 << 53) - 1;
/// Random seeds are below this, so that they fit every other program's field.
pub const RANDOM_SEEDS: u64 = 1 << 32;
/// The lowest priority of a job.
pub const MIN_PRIORITY: i32 = -100;
/// The highest priority of a job.
pub const MAX_PRIORITY: i32 = 100;

/// The rows that most people set, by name, in the order in which a form shows them. The others are there for who asks.
pub const USUAL: [&str; 11] = [
    "model",
    "width",
    "height",
    "steps",
    "cfg_scale",
    "sampler",
    "schedule",
    "seed",
    "batch",
    "init_image",
    "denoise",
];

/// The row that `name` or one of its aliases names; case, `_` and `-` do not matter.
pub fn find(name: &str) -> Option<&'static Parameter> {
    let name = crate::text::fold(name);
    TABLE.iter().find(|p| {
        let names = [p.name, p.flag].into_iter().chain(p.aliases.iter().copied());
        names.into_iter().any(|n| crate::text::fold(n) == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_in_the_table() {
        for name in USUAL {
            assert!(TABLE.iter().any(|row| row.name == name), "{name}");
        }
    }
}
