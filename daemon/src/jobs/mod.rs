//! The state machine of jobs: which moves are legal. The store asks it before every transition.

mod step;

pub use step::{Move, step};
