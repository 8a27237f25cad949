//! The log on System: the newest lines of the daemon's, the workers' or a job's, live; earlier pages as one scrolls back; a filter that the
//! daemon applies, each key of which narrows. What is asked for and what becomes of the answers; `view.rs` draws.

use crossterm::event::KeyEvent;
use darkroom_protocol::log::Filter;
use darkroom_protocol::message::log::{LogLook, LogOf, LogPage};

use crate::app::commands::Act;
use crate::app::msg::{Effect, Reader};
use crate::app::own::keys;
use crate::app::widgets::Input;

/// Lines of a page.
const PAGE: u32 = 500;
/// Lines that are kept. Who follows begins anew with the newest then; who has scrolled back that far sees no newer ones until they follow.
const MOST: usize = 20_000;
/// Columns that a step to the side goes.
const ASIDE: usize = 20;

/// The log.
#[derive(Debug)]
pub struct Log {
    of: LogOf,
    /// The oldest first.
    lines: Vec<String>,
    unfinished: String,
    older: Option<String>,
    newer: Option<String>,
    /// The number of the question that counts: answers to others come too late.
    number: u64,
    asked: Option<Asked>,
    /// Whether what was asked is not what is wanted any more.
    is_stale: bool,
    filter: Input,
    is_typing: bool,
    /// What is wrong with the filter, or why there is no log.
    problem: Option<String>,
    /// Behind the last line that is seen; `None` where the newest is followed.
    bottom: Option<usize>,
    aside: usize,
}

/// What is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Newest,
    Newer,
    Older,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            of: LogOf::Daemon,
            lines: Vec::new(),
            unfinished: String::new(),
            older: None,
            newer: None,
            number: 0,
            asked: None,
            is_stale: false,
            filter: Input::default(),
            is_typing: false,
            problem: None,
            bottom: None,
            aside: 0,
        }
    }
}

impl Log {
    /// Whose it is.
    pub fn of(&self) -> &LogOf {
        &self.of
    }

    /// The filter, and whether it is being typed.
    pub fn filter(&self) -> (&Input, bool) {
        (&self.filter, self.is_typing)
    }

    /// What is wrong with the filter, or why there is no log.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether the newest lines are followed.
    pub fn is_followed(&self) -> bool {
        self.bottom.is_none()
    }

    /// Columns that are out of sight on the left.
    pub fn aside(&self) -> usize {
        self.aside
    }

    /// How many lines there are here, and whether there are earlier ones.
    pub fn many(&self) -> (usize, bool) {
        (self.lines.len(), self.older.is_some())
    }

    /// The lines that so many rows show, the oldest first.
    pub fn shown(&self, rows: usize) -> Vec<&str> {
        let end = self.bottom.unwrap_or(self.lines.len()).min(self.lines.len());
        let is_last = end == self.lines.len() && !self.unfinished.is_empty();
        let rest = rows.saturating_sub(usize::from(is_last));
        let lines = self.lines[end.saturating_sub(rest)..end].iter().map(String::as_str);
        lines.chain(is_last.then_some(self.unfinished.as_str())).collect()
    }

    /// Shows another log.
    pub fn turn_to(&mut self, of: LogOf) -> Vec<Effect> {
        self.of = of;
        self.lines.clear();
        self.unfinished.clear();
        (self.bottom, self.aside) = (None, 0);
        self.begin()
    }

    /// The daemon is there again, or was lost: nothing is on its way.
    pub fn reset(&mut self) {
        self.asked = None;
        self.is_stale = false;
    }

    /// Asks for the newest lines; what is there stays until they come.
    pub fn begin(&mut self) -> Vec<Effect> {
        if self.asked == Some(Asked::Newest) {
            self.is_stale = true;
            return vec![];
        }
        self.ask(Asked::Newest)
    }

    /// Asks for what came since; nothing where something is on its way.
    pub fn more(&mut self) -> Vec<Effect> {
        match (self.asked, self.lines.len() >= MOST, self.bottom) {
            (None, false, _) => self.ask(Asked::Newer),
            (None, true, None) => self.ask(Asked::Newest),
            _ => vec![],
        }
    }

    fn ask(&mut self, asked: Asked) -> Vec<Effect> {
        self.number += 1;
        self.asked = Some(asked);
        let place = |wanted: bool, place: &Option<String>| place.clone().filter(|_| wanted);
        let look = LogLook {
            of: self.of.clone(),
            before: place(asked == Asked::Older, &self.older),
            after: place(asked == Asked::Newer, &self.newer),
            limit: PAGE,
            filter: self.filter.text(),
        };
        vec![Effect::Log(Reader::System(self.number), look)]
    }

