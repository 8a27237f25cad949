//! Telling a person who looks elsewhere that a long job has ended: by the bell, or by a notice that the terminal shows. Which job is worth
//! it and what is said is decided here, from values; the bytes are made here too, and `run.rs` writes them.

use std::time::Duration;

use darkroom_protocol::{Job, JobId, JobState, Task};

use crate::app::msg::Effect;
use crate::graphics::{Found, Multiplexer, wrap};

/// What the person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Off,
    /// In that way.
    In(Way),
    /// In the best way that the terminal is known to have.
    Auto,
}

impl Wish {
    /// By their names in the settings.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("off", Self::Off),
        ("bell", Self::In(Way::Bell)),
        ("osc9", Self::In(Way::Osc9)),
        ("osc777", Self::In(Way::Osc777)),
        ("osc99", Self::In(Way::Osc99)),
        ("auto", Self::Auto),
    ];
}

/// A way to tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// BEL.
    #[default]
    Bell,
    /// A text: iTerm2, WezTerm, Ghostty.
    Osc9,
    /// A title and a text: foot, urxvt.
    Osc777,
    /// A title and a text, in two pieces: kitty.
    Osc99,
}

/// What is between the client and the terminal that shows a notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The best way that the terminal is known to have.
    best: Way,
    /// Whether tmux is told to pass a notice on.
    is_wrapped: bool,
    /// Whether nothing but the bell arrives.
    only_bell: bool,
}

/// The most characters of a notice.
const MOST: usize = 200;
const TITLE: &str = "darkroom";

impl Route {
    /// To a terminal that was found so.
    pub fn of(found: &Found) -> Self {
        const KNOWN: [(&str, Way); 7] = [
            ("kitty", Way::Osc99),
            ("iterm", Way::Osc9),
            ("wezterm", Way::Osc9),
            ("ghostty", Way::Osc9),
            ("foot", Way::Osc777),
            ("rxvt", Way::Osc777),
            ("urxvt", Way::Osc777),
        ];
        let name = found.name.as_deref().unwrap_or_default().to_ascii_lowercase();
        let known = KNOWN.iter().find(|(begin, _)| name.starts_with(begin));
        Self {
            best: known.map_or(Way::Bell, |(_, way)| *way),
            is_wrapped: matches!(found.mux, Some(Multiplexer::Tmux { passes: true })),
            only_bell: !matches!(found.mux, None | Some(Multiplexer::Tmux { passes: true })),
        }
    }

    /// How it is told; `None` where nobody wants that.
    fn way(self, wish: Wish) -> Option<Way> {
        let way = match wish {
            Wish::Off => return None,
            Wish::Auto => self.best,
            Wish::In(way) => way,
        };
        Some(if self.only_bell { Way::Bell } else { way })
    }

    /// How it is told, in words.
    pub fn in_words(self, wish: Wish) -> &'static str {
        match self.way(wish) {
            None => "off",
            Some(Way::Bell) if self.only_bell => "bell, for the multiplexer passes nothing else on",
            Some(Way::Bell) => "bell",
            Some(Way::Osc9) => "osc9",
            Some(Way::Osc777) => "osc777",
            Some(Way::Osc99) => "osc99",
        }
    }

    /// What to write for a notice. The text may hold anything.
    pub fn bytes(self, way: Way, text: &str) -> Vec<u8> {
        let text = harmless(text);
        let pieces = match way {
            Way::Bell => return b"\x07".to_vec(),
            Way::Osc9 => vec![format!("\x1b]9;{TITLE}: {text}\x07")],
            // A semicolon would begin another part.
            Way::Osc777 => vec![format!("\x1b]777;notify;{TITLE};{}\x07", text.replace(';', ","))],
            Way::Osc99 => vec![
                format!("\x1b]99;i=1:d=0;{TITLE}\x1b\\"),
                format!("\x1b]99;i=1:d=1:p=body;{text}\x1b\\"),
            ],
        };
        let sent = pieces.into_iter().map(String::into_bytes);
        match self.is_wrapped {
            true => sent.flat_map(|piece| wrap(&piece)).collect(),
            false => sent.flatten().collect(),
        }
    }
}

