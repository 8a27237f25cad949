//! What model and picture files say: headers, detection, family cards, infotext.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;

pub use error::Error;
