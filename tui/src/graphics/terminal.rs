//! The size of the terminal and of its cells.

use std::io::{IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};

/// What fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    /// Character cells in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Width and height of a cell in pixels.
    pub cell: (u32, u32),
    /// Whether that was told, and is not what most are like.
    pub is_told: bool,
}

/// Which of the process's outputs is the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// Why no terminal is there, when none is.
    pub(super) fn missing(self) -> Option<&'static str> {
        let (is_terminal, why) = match self {
            Self::Out => (std::io::stdout().is_terminal(), "standard output is no terminal"),
            Self::Err => (std::io::stderr().is_terminal(), "standard error is no terminal"),
        };
        (!is_terminal).then_some(why)
    }

    /// Calls `work` with its file descriptor.
    pub(super) fn with_fd<T>(self, work: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        match self {
            Self::Out => work(std::io::stdout().as_fd()),
            Self::Err => work(std::io::stderr().as_fd()),
        }
    }

    /// Calls `work` with it, held for that time.
    pub(super) fn with<T>(self, work: impl FnOnce(&mut dyn Write) -> T) -> T {
        match self {
            Self::Out => work(&mut std::io::stdout().lock()),
            Self::Err => work(&mut std::io::stderr().lock()),
        }
    }
}

/// What most terminals are like when they do not tell.
const USUAL_CELL: (u32, u32) = (10, 20);

impl Screen {
    /// The terminal there.
    pub(super) fn of(stream: Stream) -> Self {
        let size = stream.with_fd(|fd| rustix::termios::tcgetwinsize(fd));
        let (columns, rows, x, y) = size.map_or((80, 24, 0, 0), |s| (s.ws_col, s.ws_row, s.ws_xpixel, s.ws_ypixel));
        Self::new(columns.into(), rows.into(), (x.into(), y.into()))
    }

    /// The same with the cell that the terminal told, when it did: the kernel's number can be stale.
    pub(super) fn with_cell(self, cell: Option<(u32, u32)>) -> Self {
        Self {
            cell: cell.unwrap_or(self.cell),
            is_told: self.is_told || cell.is_some(),
            ..self
        }
    }

    fn new(columns: u32, rows: u32, pixels: (u32, u32)) -> Self {
        let (columns, rows) = if columns == 0 || rows == 0 {
            (80, 24)
        } else {
            (columns, rows)
        };
        let cell = (pixels.0 / columns, pixels.1 / rows);
        let believable = (2..=256).contains(&cell.0) && (2..=256).contains(&cell.1);
        Self {
            columns,
            rows,
            cell: if believable { cell } else { USUAL_CELL },
            is_told: believable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_without_pixels_are_the_usual_ones() {
        assert_eq!(Screen::new(0, 0, (0, 0)).columns, 80);
        assert_eq!(Screen::new(100, 50, (0, 0)).cell, USUAL_CELL);
        assert_eq!(Screen::new(100, 50, (900, 900)).cell, (9, 18));
    }
}
