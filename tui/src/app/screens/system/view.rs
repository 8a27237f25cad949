//! System on the terminal: the daemon, the queue and the workers above, the log below one rule. Where workers leave the log too little
//! room, each has one row.

use std::fmt::Write as _;

use darkroom_protocol::log::{Level, parse};
use darkroom_protocol::message::log::LogOf;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_width::UnicodeWidthStr as _;

use super::{Log, System, worker};
use crate::app::own::theme::Theme;
use crate::app::state::Scene;
use crate::app::widgets::brief;
use crate::app::world::{Daemon, World};

/// Rows of the log that are left to it, its title among them.
const LOG: u16 = 6;

impl System {
    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let above = above(scene.world, scene.theme, area);
        let height = above.len() as u16;
        frame.render_widget(
            Paragraph::new(above),
            Rect {
                height: height.min(area.height),
                ..area
            },
        );
        let below = Rect {
            y: area.y + height.min(area.height),
            height: area.height.saturating_sub(height),
            ..area
        };
        log(&self.log, frame, below, scene.theme);
    }
}

/// How many lines of the log are seen.
pub fn seen(world: &World, theme: Theme, area: Rect) -> usize {
    usize::from(area.height).saturating_sub(above(world, theme, area).len() + 2)
}

/// Daemon, queue and workers, on as many rows as the log leaves them.
fn above(world: &World, theme: Theme, area: Rect) -> Vec<Line<'static>> {
    let mut lines = vec![daemon(world, theme, area.width.into())];
    if let Some(short) = &world.line.short {
        let short = brief(short, usize::from(area.width).saturating_sub(12));
        lines.push(Line::styled(format!("           {short}"), theme.accent()));
    }
    let width = area.width.into();
    let load = |nth: usize| world.loads.get(nth).cloned().unwrap_or_default();
    let room = usize::from(area.height.saturating_sub(LOG)).saturating_sub(lines.len());
    let wholly = world.workers.iter().enumerate().flat_map(|(nth, one)| {
        let rows = worker::lines(one, &load(nth), world.now, theme, width);
        std::iter::once(Line::default()).chain(rows)
    });
    let wholly: Vec<Line<'static>> = wholly.collect();
    match wholly.len() <= room {
        true => lines.extend(wholly),
        false => lines.extend(
            world
                .workers
                .iter()
                .enumerate()
                .map(|(nth, one)| worker::brief_line(one, &load(nth), world.now, theme, width)),
        ),
    }
    lines.truncate(usize::from(area.height.saturating_sub(LOG)).max(1));
    lines
}

fn daemon(world: &World, theme: Theme, width: usize) -> Line<'static> {
    let (answer, style) = match &world.daemon {
        Daemon::There => ("answers".to_owned(), theme.plain()),
        Daemon::Looking => ("is looked for …".to_owned(), theme.accent()),
        Daemon::Away(why) => (why.clone(), theme.accent()),
    };
    let line = &world.line;
    let mut queue = format!("   {} wait", line.queued);
    if line.held > 0 {
        let _ = write!(queue, ", {} of them held back", line.held);
    }
    if line.paused {
        let _ = write!(queue, ", paused {}", theme.sign("‖", "="));
    }
    let answer = brief(&answer, width.saturating_sub(12));
    let room = width.saturating_sub(12 + answer.width());
    Line::from(vec![
        Span::styled(" Daemon    ", theme.bright()),
        Span::styled(answer, style),
        Span::styled(format!("   {}", brief(&queue, room.saturating_sub(3))), theme.dim()),
    ])
}

