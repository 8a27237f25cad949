//! The frame around every screen: tabs and how the daemon stands above, the keys of the screen below, what lies over it, and what is said
//! for a while. Draws the state and changes nothing.

use darkroom_client::words;
use darkroom_protocol::text::escape_line;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};
use unicode_width::UnicodeWidthStr as _;

use super::commands::{Act, Command, of_screen};
use super::harmless::make_harmless;
use super::state::{LEAST, Overlay, Screen, State};
use super::widgets::{brief, middle, plain, words_in};
use super::world::Daemon;
use crate::app::own::keys;

/// Draws everything.
pub fn view(state: &State, frame: &mut Frame<'_>) {
    all(state, frame);
    make_harmless(frame.buffer_mut(), state.theme);
}

fn all(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if state.is_too_small() {
        let by = state.theme.sign("×", "x");
        let text = format!(
            "The terminal has {} {by} {} cells; {} {by} {} are needed: make it larger.",
            area.width, area.height, LEAST.0, LEAST.1
        );
        frame.render_widget(Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: true }), area);
        return;
    }
    head(state, frame, Rect { height: 1, ..area });
    rule(
        state,
        frame,
        Rect {
            y: 1,
            height: 1,
            ..area
        },
    );
    let (scene, body) = (state.scene(), state.body());
    match state.screen {
        Screen::Create => state.create.view(frame, body, &scene),
        Screen::Queue => state.queue.view(frame, body, &scene),
        Screen::Gallery => state.gallery.view(frame, body, &scene),
        Screen::Models => state.models.view(frame, body, &scene),
        Screen::System => state.system.view(frame, body, &scene),
        Screen::Mask => state.mask.iter().for_each(|editor| editor.view(frame, body, &scene)),
    }
    rule(
        state,
        frame,
        Rect {
            y: area.height - 2,
            height: 1,
            ..area
        },
    );
    hints(
        state,
        frame,
        Rect {
            y: area.height - 1,
            height: 1,
            ..area
        },
    );
    toasts(state, frame, area);
    complaint(state, frame, area);
    match &state.overlay {
        Some(Overlay::Palette(palette)) => palette.view(frame, area, &state.scene()),
        Some(Overlay::Ask(ask)) => ask.view(frame, area, state.theme),
        Some(Overlay::Help(from)) => help(state, frame, area, *from),
        None => {}
    }
    if !state.theme.is_unicode {
        plain(frame.buffer_mut());
    }
}

/// The tabs, each with its title and the columns that it takes.
fn tabs(state: &State) -> Vec<(Screen, String, u16)> {
    let mut at = 11;
    let tab = |screen: Screen| {
        let title = match screen {
            Screen::Queue if state.world.line.queued > 0 => format!("Queue {}", state.world.line.queued),
            screen => screen.title().to_owned(),
        };
        let begin = at;
        at += title.chars().count() as u16 + 2;
        (screen, title, begin)
    };
    Screen::ALL.into_iter().map(tab).collect()
}

/// The screen whose tab is there.
pub fn tab_at(state: &State, (x, y): (u16, u16)) -> Option<Screen> {
    let hit = |(_, title, begin): &&(Screen, String, u16)| x >= *begin && x < begin + title.chars().count() as u16;
    tabs(state)
        .iter()
        .find(hit)
        .filter(|_| y == 0)
        .map(|(screen, ..)| *screen)
}

fn head(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme;
    let mut spans = vec![Span::styled(" darkroom  ", theme.dim())];
    for (screen, title, _) in tabs(state) {
        let style = if screen == state.screen {
            theme.accent()
        } else {
            theme.plain()
        };
        spans.push(Span::styled(format!("{title}  "), style));
    }
    frame.render_widget(Line::from(spans), area);
    let left = tabs(state)
        .last()
        .map_or(0, |(_, title, begin)| begin + title.chars().count() as u16 + 2);
    let room = usize::from(area.width.saturating_sub(left + 1));
    let (texts, style) = match &state.world.daemon {
        Daemon::There => {
            let names = match state.world.workers.as_slice() {
                [worker] => escape_line(&worker.device).into_owned(),
                all => format!("{} devices", all.len()),
            };
            ([devices(state, true), devices(state, false), names], theme.dim())
        }
        Daemon::Looking => (
            ["the daemon is looked for …", "looking …", "…"].map(str::to_owned),
            theme.accent(),
        ),
        Daemon::Away(_) => (
            ["the daemon is away", "the daemon is away", "away"].map(str::to_owned),
            theme.accent(),
        ),
    };
    let texts = texts.map(|text| match &state.world.host {
        Some(host) => format!("{}: {text}", escape_line(host)),
        None => text,
    });
    // The first that fits.
    let fits = texts.iter().find(|text| text.width() <= room);
    let text = fits.unwrap_or(&texts[2]);
    let line = Line::styled(format!("{} ", cut(text, room)), style).right_aligned();
    frame.render_widget(
        line,
        Rect {
            x: area.x + left,
            width: area.width.saturating_sub(left),
            ..area
        },
    );
}

