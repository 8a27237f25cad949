//! How far a job is, on standard error: a bar on a terminal, a rare line elsewhere, nothing with `--quiet`.

mod bar;
mod lines;
mod previews;
mod words;

pub use previews::Wish;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::Instant;

use darkroom_protocol::{Preview, Progress};
use darkroom_tui::graphics::Live;

use crate::say;

/// What the person sees while a job runs.
pub struct Display {
    kind: Kind,
    /// Notices that were said already.
    said: HashSet<String>,
    /// The previews that are asked for.
    wish: Wish,
    /// Where they are drawn.
    live: Option<Live>,
}

enum Kind {
    Bar(bar::Bar),
    Lines(lines::Lines),
    Quiet,
}

impl Display {
    /// As standard error and the person's wish have it.
    pub fn new(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let kind = if quiet {
            Kind::Quiet
        } else if std::io::stderr().is_terminal() && !dumb {
            Kind::Bar(bar::Bar::new())
        } else {
            Kind::Lines(lines::Lines::default())
        };
        Self {
            kind,
            said: HashSet::new(),
            wish: Wish::default(),
            live: None,
        }
    }

    /// Previews are drawn above the bar from now on, where that is possible; where it is not, says why.
    pub fn draw_previews(&mut self) {
        match previews::canvas() {
            Ok((live, word)) => {
                self.wish = Wish::drawn(live.max_px(), previews::is_remote());
                self.live = Some(live);
                if let Some(word) = word {
                    self.notice(&word);
                }
            }
            Err(reason) => self.notice(&format!("Previews are not shown: {reason}.")),
        }
    }

    /// Previews are asked for and left to the program that reads the events.
    pub fn pass_previews(&mut self) {
        self.wish = Wish::PASSED;
    }

    /// The previews that are asked for.
    pub fn wish(&self) -> Wish {
        self.wish
    }

    /// The picture in the making.
    pub fn preview(&mut self, preview: &Preview) {
        let (Some(live), Some(picture)) = (&mut self.live, previews::picture(preview)) else {
            return;
        };
        let drawn = match &mut self.kind {
            Kind::Bar(bar) => bar.aside(|| live.draw(&picture)),
            Kind::Lines(_) | Kind::Quiet => live.draw(&picture),
        };
        if drawn.is_err() {
            self.live = None;
        }
    }

    /// The latest progress.
    pub fn progress(&mut self, progress: &Progress) {
        match &mut self.kind {
            Kind::Bar(bar) => bar.update(progress),
            Kind::Lines(lines) => {
                if let Some(line) = lines.line(progress, Instant::now()) {
                    say::note(&line);
                }
            }
            Kind::Quiet => {}
        }
    }

    /// What the job waits for.
    pub fn waiting(&mut self, text: &str) {
        match &mut self.kind {
            Kind::Bar(bar) => bar.wait(text),
            Kind::Lines(_) => say::note(text),
            Kind::Quiet => {}
        }
    }

    /// A line about the job, for instance that a scheduler was replaced: said once.
    pub fn notice(&mut self, text: &str) {
        if !matches!(self.kind, Kind::Quiet) && self.said.insert(text.to_owned()) {
            self.aside(|| say::note(text));
        }
    }

    /// Whether the person asked for silence.
    pub fn is_quiet(&self) -> bool {
        matches!(self.kind, Kind::Quiet)
    }

    /// A line about what goes wrong or is being done about it: said each time, with `--quiet` too.
    pub fn warn(&mut self, text: &str) {
        self.aside(|| say::note(text));
    }

    /// Prints something else without the bar or a preview in the way.
    pub fn aside<T>(&mut self, print: impl FnOnce() -> T) -> T {
        let live = &mut self.live;
        let print = || {
            erase(live);
            print()
        };
        match &mut self.kind {
            Kind::Bar(bar) => bar.aside(print),
            _ => print(),
        }
    }

    /// Takes the bar and the preview away.
    pub fn clear(&mut self) {
        if let Kind::Bar(bar) = &mut self.kind {
            bar.clear();
        }
        erase(&mut self.live);
    }
}

/// What cannot be taken away is not drawn again either.
fn erase(live: &mut Option<Live>) {
    live.take_if(|live| live.erase().is_err());
}
