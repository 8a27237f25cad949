//! What happened, in order, to everybody who asked.
//!
//! The [`Bus`] numbers events and remembers the last of them; a [`Mailbox`] is what one connection has yet to be sent.

mod bus;
mod mailbox;
mod shrink;

pub use bus::{Bus, Filter, Known, Subscription};
pub use mailbox::{Mail, Mailbox, Post};
pub use shrink::shrink;
