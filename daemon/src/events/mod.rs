//! What happened, in order, to everybody who asked.
//!
//! The [`Bus`] numbers events and remembers the last of them; a [`Mailbox`] is what one connection has yet to be sent. An event
//! travels as a [`Packet`], so that a hundred readers cost one encoding.

mod bus;
mod demand;
mod filter;
mod mailbox;
mod pace;
mod packet;
mod reader;
mod shrink;
mod subscription;

pub use bus::{Bus, Observer};
pub use demand::Demand;
pub use filter::Filter;
pub use mailbox::{Held, Mail, Mailbox, Post};
pub use packet::Packet;
pub use subscription::{Known, Subscription};

#[cfg(test)]
mod tests;
