//! What is asked of a log, and answered: pages of whole lines, backwards from the newest or forwards from a place. Which lines pass
//! and how a place is written is in `crate::log`; the method itself stands with all others in `client.rs`.

use serde::{Deserialize, Serialize};

/// Whose log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogOf {
    /// The daemon's own.
    Daemon,
    /// What workers printed between jobs.
    Worker,
    /// What a job's worker printed while it ran: its id or a unique prefix.
    Job(String),
}

/// Which lines of which log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLook {
    /// Whose.
    pub of: LogOf,
    /// The last lines before this place: the `older` of another page. The newest where neither place is given.
    #[serde(default)]
    pub before: Option<String>,
    /// The first lines after this place: the `newer` of another page, or `start`.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many; 0, and more than [`LogLook::MOST`], for [`LogLook::MOST`].
    #[serde(default)]
    pub limit: u32,
    /// Words that a line must hold, and `level:warn` for that level and weightier ones; empty for every line.
    #[serde(default)]
    pub filter: String,
}

impl LogLook {
    /// The most lines of a page.
    pub const MOST: u32 = 1000;
    /// About the most bytes of a page's lines.
    pub const MAX_PAGE: usize = 256 << 10;
    /// The most bytes that are told of a line: a longer one ends in how many it has.
    pub const MAX_LINE: usize = 4 << 10;

    /// The newest lines of a log.
    pub fn newest(of: LogOf, limit: u32) -> Self {
        Self {
            of,
            before: None,
            after: None,
            limit,
            filter: String::new(),
        }
    }
}

/// Lines of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Whole lines, the oldest first. What is not UTF-8 is replaced.
    pub lines: Vec<String>,
    /// For `before`: what is older than this page. `None` where the log begins.
    pub older: Option<String>,
    /// For `after`: what is newer than this page.
    pub newer: String,
    /// Whether there is more at once in the direction that was asked. A page may have no lines and yet more behind it, where few pass
    /// the filter.
    pub more: bool,
    /// The beginning of the newest line, whose end is not written yet; empty where there is none, and where the page ends before it.
    pub unfinished: String,
    /// Whether lines between `after` and this page are lost: the log was set aside too often.
    pub gap: bool,
}
