//! What is counted, as Prometheus' text format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Jobs, steps and pictures are counted from events as they are published, so that nothing else has to know of counting. What
//! has a value now (the line, workers, memory) is given by whoever asks, as plain numbers.

mod course;
mod now;
mod recorder;
mod registry;

pub use now::{Now, resident};
pub use recorder::{DeathCause, Metrics};

#[cfg(test)]
mod grammar;
#[cfg(test)]
mod tests;