fn log(log: &Log, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    if area.height < 3 {
        return;
    }
    let rule = theme.sign("─", "-").repeat(area.width.into());
    frame.render_widget(Line::styled(rule, theme.dim()), Rect { height: 1, ..area });
    let title = Rect {
        y: area.y + 1,
        height: 1,
        ..area
    };
    head(log, frame, title, theme);
    let rows = Rect {
        y: area.y + 2,
        height: area.height - 2,
        ..area
    };
    let shown = log.shown(rows.height.into());
    for (nth, text) in shown.iter().enumerate() {
        let place = Rect {
            y: rows.y + nth as u16,
            height: 1,
            ..rows
        };
        frame.render_widget(line(text, log.aside(), theme, area.width.into()), place);
    }
    if shown.is_empty() {
        let (filter, _) = log.filter();
        let words = if filter.is_empty() {
            "Nothing is written yet."
        } else {
            "No line passes."
        };
        frame.render_widget(
            Line::styled(format!(" {words}"), theme.dim()),
            Rect { height: 1, ..rows },
        );
    }
}

/// Whose log, the filter, and where one is.
fn head(log: &Log, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let name = match log.of() {
        LogOf::Daemon => "Log of the daemon".to_owned(),
        LogOf::Worker => "Log of the workers".to_owned(),
        LogOf::Job(job) => {
            let short = job.parse::<darkroom_protocol::JobId>().map(|job| job.short());
            format!("Log of the job {}", short.unwrap_or_else(|_| job.clone()))
        }
    };
    let (many, is_more) = log.many();
    let right = match (log.problem(), log.is_followed()) {
        (Some(problem), _) => problem.to_owned(),
        (None, true) => format!("{many}{} lines, followed", if is_more { "+" } else { "" }),
        (None, false) => format!("{many}{} lines, G follows", if is_more { "+" } else { "" }),
    };
    let style = if log.problem().is_some() {
        theme.accent()
    } else {
        theme.dim()
    };
    let width = usize::from(area.width);
    let right = brief(&right, width / 2);
    let (filter, is_typing) = log.filter();
    let room = width.saturating_sub(name.width() + right.width() + 8);
    let typed = brief(&filter.text(), room);
    let spans = vec![
        Span::styled(format!(" {name}   "), theme.bright()),
        Span::styled(
            match is_typing || !filter.is_empty() {
                true => format!("/{typed}"),
                false => String::new(),
            },
            if is_typing { theme.accent() } else { theme.plain() },
        ),
    ];
    frame.render_widget(Line::from(spans), area);
    let place = Rect {
        x: area.x + area.width.saturating_sub(right.width() as u16 + 1),
        width: (right.width() as u16).min(area.width),
        ..area
    };
    frame.render_widget(Line::styled(right, style), place);
    if is_typing {
        let column = (name.width() + 5 + filter.column().min(room)) as u16;
        frame.set_cursor_position(Position::new(
            (area.x + column).min(area.right().saturating_sub(1)),
            area.y,
        ));
    }
}

/// A sign and a look for a level.
fn look(level: Option<Level>, theme: Theme) -> (&'static str, Style) {
    match level {
        Some(Level::Error) => (theme.sign("✗", "E"), theme.accent()),
        Some(Level::Warn) => ("!", theme.bright()),
        Some(Level::Info) => (theme.sign("·", "."), theme.plain()),
        Some(Level::Debug) => ("d", theme.dim()),
        Some(Level::Trace) => ("t", theme.dim()),
        None => (" ", theme.plain()),
    }
}

/// A line: the time of day, the level's sign, the part, the text.
fn line(text: &str, aside: usize, theme: Theme, width: usize) -> Line<'static> {
    let line = parse(text);
    let (sign, style) = look(line.level, theme);
    let time = line.time.and_then(|time| time.get(11..19));
    let part = line.part.map(|part| part.strip_prefix("daemon::").unwrap_or(part));
    let mut spans = vec![Span::raw(" ")];
    if let Some(time) = time {
        spans.push(Span::styled(format!("{time} "), theme.dim()));
    }
    spans.push(Span::styled(format!("{sign} "), style));
    if let Some(part) = part {
        spans.push(Span::styled(format!("{:<9} ", brief(part, 9)), theme.dim()));
    }
    let used: usize = spans.iter().map(|span| span.content.width()).sum();
    let seen: String = line.text.chars().skip(aside).collect();
    spans.push(Span::styled(brief(&seen, width.saturating_sub(used + 1)), style));
    Line::from(spans)
}
