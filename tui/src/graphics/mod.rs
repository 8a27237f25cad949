//! Pictures in the terminal: which protocol it speaks, how large to draw, the bytes themselves.
//!
//! ```no_run
//! use darkroom_tui::graphics::{self, Options};
//! let picture = graphics::open("fox.png".as_ref())?;
//! graphics::print_inline(&picture, &Options::default())?;
//! # Ok::<(), graphics::Error>(())
//! ```

mod blocks;
mod decode;
mod detect;
mod error;
mod examine;
mod fit;
mod found;
mod iterm;
mod keys;
mod kitty;
mod live;
mod memory;
mod mux;
mod palette;
pub mod pane;
mod placeholders;
mod print;
mod probe;
mod protocol;
mod sixel;
pub mod stripes;
mod terminal;
mod tty;

pub use decode::{MAX_BYTES, MAX_SIDE, decode, open};
pub use detect::{detect, detect_for, detect_on};
pub use error::Error;
pub use examine::{Examination, Size, examine};
pub use found::{Found, Multiplexer, Passthrough};
pub use live::Live;
pub use memory::remember_in;
pub(crate) use mux::wrap;
pub use print::{Options, Printed, print_inline};
pub use probe::{Record, settle};
pub(crate) use probe::{hand_over, heard};
pub use protocol::Protocol;
pub use terminal::Stream;

/// What the functions here return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