/// One line without anything that a terminal obeys or that turns what stands beside it, cut to [`MOST`] characters.
fn harmless(text: &str) -> String {
    let is_turning =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String = text
        .chars()
        .filter(|c| !is_turning(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut kept: String = line.chars().take(MOST + 1).collect();
    if kept.chars().count() > MOST {
        kept = kept.chars().take(MOST - 1).collect();
        kept.push('…');
    }
    kept
}

/// Jobs that have ended and are to be told of once their rows say how long they ran.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    jobs: Vec<JobId>,
}

impl Ended {
    /// A job has come to its end. One that was cancelled is no news.
    pub fn put(&mut self, job: JobId, state: JobState) {
        if matches!(state, JobState::Done | JobState::Failed) && !self.jobs.contains(&job) {
            self.jobs.push(job);
        }
    }

    /// What is to be told now that these rows are known: of jobs that ran for more than `after`. Only the bell is heard by who looks.
    pub fn tell(&mut self, jobs: &[Job], wish: Wish, after: Duration, route: Route, is_seen: bool) -> Vec<Effect> {
        let known: Vec<&Job> = jobs
            .iter()
            .filter(|job| job.state.is_final() && self.jobs.contains(&job.id))
            .collect();
        self.jobs.retain(|id| known.iter().all(|job| job.id != *id));
        let Some(way) = route.way(wish).filter(|way| *way == Way::Bell || !is_seen) else {
            return vec![];
        };
        let is_long = |job: &&Job| {
            let ran = job.finished_ms.zip(job.started_ms);
            ran.is_some_and(|(end, start)| Duration::from_millis(end.saturating_sub(start)) > after)
        };
        let long = known.into_iter().filter(is_long);
        long.map(|job| Effect::Notify(way, in_words(job))).collect()
    }
}

fn in_words(job: &Job) -> String {
    let Task::Image(task) = &job.task;
    match (job.state, &job.failure) {
        (JobState::Failed, Some(failure)) => format!("Failed: {} ({})", failure.message, task.what.prompt),
        (JobState::Failed, None) => format!("Failed: {}", task.what.prompt),
        _ => format!("Done: {}", task.what.prompt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphics::Protocol;
    use rstest::rstest;

    fn route(name: &str, mux: Option<Multiplexer>) -> Route {
        Route::of(&Found {
            name: Some(name.to_owned()),
            mux,
            ..Found::new(Protocol::Blocks, "so")
        })
    }

    const PASSES: Option<Multiplexer> = Some(Multiplexer::Tmux { passes: true });
    const KEEPS: Option<Multiplexer> = Some(Multiplexer::Tmux { passes: false });

    #[rstest]
    #[case::kitty("kitty(0.41.1)", None, Way::Osc99)]
    #[case::iterm("iTerm2 3.5.0", None, Way::Osc9)]
    #[case::wezterm("WezTerm 20240203", PASSES, Way::Osc9)]
    #[case::ghostty("ghostty 1.1.0", None, Way::Osc9)]
    #[case::foot("foot(1.21.0)", None, Way::Osc777)]
    #[case::urxvt("rxvt-unicode", None, Way::Osc777)]
    #[case::xterm("XTerm(388)", None, Way::Bell)]
    #[case::kept("kitty(0.41.1)", KEEPS, Way::Bell)]
    #[case::screen("kitty", Some(Multiplexer::Screen), Way::Bell)]
    #[case::zellij("kitty", Some(Multiplexer::Zellij), Way::Bell)]
    #[case::unknown("", None, Way::Bell)]
    fn terminals_and_their_ways(#[case] name: &str, #[case] mux: Option<Multiplexer>, #[case] way: Way) {
        let route = route(name, mux);
        assert_eq!(route.way(Wish::Auto), Some(way));
        assert_eq!(route.way(Wish::Off), None);
        let forced = if route.only_bell { Way::Bell } else { Way::Osc9 };
        assert_eq!(route.way(Wish::In(Way::Osc9)), Some(forced));
    }

    #[rstest]
    #[case(Way::Bell, None, "\x07")]
    #[case(Way::Bell, PASSES, "\x07")]
    #[case(Way::Osc9, None, "\x1b]9;darkroom: Done: a; fox\x07")]
    #[case(Way::Osc9, PASSES, "\x1bPtmux;\x1b\x1b]9;darkroom: Done: a; fox\x07\x1b\\")]
    #[case(Way::Osc777, None, "\x1b]777;notify;darkroom;Done: a, fox\x07")]
    #[case(
        Way::Osc99,
        None,
        "\x1b]99;i=1:d=0;darkroom\x1b\\\x1b]99;i=1:d=1:p=body;Done: a; fox\x1b\\"
    )]
    #[case(
        Way::Osc99,
        PASSES,
        "\x1bPtmux;\x1b\x1b]99;i=1:d=0;darkroom\x1b\x1b\\\x1b\\\x1bPtmux;\x1b\x1b]99;i=1:d=1:p=body;Done: a; fox\x1b\x1b\\\x1b\\"
    )]
    fn the_bytes(#[case] way: Way, #[case] mux: Option<Multiplexer>, #[case] expected: &str) {
        let bytes = route("kitty", mux).bytes(way, "Done: a;\n\x1b\x07\u{9c} fox\u{202e}");
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = harmless(&"夜 ".repeat(1000));
        assert_eq!(text.chars().count(), MOST);
        assert!(text.ends_with('…'));
    }
}
