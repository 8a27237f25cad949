//! The messages of the two conversations: client ↔ daemon and daemon ↔ worker.

mod check;
pub mod client;
mod remote_error;
pub mod worker;

pub use remote_error::RemoteError;
