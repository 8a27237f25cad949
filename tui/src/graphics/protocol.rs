//! The ways in which terminals take pictures, and their names. `detect.rs` chooses one; `print.rs` and `live.rs` draw with it;
//! `doctor` prints its name. The bytes that each sends are in `kitty.rs`, `iterm.rs`, `sixel.rs` and `blocks.rs`.

/// How a terminal takes pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// kitty's graphics protocol: kitty, Ghostty, Konsole, Rio.
    Kitty,
    /// iTerm2's inline images: iTerm2, WezTerm, mintty.
    Iterm,
    /// DEC sixel: foot, xterm, Windows Terminal, tmux.
    Sixel,
    /// Two pixels a character cell, in colour: everywhere.
    Blocks,
    /// None: pictures are not shown.
    Off,
}

impl Protocol {
    /// Every protocol, best first.
    pub const ALL: [Self; 5] = [Self::Kitty, Self::Iterm, Self::Sixel, Self::Blocks, Self::Off];

    /// The name in `DARKROOM_IMAGES` and in `doctor`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kitty => "kitty",
            Self::Iterm => "iterm",
            Self::Sixel => "sixel",
            Self::Blocks => "blocks",
            Self::Off => "off",
        }
    }

    /// The protocol of that name; case does not matter, and `iterm2`, `halfblocks` and `none` are understood.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "kitty" => Some(Self::Kitty),
            "iterm" | "iterm2" => Some(Self::Iterm),
            "sixel" => Some(Self::Sixel),
            "blocks" | "halfblocks" | "half-blocks" => Some(Self::Blocks),
            "off" | "none" => Some(Self::Off),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_their_own_inverse() {
        assert!(Protocol::ALL.iter().all(|p| Protocol::from_name(p.name()) == Some(*p)));
        assert_eq!(Protocol::from_name("auto"), None);
    }
}
