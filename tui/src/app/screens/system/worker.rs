//! A worker on System: its state, what of its device's memory each part of a model takes, as one bar with names on it, and its last five
//! minutes as two lines of small columns. Values in, lines out.

use std::collections::HashSet;
use std::fmt::Write as _;

use darkroom_client::words;
use darkroom_protocol::{DeviceStatus, Residency, WorkerState, WorkerStatus};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::own::theme::Theme;
use crate::app::widgets::brief;
use crate::app::world::load::{Column, Load};

/// Columns before what a row says.
const INDENT: usize = 11;
/// Columns of what a line of small columns is called.
const NAME: usize = 8;
/// Columns of a state with its sign.
const STATE: usize = 10;

/// A worker's rows on that many columns.
pub fn lines(worker: &WorkerStatus, load: &Load, now: u64, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![head(worker, theme, width)];
    let resident = &worker.resident;
    let indent = " ".repeat(INDENT);
    let most = resident.budget.max(1);
    let mut memory = words::size(resident.used);
    if resident.budget > 0 {
        let mut spans = vec![Span::raw(indent.clone())];
        let wide = width.saturating_sub(INDENT + 1).clamp(10, 100);
        spans.extend(bar(&parts(resident), most, wide, theme));
        lines.push(Line::from(spans));
        let left = words::size(most.saturating_sub(resident.used));
        memory = format!("{memory} of {}, {left} free", words::size(most));
    }
    let all = load.columns(now, columns(width) as u64);
    let share = format!("{:.0} % of 5 min", 100.0 * load.share(now));
    let of_budget = |column: &Column| column.used as f64 / most as f64;
    for (name, sparks, said) in [
        ("load", sparks(&all, |column| column.busy, theme), share),
        ("memory", sparks(&all, of_budget, theme), memory),
    ] {
        let room = width.saturating_sub(INDENT + NAME + all.len() + 2);
        let said = brief(&said, room);
        lines.push(Line::from(vec![
            Span::styled(format!("{indent}{name:<NAME$}"), theme.dim()),
            Span::styled(sparks, theme.dim()),
            Span::styled(format!(" {said}"), theme.dim()),
        ]));
    }
    for model in &resident.models {
        let parts = model
            .components
            .iter()
            .map(|part| format!(", {} {}", part.name, words::size(part.bytes)));
        let why = words::why_resident(model);
        let text = format!("{}: {}, {why}{}", model.name, model.dtype, parts.collect::<String>());
        let text = brief(&text, width.saturating_sub(INDENT + 1));
        lines.push(Line::styled(format!("{indent}{text}"), theme.dim()));
    }
    lines
}

/// A worker in one row, where there are many: its state, the bar, and what of the memory is taken.
pub fn brief_line(worker: &WorkerStatus, load: &Load, now: u64, theme: Theme, width: usize) -> Line<'static> {
    let (state, style) = state(worker, theme);
    let resident = &worker.resident;
    let said = format!(" {} {:>3.0} %", words::size(resident.used), 100.0 * load.share(now));
    let wide = width
        .saturating_sub(INDENT + STATE + 1 + said.width() + 1)
        .clamp(10, 70);
    let mut spans = vec![
        Span::styled(format!(" {:<10}", brief(name(worker), 9)), theme.bright()),
        Span::styled(format!("{state:<STATE$} "), style),
    ];
    spans.extend(bar(&parts(resident), resident.budget.max(1), wide, theme));
    spans.push(Span::styled(said, theme.dim()));
    Line::from(spans)
}

/// Pieces of the five minutes that there is room for: of five seconds each, or of twelve.
fn columns(width: usize) -> usize {
    if width >= INDENT + NAME + 60 + 40 { 60 } else { 25 }
}

fn name(worker: &WorkerStatus) -> &str {
    match worker.device.as_str() {
        "" => "worker",
        name => name,
    }
}

/// A sign and a word for its state, and their look.
fn state(worker: &WorkerStatus, theme: Theme) -> (String, Style) {
    let (sign, style) = match worker.state {
        WorkerState::Busy | WorkerState::Loading => (theme.sign("●", "*"), theme.accent()),
        WorkerState::Idle => (theme.sign("○", "."), theme.plain()),
        WorkerState::Starting => (theme.sign("◐", "~"), theme.plain()),
        WorkerState::Stopped => (theme.sign("✗", "!"), theme.bright()),
    };
    (format!("{sign} {}", worker.state.name()), style)
}

fn head(worker: &WorkerStatus, theme: Theme, width: usize) -> Line<'static> {
    let (state, style) = state(worker, theme);
    let mut more = String::new();
    match worker.restarts {
        0 => {}
        1 => more.push_str(", 1 restart"),
        many => drop(write!(more, ", {many} restarts")),
    }
    if !worker.libtorch.is_empty() {
        let _ = write!(more, ", libtorch {}", worker.libtorch);
    }
    if let Some(device) = device(worker) {
        let _ = write!(more, ", {} ({})", device.label, device.dtype);
        if device.total > 0 {
            let _ = write!(
                more,
                ", {} of {} free",
                words::size(device.free),
                words::size(device.total)
            );
        }
    }
    let room = width.saturating_sub(INDENT + state.width() + 1);
    Line::from(vec![
        Span::styled(format!(" {:<10}", brief(name(worker), 9)), theme.bright()),
        Span::styled(state, style),
        Span::styled(brief(&more, room), theme.dim()),
    ])
}

