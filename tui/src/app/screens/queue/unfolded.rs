//! What there is to say of a job besides its line: its phases with their times, what was asked for that is not the default, where its
//! pictures go, what happened, its failure in full words, and the end of its log. Values in, lines out.

use darkroom_client::{course, words};
use darkroom_protocol::params::TABLE;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Job, JobState};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::app::own::theme::Theme;
use crate::app::widgets::brief;
use crate::app::world::World;

/// Columns before what is said, and columns of what it is called.
const INDENT: usize = 5;
const NAME: usize = 11;

/// The rows below a job on that many columns; `said` is the end of its log, the oldest line first.
pub fn unfolded(job: &Job, world: &World, said: &[String], theme: Theme, width: usize) -> Vec<Line<'static>> {
    let mut rows = Rows {
        lines: vec![],
        room: width.saturating_sub(INDENT + NAME + 2).max(8),
        theme,
    };
    rows.put("phases", &phases(job, world), theme.plain());
    rows.put("asked", &asked(job), theme.plain());
    let negative = job.request.negative_prompt.clone().unwrap_or_default();
    rows.put("not", &negative, theme.plain());
    if let Some(output) = &job.output {
        rows.put("output", &output.path, theme.plain());
    }
    for delivery in &job.deliveries {
        if let Some(problem) = &delivery.problem {
            let text = format!("{}: {problem}", delivery.path);
            rows.put("", &text, theme.accent());
        }
    }
    for moment in course(job)
        .iter()
        .filter(|_| job.state.is_final() || job.started_ms.is_some())
    {
        let is_failure = job.state == JobState::Failed && moment.what.starts_with(job.state.name());
        // Its failure is told in full below.
        if !is_failure {
            let at = format!("+{}", words::took(moment.ms.saturating_sub(job.created_ms)));
            rows.put(&at, &moment.what, theme.dim());
        }
    }
    if let Some(failure) = &job.failure {
        rows.put(theme.sign("✗ failed", "! failed"), &failure.message, theme.accent());
    }
    for (nth, line) in said.iter().enumerate() {
        let line = brief(line, rows.room);
        rows.put(if nth == 0 { "log" } else { "" }, &line, theme.dim());
    }
    rows.lines
}

struct Rows {
    lines: Vec<Line<'static>>,
    room: usize,
    theme: Theme,
}

impl Rows {
    /// A text under a name, on as many rows as it needs; nothing for no text.
    fn put(&mut self, name: &str, text: &str, style: Style) {
        for (nth, row) in wrapped(&escape_line(text), self.room).into_iter().enumerate() {
            let name = if nth == 0 { name } else { "" };
            let gap = NAME.saturating_sub(name.width());
            self.lines.push(Line::from(vec![
                Span::styled(
                    format!("{}{name}{} ", " ".repeat(INDENT), " ".repeat(gap)),
                    self.theme.dim(),
                ),
                Span::styled(row, style),
            ]));
        }
    }
}

/// A text in rows of at most `room` columns, between words where there are any.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = word.width();
        match rows.last_mut() {
            Some(row) if row.width() + 1 + width <= room => {
                row.push(' ');
                row.push_str(word);
            }
            _ if width <= room => rows.push(word.to_owned()),
            // A word that no row holds, such as a path, is cut where it must be.
            _ => {
                let mut row = String::new();
                for c in word.chars() {
                    if row.width() + c.width().unwrap_or(0) > room {
                        rows.push(std::mem::take(&mut row));
                    }
                    row.push(c);
                }
                rows.push(row);
            }
        }
    }
    rows
}

fn phases(job: &Job, world: &World) -> String {
    let Some(phases) = world.phases.get(&job.id) else {
        return String::new();
    };
    let of = |(phase, took): &(darkroom_protocol::Phase, u64)| format!("{} {}", phase.name(), words::took(*took));
    phases.so_far(world.now).iter().map(of).collect::<Vec<_>>().join(", ")
}

/// What was asked for by name, as flags have it.
fn asked(job: &Job) -> String {
    let rows = TABLE
        .iter()
        .filter(|row| !matches!(row.name, "prompt" | "negative_prompt"));
    let set = rows.filter_map(|row| Some((row, job.request.get(row.name)?.to_string())));
    set.map(|(row, value)| {
        let value = match darkroom_protocol::hash::is_sha256(&value) {
            true => format!("{}…", &value[..8]),
            false => value,
        };
        format!("{} {value}", row.flag.replace('-', " "))
    })
    .collect::<Vec<_>>()
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_between_words_where_they_can() {
        assert_eq!(wrapped("a red fox in the snow", 9), ["a red fox", "in the", "snow"]);
        assert_eq!(
            wrapped("/a/very/long/path to it", 8),
            ["/a/very/", "long/pat", "h to it"]
        );
        assert_eq!(wrapped("夜の海", 4), ["夜の", "海"]);
        assert_eq!(wrapped("", 4), [] as [&str; 0]);
    }
}
