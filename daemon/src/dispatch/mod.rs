//! Which job runs next, on which worker, and what became of it.
//!
//! One task, the dispatcher, holds the workers and the line of waiting jobs; everybody else sends it messages. It writes a
//! row before the effect: a job is marked running before its worker is told, a picture is recorded before clients hear of it,
//! a job is done only when all its pictures are. What rows say reaches its line and everybody's events in the order of commits,
//! from the store (`follow`); no verb publishes anything.

mod assign;
mod board;
mod choose;
mod dispatcher;
mod ending;
mod finish;
mod floor;
mod follow;
mod line;
mod loads;
mod message;
mod named;
mod previews;
mod process;
mod report;
mod resident;
mod route;
mod run_short;
mod shortage;
mod slot;

pub use board::Board;
pub use dispatcher::{Dispatch, Tools};
pub use message::Ask;
pub use named::{Held, Named};

#[cfg(test)]
mod deaths_tests;
#[cfg(test)]
mod devices_tests;
#[cfg(test)]
mod models_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod standing_tests;
#[cfg(test)]
mod tests;
