//! The messages of the two conversations: client ↔ daemon and daemon ↔ worker.

mod answer;
mod check;
pub mod client;
pub mod history;
pub mod log;
pub mod pull;
mod remote_error;
pub mod worker;

pub use remote_error::RemoteError;
