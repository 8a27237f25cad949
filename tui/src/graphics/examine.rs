//! All that can be known of the terminal on standard output, for `darkroom doctor --terminal`: what it was asked and said just now, its
//! size, and where each number is from. Nothing is concluded here that detection does not conclude; nothing is printed.

use super::Found;
use super::detect::detect_anew;
use super::probe::Record;
use super::terminal::{Screen, Stream};
use crate::locale;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// What was concluded.
    pub found: Found,
    /// What was asked and answered; `None` where nothing was asked.
    pub record: Option<Record>,
    /// Why there is no terminal, where there is none.
    pub missing: Option<&'static str>,
    /// Its size, where there is one.
    pub size: Option<Size>,
    /// Width and height of a cell in pixels.
    pub cell: (u32, u32),
    /// Where that is from.
    pub cell_from: &'static str,
    /// Variables that decide, where they are set.
    pub variables: Vec<(&'static str, String)>,
    /// Whether the locale's text is UTF-8.
    pub is_utf8: bool,
}

/// The size of a terminal, as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Cells in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Pixels across and down, where they are known.
    pub pixels: Option<(u32, u32)>,
}

/// Variables by which terminals are known and which say what they can.
const VARIABLES: [&str; 15] = [
    "TERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "LC_TERMINAL",
    "COLORTERM",
    "COLORFGBG",
    "NO_COLOR",
    "KONSOLE_VERSION",
    "TMUX",
    "STY",
    "ZELLIJ",
    "DARKROOM_IMAGES",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
];

/// Examines the terminal on standard output, with what the person's settings say of pictures. It is asked anew, which takes at most two
/// seconds; who calls this calls [`super::settle`] before the program ends.
pub fn examine(images: &'static str) -> Examination {
    let stream = Stream::Out;
    let (found, record) = detect_anew(stream, images);
    let missing = stream.missing();
    let size = stream.with_fd(|fd| rustix::termios::tcgetwinsize(fd)).ok();
    let size = size.filter(|_| missing.is_none()).map(|size| {
        let pixels = (u32::from(size.ws_xpixel), u32::from(size.ws_ypixel));
        Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
            pixels: Some(pixels).filter(|(x, y)| *x > 0 && *y > 0),
        }
    });
    let screen = Screen::of(stream);
    let (cell, cell_from) = cell(&found, screen, size.and_then(|size| size.pixels));
    let set = |name: &'static str| std::env::var(name).ok().map(|value| (name, value));
    Examination {
        found,
        record,
        missing,
        size,
        cell,
        cell_from,
        variables: VARIABLES.into_iter().filter_map(set).collect(),
        is_utf8: locale::is_utf8(),
    }
}

fn cell(found: &Found, screen: Screen, pixels: Option<(u32, u32)>) -> ((u32, u32), &'static str) {
    let by_size = pixels.map(|(x, y)| (x / screen.columns, y / screen.rows));
    match (found.cell, by_size) {
        (Some(cell), _) => (cell, "the terminal, or tmux for it, told it"),
        (None, Some(cell)) if cell == screen.cell => (cell, "the window's size in pixels, as the system has it"),
        (None, _) => (screen.cell, "a guess: neither the terminal nor the system tells"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphics::Protocol;

    #[test]
    fn where_a_cell_is_from_is_told() {
        let mut found = Found::new(Protocol::Blocks, "so");
        let screen = Screen {
            columns: 80,
            rows: 24,
            cell: (10, 20),
            is_told: true,
        };
        assert!(cell(&found, screen, None).1.starts_with("a guess"));
        assert!(cell(&found, screen, Some((800, 480))).1.contains("window's size"));
        assert!(cell(&found, screen, Some((8, 4))).1.starts_with("a guess"));
        found.cell = Some((9, 18));
        assert_eq!(cell(&found, screen, Some((800, 480))).0, (9, 18));
    }
}