/// Which models are in the devices' memory, and with `memory` how much they take.
fn devices(state: &State, memory: bool) -> String {
    let one = |worker: &darkroom_protocol::WorkerStatus| {
        let resident = &worker.resident;
        let models: Vec<String> = resident
            .models
            .iter()
            .map(|model| format!("{} {}", escape_line(&model.name), state.theme.sign("●", "*")))
            .collect();
        let memory = if memory && resident.used > 0 {
            format!("  {}", words::size(resident.used))
        } else {
            String::new()
        };
        format!("{}{memory}  {}", escape_line(&worker.device), models.join("  "))
            .trim()
            .to_owned()
    };
    state.world.workers.iter().map(one).collect::<Vec<_>>().join("   ")
}

/// `text` cut to so many columns, its blanks kept: what of it is from outside has been made harmless.
fn cut(text: &str, width: usize) -> String {
    match text.width() <= width {
        true => text.to_owned(),
        false => words::brief(text, width.saturating_sub(1), "…"),
    }
}

fn rule(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let line = state.theme.sign("─", "-").repeat(usize::from(area.width));
    frame.render_widget(Line::styled(line, state.theme.dim()), area);
}

/// The hints that fit, each with the column at which it begins: the first ones, and the help in any case.
fn shown_hints(state: &State) -> Vec<(Act, String, &'static str, u16)> {
    let hint = |command: &'static Command| {
        let key = state.own.keys().shown(command, state.theme.is_unicode);
        let width = (key.chars().count() + command.name.chars().count() + 3) as u16;
        (!key.is_empty()).then_some((command, key, width))
    };
    let all = of_screen(state.screen).filter(|command| command.hint && state.can(command.act));
    let (last, first): (Vec<_>, Vec<_>) = all.filter_map(hint).partition(|(command, ..)| command.act == Act::Help);
    let room = state.area.width - last.iter().map(|(.., width)| width).sum::<u16>().min(state.area.width);
    let mut at = 1;
    let first = first.into_iter().take_while(|(.., width)| {
        at += width;
        at <= room
    });
    let mut at = 1;
    let place = |(command, key, width): (&'static Command, String, u16)| {
        let begin = at;
        at += width;
        (command.act, key, command.name, begin)
    };
    first.collect::<Vec<_>>().into_iter().chain(last).map(place).collect()
}

/// The command whose hint is there.
pub fn hint_at(state: &State, (x, y): (u16, u16)) -> Option<Act> {
    let hit = |(_, key, name, begin): &&(Act, String, &str, u16)| {
        x >= *begin && x < begin + (key.chars().count() + name.chars().count() + 1) as u16
    };
    shown_hints(state)
        .iter()
        .find(hit)
        .filter(|_| y + 1 == state.area.height)
        .map(|(act, ..)| *act)
}

fn hints(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme;
    let mut spans = vec![Span::raw(" ")];
    for (_, key, name, _) in shown_hints(state) {
        spans.push(Span::styled(key, theme.plain()));
        spans.push(Span::styled(format!(" {name}  "), theme.dim()));
    }
    frame.render_widget(Line::from(spans), area);
}

/// What lies over the screen: an overlay, what is said, and what is wrong with the settings.
pub fn covers(state: &State) -> Vec<Rect> {
    let area = state.area;
    if state.is_too_small() {
        return vec![];
    }
    let overlay = match &state.overlay {
        Some(Overlay::Palette(palette)) => Some(palette.place(area)),
        Some(Overlay::Ask(ask)) => Some(ask.place(area)),
        Some(Overlay::Help(_)) => Some(help_place(area, help_lines(state, area).len())),
        None => None,
    };
    let said = said(state, area).into_iter().map(|(place, ..)| place);
    let complaint = complained(state, area).map(|(place, _)| place);
    overlay.into_iter().chain(said).chain(complaint).collect()
}

