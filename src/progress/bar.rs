//! The bar on a terminal: one line that is written over, never wider than the screen, with the cursor hidden meanwhile. Signals and
//! panics take it away and show the cursor again. What the line says is in [`super::words`].

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use darkroom_protocol::Progress;
use darkroom_tui::restore::{self, Undo};
use unicode_width::UnicodeWidthStr as _;

use super::words;
use crate::say::{self, Marks};

/// It is drawn no oftener than this.
const PAUSE: Duration = Duration::from_millis(100);
/// Columns that stay free at its right, for what the terminal echoes at Ctrl-C.
const SPARE: usize = 3;
/// Columns of the phase's name.
const NAME: usize = 7;
/// Cells of the bar itself on a wide and on a narrow screen.
const CELLS: (usize, usize) = (24, 8);
/// A screen narrower than this is narrow ...
const NARROW: usize = 72;
/// ... and one narrower than this has no room for a bar beside its words.
const TINY: usize = 32;

/// A signal finds somebody drawing so often at most, a moment apart, before it leaves the bar as it is.
const TRIES: u32 = 100;
const MOMENT: Duration = Duration::from_millis(2);
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const CLEAR_LINE: &str = "\r\x1b[K";

/// A bar on the terminal.
pub(super) struct Bar {
    line: Arc<Mutex<Line>>,
    look: Look,
    drawn_at: Option<Instant>,
    _undo: Undo,
}

/// What it is drawn with.
#[derive(Clone, Copy)]
struct Look {
    marks: Marks,
    /// Whether it may have colours.
    colour: bool,
}

