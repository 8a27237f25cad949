//! What is printed: data on standard output, everything else on standard error, nothing that can drive the terminal.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use darkroom_client::words;
pub use darkroom_client::words::{duration, reason, shown, size, took};
use darkroom_protocol::text::{escape_block, escape_json, escape_line};

use crate::{Error, Result};

/// The marks that this program draws with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// A cell of a bar that is done.
    pub full: &'static str,
    /// One that is left.
    pub left: &'static str,
    /// Between parts of a line.
    pub between: &'static str,
    /// The noise level.
    pub sigma: &'static str,
    /// Between width and height.
    pub times: &'static str,
    /// In the place of what was cut off.
    pub cut: &'static str,
}

impl Marks {
    /// For most terminals.
    pub const UTF8: Self = Self {
        full: "━",
        left: "─",
        between: " · ",
        sigma: "σ",
        times: "×",
        cut: "…",
    };
    /// Where the locale has no more.
    pub const ASCII: Self = Self {
        full: "#",
        left: "-",
        between: " | ",
        sigma: "sigma",
        times: "x",
        cut: "...",
    };
}

/// The marks that the locale can show.
pub fn marks() -> Marks {
    if darkroom_tui::locale::is_utf8() {
        Marks::UTF8
    } else {
        Marks::ASCII
    }
}

/// One line for the person, on standard error. A closed standard error is no reason to fail.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", escape_line(text));
}

/// `darkroom: …` on standard error. Only the log lines after a failed start make it longer than a line.
pub fn error(error: &Error) {
    let text = error.to_string();
    let text = match error {
        Error::Unreachable(_) => escape_block(&text),
        _ => escape_line(&text),
    };
    if let Error::Pointed { pointed, .. } = error {
        let _ = writeln!(std::io::stderr(), "{pointed}");
    }
    let _ = writeln!(std::io::stderr(), "darkroom: {text}");
}

/// A line of data on standard output.
///
/// # Errors
/// [`Error::BrokenPipe`] when nobody reads it.
pub fn data(line: &str) -> Result<()> {
    bytes(format!("{line}\n").as_bytes())
}

/// A path on standard output: as it is for a program, escaped for a terminal.
///
/// # Errors
/// As [`data`].
pub fn path(path: &Path) -> Result<()> {
    if std::io::stdout().is_terminal() {
        return data(&shown(path));
    }
    let mut line = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec();
    line.push(b'\n');
    bytes(&line)
}

/// Bytes on standard output.
///
/// # Errors
/// [`Error::BrokenPipe`] when nobody reads them, [`Error::Failed`] when they cannot be written, as on a full disk.
pub fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Error::BrokenPipe),
        Err(e) => Err(Error::Failed(format!(
            "Standard output cannot be written: {}.",
            reason(&e)
        ))),
    }
}

/// A value as one line of JSON on standard output, in characters that a terminal does not obey and that hide nothing.
///
/// # Errors
/// As [`data`].
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    let line = serde_json::to_string(value).map_err(|e| Error::Failed(format!("No JSON could be made: {e}.")))?;
    data(&escape_json(&line))
}

/// `text` cut to `width` columns and a mark for that, safe to print.
pub fn brief(text: &str, width: usize) -> String {
    words::brief(text, width, marks().cut)
}

/// Columns of the terminal on standard output; `None` where there is none, or it does not tell.
pub fn columns() -> Option<usize> {
    columns_of(std::io::stdout())
}

/// The same of the terminal on standard error.
pub fn columns_of_stderr() -> Option<usize> {
    columns_of(std::io::stderr())
}

fn columns_of(out: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