fn toasts(state: &State, frame: &mut Frame<'_>, area: Rect) {
    for (place, lines, style) in said(state, area) {
        frame.render_widget(Clear, place);
        let lines: Vec<Line<'_>> = lines.into_iter().map(|line| Line::raw(format!(" {line}"))).collect();
        frame.render_widget(Paragraph::new(lines).style(style), place);
    }
}

/// What was said last, above the hints at the right, the newest lowest; nothing of it is cut off that would fit into four rows.
fn said(state: &State, area: Rect) -> Vec<(Rect, Vec<String>, Style)> {
    let theme = state.theme;
    let mut all = Vec::new();
    let wide = (area.width * 3 / 5).max(48).min(area.width.saturating_sub(4));
    let mut below = area.height.saturating_sub(2);
    for toast in state.toasts.iter().rev() {
        let (sign, end, style) = match toast.is_error {
            true => (theme.sign("✗ ", "! "), " [Esc]", theme.accent()),
            false => ("", "", theme.bright()),
        };
        // Lines end between words: the last one has room for what does not fit into the others.
        let text = brief(&toast.text, usize::from(wide) * 7 / 2 - 10);
        let lines = words_in(&format!("{sign}{text}{end}"), wide.into());
        let width = lines.iter().map(|line| line.width()).max().unwrap_or(0) as u16;
        let rows = lines.len() as u16;
        if below < rows + 3 {
            break;
        }
        let place = Rect {
            x: area.right().saturating_sub(width + 2),
            y: area.y + below - rows,
            width: width + 2,
            height: rows,
        };
        all.push((place, lines, style));
        below -= rows + 1;
    }
    all
}

fn complaint(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let Some((place, text)) = complained(state, area) else {
        return;
    };
    let text = Paragraph::new(text)
        .style(state.theme.accent())
        .wrap(ratatui::widgets::Wrap { trim: true });
    frame.render_widget(Clear, place);
    frame.render_widget(text, place);
}

/// What is wrong with the settings' file, in up to three rows above the hints, until it is mended.
fn complained(state: &State, area: Rect) -> Option<(Rect, String)> {
    let text = state.own.complaint.as_ref()?;
    let width = usize::from(area.width).saturating_sub(2);
    let text = format!(
        "{} {}",
        state.theme.sign("✗", "!"),
        brief(text, (3 * width).saturating_sub(10))
    );
    let is_short = text.width() <= width;
    let rows = if is_short { 1 } else { 3 };
    let place = Rect {
        x: area.x + 1,
        y: area.y + area.height.saturating_sub(2 + rows),
        width: width as u16,
        height: rows,
    };
    Some((place, text))
}

/// Columns of the help.
const HELP: u16 = 112;

fn help_place(area: Rect, lines: usize) -> Rect {
    let height = (lines as u16 + 2).min(area.height.saturating_sub(2));
    middle(area, area.width.min(HELP), height)
}

fn help_lines(state: &State, area: Rect) -> Vec<Line<'static>> {
    let theme = state.theme;
    let room = usize::from(area.width.min(HELP)).saturating_sub(2 + 17 + 18 + 2);
    let mut lines = Vec::new();
    for command in of_screen(state.screen) {
        let keys = state.own.keys().of(command).into_iter();
        let keys: Vec<String> = keys.map(|key| keys::shown(key, theme.is_unicode)).collect();
        let mut head = (keys.join(" "), command.name);
        for about in words_in(command.about, room) {
            let (keys, name) = std::mem::take(&mut head);
            lines.push(Line::from(vec![
                Span::styled(format!(" {keys:<16} "), theme.plain()),
                Span::styled(format!("{name:<17} "), theme.bright()),
                Span::styled(about, theme.dim()),
            ]));
        }
    }
    lines
}

fn help(state: &State, frame: &mut Frame<'_>, area: Rect, from: u16) {
    let theme = state.theme;
    let lines = help_lines(state, area);
    let place = help_place(area, lines.len());
    let last = (lines.len() as u16 + 2).saturating_sub(place.height);
    frame.render_widget(Clear, place);
    let mut block = Block::bordered()
        .border_style(theme.dim())
        .title(format!(" Keys of {} ", state.screen.title()));
    if from < last {
        let more = format!(" {} more ", theme.sign("↓", "Down:"));
        block = block.title_bottom(Line::from(more).right_aligned());
    }
    frame.render_widget(Paragraph::new(lines).block(block).scroll((from.min(last), 0)), place);
}