/// The device that it works on.
fn device(worker: &WorkerStatus) -> Option<&DeviceStatus> {
    worker.devices.iter().find(|device| device.name == worker.device)
}

/// What takes memory: each part of a model once, then what the process holds beside them.
fn parts(resident: &Residency) -> Vec<(String, u64)> {
    let mut shared = HashSet::new();
    let all = resident.models.iter().flat_map(|model| &model.components);
    let mut parts: Vec<(String, u64)> = all
        .filter(|part| !part.shared || shared.insert((part.name.clone(), part.bytes)))
        .map(|part| (part.name.clone(), part.bytes))
        .collect();
    let sum: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    if resident.used > sum {
        parts.push(("beside".to_owned(), resident.used - sum));
    }
    parts
}

/// A bar of `wide` cells for `budget` bytes: each part begins with a hair line and has its name on it where that fits.
fn bar(parts: &[(String, u64)], budget: u64, wide: usize, theme: Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let (mut sum, mut at) = (0u64, 0usize);
    for (name, bytes) in parts {
        sum = sum.saturating_add(*bytes);
        let end = ((sum as f64 / budget.max(1) as f64 * wide as f64).round() as usize).min(wide);
        let cells = end.saturating_sub(at);
        if cells == 0 {
            continue;
        }
        at = end;
        let room = cells - 1;
        let with_size = format!("{name} {}", words::size(*bytes));
        let text = match (with_size.width() < room, room >= 3) {
            (true, _) => with_size,
            (false, true) => brief(name, room),
            (false, false) => String::new(),
        };
        let fill = theme.sign("▰", "#").repeat(room.saturating_sub(text.width()));
        spans.push(Span::styled(theme.sign("▏", "|"), theme.dim()));
        spans.push(Span::styled(text, theme.bright()));
        spans.push(Span::styled(fill, theme.plain()));
    }
    spans.push(Span::styled(theme.sign("▱", "-").repeat(wide - at), theme.dim()));
    spans
}

/// A small column for each piece of time; nothing where nothing is known.
fn sparks(columns: &[Column], of: impl Fn(&Column) -> f64, theme: Theme) -> String {
    const SIGNS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 8] = ["_", ".", ":", "-", "=", "+", "*", "#"];
    let signs = if theme.is_unicode { SIGNS } else { ASCII };
    let sign = |column: &Column| match column.is_known {
        false => " ",
        // The lowest is nothing at all: a little shows.
        true => signs[(of(column).clamp(0.0, 1.0) * 7.0).ceil() as usize],
    };
    columns.iter().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{ModelSource, ResidentComponent, ResidentModel};

    fn theme(is_unicode: bool) -> Theme {
        Theme::of(&|_| None, is_unicode)
    }

    fn text(spans: &[Span<'_>]) -> String {
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    fn model(name: &str, components: &[(&str, u64, bool)]) -> ResidentModel {
        ResidentModel {
            name: name.to_owned(),
            source: ModelSource::Embedded(name.to_owned()),
            dtype: "bf16".to_owned(),
            components: components
                .iter()
                .map(|(name, bytes, shared)| ResidentComponent {
                    name: (*name).to_owned(),
                    bytes: *bytes,
                    shared: *shared,
                })
                .collect(),
            complete: true,
            bytes: 0,
            pinned: false,
            busy: false,
            used_s: 3,
            expires_s: None,
        }
    }

    #[test]
    fn what_models_share_is_on_the_bar_once_and_the_rest_is_named() {
        let resident = Residency {
            budget: 100,
            used: 70,
            models: vec![
                model("a", &[("unet", 30, false), ("vae", 10, true)]),
                model("b", &[("unet", 20, false), ("vae", 10, true)]),
            ],
        };
        let named: Vec<(String, u64)> = parts(&resident);
        let expected = [("unet", 30), ("vae", 10), ("unet", 20), ("beside", 10)];
        assert_eq!(named, expected.map(|(name, bytes)| (name.to_owned(), bytes)));
    }

    #[test]
    fn a_bar_has_the_names_that_fit_and_its_length() {
        let parts = [("unet".to_owned(), 50), ("vae".to_owned(), 10), ("x".to_owned(), 1)];
        let drawn = text(&bar(&parts, 100, 40, theme(true)));
        assert_eq!(drawn, "▏unet 50 B▰▰▰▰▰▰▰▰▰▰▏vae▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱");
        let ascii = text(&bar(&parts, 100, 40, theme(false)));
        assert_eq!(ascii, "|unet 50 B##########|vae----------------");
        // More than there is room for.
        assert_eq!(
            text(&bar(&[("a".to_owned(), u64::MAX)], 1, 10, theme(true))).width(),
            10
        );
        assert_eq!(text(&bar(&[], 0, 10, theme(true))), "▱".repeat(10));
    }

    #[test]
    fn a_little_shows_and_nothing_known_is_nothing() {
        let column = |busy, is_known| Column {
            busy,
            used: 0,
            is_known,
        };
        let columns = [
            column(0.0, false),
            column(0.0, true),
            column(0.01, true),
            column(0.5, true),
            column(1.0, true),
        ];
        assert_eq!(sparks(&columns, |c| c.busy, theme(true)), " ▁▂▅█");
        assert_eq!(sparks(&columns, |c| c.busy, theme(false)), " _.=#");
    }
}
