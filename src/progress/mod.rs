//! How far a job is, on standard error: a bar on a terminal, a rare line elsewhere, nothing with `--quiet`.

mod bar;
mod lines;
mod words;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::Instant;

use darkroom_protocol::Progress;

use crate::say;

/// What the person sees while a job runs.
pub struct Display {
    kind: Kind,
    /// Notices that were said already.
    said: HashSet<String>,
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

    /// A line about what goes wrong or is being done about it: said each time, with `--quiet` too.
    pub fn warn(&mut self, text: &str) {
        self.aside(|| say::note(text));
    }

    /// Prints something else without the bar in the way.
    pub fn aside<T>(&mut self, print: impl FnOnce() -> T) -> T {
        match &mut self.kind {
            Kind::Bar(bar) => bar.aside(print),
            _ => print(),
        }
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if let Kind::Bar(bar) = &mut self.kind {
            bar.clear();
        }
    }
}