    /// A page has come, or why there is none: what to ask for next, and whether anything that is shown has changed.
    pub fn page(&mut self, number: u64, page: Result<LogPage, String>, rows: usize) -> (Vec<Effect>, bool) {
        if number != self.number {
            return (vec![], false);
        }
        let asked = self.asked.take();
        if std::mem::take(&mut self.is_stale) {
            return (self.ask(Asked::Newest), false);
        }
        let page = match page {
            Ok(page) => page,
            Err(why) => {
                let is_new = self.problem.as_ref() != Some(&why);
                self.problem = Some(why);
                return (vec![], is_new);
            }
        };
        let had_problem = self.problem.take().is_some();
        let is_new = match asked {
            Some(Asked::Older) => {
                let many = page.lines.len();
                self.bottom = self.bottom.map(|bottom| bottom + many);
                self.lines.splice(0..0, page.lines);
                self.older = page.older.filter(|_| page.more);
                true
            }
            Some(Asked::Newer) if !page.gap => {
                let is_new = !page.lines.is_empty() || page.unfinished != self.unfinished;
                self.lines.extend(page.lines);
                self.newer = Some(page.newer);
                self.unfinished = page.unfinished;
                is_new
            }
            _ => {
                self.lines = page.lines;
                self.unfinished = page.unfinished;
                self.newer = Some(page.newer);
                self.older = page.older;
                self.bottom = None;
                true
            }
        };
        let next = match page.more && asked == Some(Asked::Newer) {
            true => self.more(),
            false => self.earlier(rows),
        };
        (next, is_new || had_problem)
    }

    /// Asks for earlier lines where those that are there do not fill the rows above what is seen.
    fn earlier(&mut self, rows: usize) -> Vec<Effect> {
        let end = self.bottom.unwrap_or(self.lines.len());
        let is_wanted = end < 2 * rows && self.older.is_some() && self.lines.len() < MOST;
        match is_wanted && self.asked.is_none() {
            true => self.ask(Asked::Older),
            false => vec![],
        }
    }

    /// Does a command; so many rows are seen.
    pub fn act(&mut self, act: Act, rows: usize) -> Vec<Effect> {
        let page = rows.saturating_sub(1).max(1);
        let all = self.lines.len();
        let bottom = self.bottom.unwrap_or(all).min(all);
        let least = rows.min(all);
        let gone = match act {
            Act::Up => bottom.saturating_sub(1),
            Act::Down => bottom + 1,
            Act::PageUp => bottom.saturating_sub(page),
            Act::PageDown => bottom + page,
            Act::First => 0,
            Act::Last => all,
            Act::Left => {
                self.aside = self.aside.saturating_sub(ASIDE);
                return vec![];
            }
            Act::Right => {
                self.aside = (self.aside + ASIDE).min(LogLook::MAX_LINE);
                return vec![];
            }
            Act::Filter => {
                self.is_typing = true;
                return vec![];
            }
            Act::Back if !self.filter.is_empty() => {
                self.filter = Input::default();
                return self.begin();
            }
            _ => return vec![],
        };
        self.bottom = Some(gone.max(least)).filter(|bottom| *bottom < all);
        self.earlier(rows)
    }

    /// Whether keys type the filter.
    pub fn is_typing(&self) -> bool {
        self.is_typing
    }

    /// Takes a key of the filter.
    pub fn key(&mut self, key: &KeyEvent) -> Vec<Effect> {
        let Some(name) = keys::name(key).filter(|_| self.is_typing) else {
            return vec![];
        };
        let before = self.filter.text();
        match name.as_str() {
            "enter" => self.is_typing = false,
            "esc" => {
                self.is_typing = false;
                self.filter = Input::default();
            }
            _ => drop(self.filter.key(key, &name)),
        }
        self.narrow(&before)
    }

    /// Text was pasted.
    pub fn paste(&mut self, text: &str) -> Vec<Effect> {
        let before = self.filter.text();
        self.is_typing = true;
        self.filter.insert(text);
        self.narrow(&before)
    }

    /// The filter is another one: what does not pass goes at once, the newest that do are asked for.
    fn narrow(&mut self, before: &str) -> Vec<Effect> {
        let text = self.filter.text();
        if text == before {
            return vec![];
        }
        match Filter::parse(&text) {
            Ok(filter) => {
                self.problem = None;
                self.lines.retain(|line| filter.passes(line));
                self.bottom = None;
                self.begin()
            }
            Err(error) => {
                self.problem = Some(format!("{error}."));
                vec![]
            }
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
