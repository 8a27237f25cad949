//! The terminal client. `run.rs` has the one loop: whatever happens becomes a `msg::Msg`, `update::update` changes the `state::State`
//! and says which effects follow, and `view::view` draws the state where it has changed. Neither of the two waits, reads a file or
//! decodes a picture: that is the effects' (`effects.rs`), whose results come back as messages. What can be done is one table
//! (`commands.rs`), from which keys, palette and help come.

mod clusters;
mod commands;
mod disk;
mod draft;
pub(crate) mod effects;
mod given;
mod harmless;
pub(crate) mod link;
mod mask;
pub(crate) mod msg;
mod own;
mod pictures;
mod prompts;
mod run;
mod screens;
mod state;
mod terminal;
mod update;
mod view;
mod widgets;
pub(crate) mod world;

#[cfg(test)]
mod tests;

pub use own::look::{Look, look};
pub use own::{reference, settings};
pub use run::{edit_mask, run};

/// Why the client ended badly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard output is no terminal.
    #[error("darkroom tui draws on a terminal, and standard output is none: `darkroom generate` works without.")]
    NoTerminal,
    /// A file in the place of a mask is none of the picture.
    #[error("{path} is no mask of this picture: {why}. Say another file after -o, or move it away.")]
    NotThatMask {
        /// The file.
        path: String,
        /// A part of a sentence.
        why: String,
    },
    /// The terminal cannot be read or written.
    #[error("The terminal cannot be used: {0}.")]
    Terminal(#[from] std::io::Error),
}