/// What is on the terminal.
#[derive(Default)]
struct Line {
    /// The line that is shown; `None` when there is none and the cursor is as it was.
    shown: Option<String>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let line = Arc::new(Mutex::new(Line::default()));
        let of_signal = line.clone();
        Self {
            line,
            look: Look {
                marks: say::marks(),
                colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            },
            drawn_at: None,
            _undo: restore::on_signal(move || {
                // Whoever holds it is drawing, which takes a moment. Where the terminal is stopped it takes for ever: the signal
                // must not wait for that.
                for _ in 0..TRIES {
                    if let Ok(mut line) = of_signal.try_lock() {
                        return line.clear(&mut std::io::stderr());
                    }
                    std::thread::park_timeout(MOMENT);
                }
            }),
        }
    }

    pub(super) fn update(&mut self, progress: &Progress) {
        let now = Instant::now();
        let is_early = self.drawn_at.is_some_and(|at| now.duration_since(at) < PAUSE);
        // The last step stays to be seen through what follows it.
        if is_early && progress.step < progress.steps {
            return;
        }
        self.drawn_at = Some(now);
        let share = f64::from(progress.step) / f64::from(progress.steps.max(1));
        let details = |width| words::fitting(progress, &self.look.marks, width);
        self.draw(&compose(progress.phase.name(), share, details, columns(), self.look));
    }

    pub(super) fn wait(&mut self, text: &str) {
        self.drawn_at = None;
        let details = |width| say::brief(text, width);
        self.draw(&compose("wait", 0.0, details, columns(), self.look));
    }

    pub(super) fn aside<T>(&mut self, print: impl FnOnce() -> T) -> T {
        let shown = self.line().shown.clone();
        self.clear();
        let printed = print();
        if let Some(shown) = shown {
            self.draw(&shown);
        }
        printed
    }

    pub(super) fn clear(&mut self) {
        self.line().clear(&mut std::io::stderr());
    }

    fn draw(&self, text: &str) {
        self.line().draw(&mut std::io::stderr(), text);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Line {
    /// A terminal that is gone is no reason to fail.
    fn draw(&mut self, out: &mut impl Write, text: &str) {
        let hide = if self.shown.is_none() { HIDE_CURSOR } else { "" };
        let _ = out.write_all(format!("{hide}\r{text}\x1b[K").as_bytes());
        self.shown = Some(text.to_owned());
    }

    fn clear(&mut self, out: &mut impl Write) {
        if self.shown.take().is_some() {
            let _ = out.write_all(format!("{CLEAR_LINE}{SHOW_CURSOR}").as_bytes());
        }
    }
}

/// The line for a screen of so many columns. `details` says the rest in a given width.
fn compose(name: &str, share: f64, details: impl Fn(usize) -> String, columns: usize, look: Look) -> String {
    let room = columns.saturating_sub(SPARE).max(1);
    let cells = match columns {
        0..TINY => 0,
        TINY..NARROW => CELLS.1,
        _ => CELLS.0,
    };
    let mut line = format!("{name:>NAME$} ");
    let taken = line.width() + if cells > 0 { cells + 1 } else { 0 };
    if taken >= room {
        return details(room);
    }
    if cells > 0 {
        let full = ((share.clamp(0.0, 1.0) * cells as f64).round() as usize).min(cells);
        let (done, left) = (look.marks.full.repeat(full), look.marks.left.repeat(cells - full));
        if look.colour {
            line.extend(["\x1b[36m", &done, "\x1b[0m\x1b[2m", &left, "\x1b[0m "]);
        } else {
            line.extend([&done, &left, " "]);
        }
    }
    line + &details(room - taken)
}

/// Columns of the terminal on standard error.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let columns = size.ok().map(|size| usize::from(size.ws_col));
    columns.filter(|columns| *columns > 0).unwrap_or(80).min(400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::Phase;

    fn progress(step: u32) -> Progress {
        Progress {
            phase: Phase::Denoise,
            image: 1,
            images: 4,
            step,
            steps: 20,
            sigma: Some(3.2071),
            step_s: Some(0.412),
            eta_s: Some(65.2),
        }
    }

    fn line(columns: usize, is_utf8: bool, colour: bool) -> String {
        let marks = if is_utf8 { Marks::UTF8 } else { Marks::ASCII };
        let details = |width| words::fitting(&progress(5), &marks, width);
        compose("denoise", 0.25, details, columns, Look { marks, colour })
    }

    #[test]
    fn it_fits_the_screen() {
        insta::assert_snapshot!(line(100, true, false), @"denoise ━━━━━━────────────────── 5/20 · picture 2/4 · σ 3.21 · 0.41 s/step · ETA 1 min 5 s");
        insta::assert_snapshot!(line(80, true, false), @"denoise ━━━━━━────────────────── 5/20 · picture 2/4 · ETA 1 min 5 s");
        insta::assert_snapshot!(line(40, true, false), @"denoise ━━────── 5/20 · ETA 1 min 5 s");
        insta::assert_snapshot!(line(31, true, false), @"denoise 5/20 · ETA 1 min 5 s");
        for columns in 1..200 {
            for is_utf8 in [true, false] {
                let line = line(columns, is_utf8, false);
                assert!(
                    line.width() <= columns.saturating_sub(SPARE).max(1),
                    "{columns}: {line}"
                );
                assert!(is_utf8 || line.is_ascii(), "{line}");
            }
        }
    }

    #[test]
    fn ascii_where_the_locale_has_no_more() {
        insta::assert_snapshot!(line(100, false, false), @"denoise ######------------------ 5/20 | picture 2/4 | sigma 3.21 | 0.41 s/step | ETA 1 min 5 s");
        assert!(line(100, false, true).contains("\x1b[36m######\x1b[0m"));
    }

    #[test]
    fn the_cursor_is_hidden_while_it_is_there_and_only_then() {
        let mut line = Line::default();
        let mut out = Vec::new();
        line.clear(&mut out);
        line.draw(&mut out, "a");
        line.draw(&mut out, "b");
        line.clear(&mut out);
        line.clear(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\x1b[?25l\ra\x1b[K\rb\x1b[K\r\x1b[K\x1b[?25h");
    }
}
