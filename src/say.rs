//! What is printed: data on standard output, everything else on standard error, nothing that can drive the terminal.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use darkroom_protocol::text::{escape_block, escape_json, escape_line};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

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

/// What the system said, without its number.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        _ => error.to_string(),
    }
}

/// A path as it may be printed.
pub fn shown(path: &Path) -> String {
    escape_line(&path.to_string_lossy()).into_owned()
}

/// `text` cut to `width` columns and a mark for that, safe to print.
pub fn brief(text: &str, width: usize) -> String {
    let text = escape_line(text);
    let cut = marks().cut;
    if text.width() <= width {
        return text.into_owned();
    }
    let width = width.saturating_sub(cut.width() - 1);
    let mut columns = 0;
    let mut over = |c: char| {
        columns += c.width().unwrap_or(0);
        columns > width
    };
    match text.char_indices().find(|(_, c)| over(*c)) {
        Some((end, _)) => format!("{}{cut}", text[..end].trim_end()),
        None => text.into_owned(),
    }
}

/// Columns of the terminal on standard output; `None` where there is none, or it does not tell.
pub fn columns() -> Option<usize> {
    let out = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Seconds as people say them: `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// Bytes as people say them, in powers of 1024.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.2, "0 s")]
    #[case(59.4, "59 s")]
    #[case(61.0, "1 min 1 s")]
    #[case(3700.0, "1 h 1 min")]
    #[case(90_000.0, "1 d 1 h")]
    #[case(-1.0, "0 s")]
    fn durations(#[case] seconds: f64, #[case] words: &str) {
        assert_eq!(duration(seconds), words);
    }

    #[rstest]
    #[case(0, "0 B")]
    #[case(1023, "1023 B")]
    #[case(1536, "1.5 KiB")]
    #[case(85_899_345_920, "80.0 GiB")]
    fn sizes(#[case] bytes: u64, #[case] words: &str) {
        assert_eq!(size(bytes), words);
    }

    #[rstest]
    #[case(ErrorKind::StorageFull, "the disk is full")]
    #[case(ErrorKind::NotFound, "there is no such file or folder")]
    #[case(ErrorKind::PermissionDenied, "permission denied")]
    fn reasons(#[case] kind: ErrorKind, #[case] words: &str) {
        assert_eq!(reason(&kind.into()), words);
    }

    #[test]
    fn long_prompts_are_cut_and_escaped() {
        assert_eq!(brief("a fox\x1b[2J", 40), "a fox\\u{1b}[2J");
        assert_eq!(brief("a red apple on a table", 11), "a red apple…");
        assert_eq!(brief("日本語の狐", 7), "日本語…", "wide ones take two columns");
    }
}
