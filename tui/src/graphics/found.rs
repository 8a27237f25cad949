//! What was found of a terminal: by which protocol it draws pictures, and what stands between. `detect.rs` finds it; whoever draws, notifies
//! or explains reads it. Nothing here asks anybody.

use super::Protocol;

/// A protocol and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The protocol.
    pub protocol: Protocol,
    /// Why this one, for `doctor`: "the terminal answered the kitty query".
    pub reason: String,
    /// Width and height of a character cell in pixels, when the terminal told.
    pub cell: Option<(u32, u32)>,
    /// How pictures get through tmux to the terminal around it; `None` where they need not.
    pub passthrough: Option<Passthrough>,
    /// What the person should know: why pictures are worse than the terminal could show them.
    pub word: Option<String>,
    /// The terminal's name, as it or the environment gives it.
    pub name: Option<String>,
    /// The multiplexer between the program and the terminal, if there is one.
    pub mux: Option<Multiplexer>,
    /// The background's red, green and blue, where the terminal was asked and told.
    pub ground: Option<[u8; 3]>,
}

/// What stands between the program and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    /// tmux.
    Tmux {
        /// Whether it may let sequences pass: it says so, or cannot be asked.
        passes: bool,
    },
    /// GNU screen, or something that calls itself so.
    Screen,
    /// Zellij.
    Zellij,
}

/// tmux is told to pass pictures on to the terminal around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passthrough {
    /// Whether colours of 24 bits reach that terminal as they are.
    pub true_colour: bool,
}

impl Found {
    /// A protocol that is there without more ado.
    pub fn new(protocol: Protocol, reason: impl Into<String>) -> Self {
        Self {
            protocol,
            reason: reason.into(),
            cell: None,
            passthrough: None,
            word: None,
            name: None,
            mux: None,
            ground: None,
        }
    }

    /// Half blocks in place of something better, with a word why.
    pub(super) fn instead(why: &str) -> Self {
        Self {
            word: Some(format!("Pictures are drawn in half blocks: {why}.")),
            ..Self::new(Protocol::Blocks, why)
        }
    }
}
