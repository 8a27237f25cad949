//! Create on the terminal: prompts and parameters on the left, the picture on the right; where it is narrow, one above the other. The
//! picture gets all the room that words leave.

use darkroom_client::words;
use darkroom_protocol::{Phase, Task};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget as _};
use ratatui_textarea::TextArea;
use unicode_width::UnicodeWidthStr as _;

use super::{Create, Focus};
use crate::app::commands::Act;
use crate::app::own::settings::{Layout, Side};
use crate::app::screens::queue::sign;
use crate::app::state::Scene;
use crate::app::widgets::{brief, draw_picture};

/// Columns that the picture keeps beside the words, unless that is more than half of all.
const PICTURE: u16 = 40;

/// Where everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The prompt's text.
    pub prompt: Rect,
    /// The negative prompt's.
    pub negative: Rect,
    /// The parameters.
    pub form: Rect,
    /// The picture.
    pub picture: Rect,
    /// How far it is.
    pub progress: Rect,
    /// What runs and waits, in one row.
    pub strip: Rect,
    /// The column of the rule between words and picture, where they stand side by side.
    pub rule: Option<u16>,
}

/// Where everything is in `area`.
pub fn places(area: Rect, layout: Layout) -> Places {
    let strip = Rect {
        y: area.y + area.height.saturating_sub(1),
        height: 1.min(area.height),
        ..area
    };
    let area = Rect {
        height: area.height.saturating_sub(1),
        ..area
    };
    let is_beside = layout.picture != Side::Below;
    let words = layout
        .prompt_width
        .min(area.width - PICTURE.min(area.width.div_ceil(2)));
    let beside = area.width.saturating_sub(words + 2);
    let (words_x, picture_x, rule) = match layout.picture {
        Side::Left => (area.x + beside + 2, area.x, area.x + beside),
        Side::Right | Side::Below => (area.x, area.x + words + 2, area.x + words),
    };
    let left = match is_beside {
        true => Rect {
            x: words_x,
            width: words,
            ..area
        },
        false => area,
    };
    let high = match area.height {
        0..30 => 3,
        30..50 => 5,
        50.. => 9,
    };
    let prompt = row(left, 1, high);
    let negative = row(left, 2 + high, 2);
    let top = 5 + high;
    if is_beside {
        let form = Rect {
            y: area.y + top,
            height: area.height.saturating_sub(top),
            ..left
        };
        let right = Rect {
            x: picture_x,
            width: beside,
            ..area
        };
        let progress = Rect {
            y: right.y + right.height.saturating_sub(2),
            height: 2.min(right.height),
            ..right
        };
        let picture = Rect {
            height: right.height.saturating_sub(3),
            ..right
        };
        return Places {
            prompt,
            negative,
            form,
            picture,
            progress,
            strip,
            rule: Some(rule),
        };
    }
    // Below the words: half of what is left is the form's, beside it the picture.
    let below = Rect {
        y: area.y + top,
        height: area.height.saturating_sub(top),
        ..area
    };
    let wide = below.width / 2;
    let form = Rect { width: wide, ..below };
    let right = Rect {
        x: below.x + wide + 1,
        width: below.width.saturating_sub(wide + 1),
        ..below
    };
    Places {
        prompt,
        negative,
        form,
        picture: Rect {
            height: right.height.saturating_sub(2),
            ..right
        },
        progress: Rect {
            y: right.y + right.height.saturating_sub(2),
            height: 2.min(right.height),
            ..right
        },
        strip,
        rule: None,
    }
}

fn row(area: Rect, from: u16, rows: u16) -> Rect {
    Rect {
        x: area.x + 1,
        y: area.y + from.min(area.height),
        width: area.width.saturating_sub(2),
        height: rows.min(area.height.saturating_sub(from)),
    }
}

impl Create {
    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let places = places(area, self.layout);
        let theme = scene.theme;
        let titles = [
            ("Prompt", places.prompt, &self.prompt, Focus::Prompt),
            ("Negative", places.negative, &self.negative, Focus::Negative),
        ];
        for (title, place, text, focus) in titles {
            let has_keys = scene.has_focus && self.focus == focus;
            let style = if has_keys { theme.accent() } else { theme.dim() };
            let above = Rect {
                y: place.y.saturating_sub(1),
                height: 1,
                ..place
            };
            frame.render_widget(Line::styled(title, style), above);
            if let Some(count) = self.counts.words(focus == Focus::Negative) {
                let line = Line::styled(count, theme.dim()).right_aligned();
                let behind = title.width() as u16 + 1;
                let beside = Rect {
                    x: above.x + behind.min(above.width),
                    width: above.width.saturating_sub(behind),
                    ..above
                };
                frame.render_widget(line, beside);
            }
            self.text(frame, place, text, has_keys);
        }
        if let Some(x) = places.rule {
            for y in area.y..places.strip.y {
                let line = Span::styled(theme.sign("│", "|"), theme.dim());
                frame.render_widget(line, Rect::new(x, y, 1, 1));
            }
        }
        self.form
            .view(frame, places.form, scene.has_focus && self.focus == Focus::Form, scene);
        let shown = self.pictures(scene, area);
        let mut is_drawn = false;
        for (key, place) in &shown {
            is_drawn |= draw_picture(frame.buffer_mut(), *place, key, scene.pictures).is_some();
        }
        if !is_drawn && shown.is_empty() && scene.world.running().is_none() {
            empty(frame.buffer_mut(), places.picture, scene);
        }
        self.progress(frame, places.progress, scene);
        strip(frame, places.strip, scene);
    }

    fn text(&self, frame: &mut Frame<'_>, place: Rect, text: &TextArea<'static>, has_keys: bool) {
        let mut text = text.clone();
        text.set_cursor_line_style(Style::default());
        if !has_keys {
            text.set_cursor_style(Style::default());
        }
        text.set_wrap_mode(ratatui_textarea::WrapMode::WordOrGlyph);
        frame.render_widget(&text, place);
    }

    fn progress(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let world = scene.world;
        let mine = self
            .job
            .and_then(|job| world.job(job))
            .filter(|job| job.state.is_in_work());
        let Some(job) = mine.or_else(|| world.running()) else {
            let words = self.shown.as_ref().map(|picture| {
                let parts = [
                    format!("seed {}", picture.seed),
                    format!("{} × {}", picture.width, picture.height),
                    words::took(picture.elapsed_ms),
                ];
                fitting(&parts, area.width)
            });
            frame.render_widget(Line::styled(words.unwrap_or_default(), theme.dim()).centered(), area);
            return;
        };
        let part = world.part(job.id).unwrap_or(0.0);
        let wide = usize::from(area.width.saturating_sub(2)).min(60);
        let full = (part * wide as f64) as usize;
        let bar = Line::from(vec![
            Span::styled(theme.sign("▰", "#").repeat(full), theme.accent()),
            Span::styled(theme.sign("▱", "-").repeat(wide - full), theme.dim()),
        ]);
        frame.render_widget(
            bar.centered(),
            Rect {
                height: 1.min(area.height),
                ..area
            },
        );
        let words = match world.progress.get(&job.id) {
            Some(progress) if progress.phase == Phase::Denoise => {
                let steps = progress.steps.to_string().len();
                let many = (progress.images > 1).then(|| format!("{}/{}", progress.image + 1, progress.images));
                let step = format!("step {:>steps$}/{}", progress.step, progress.steps);
                let left = progress.eta_s.map(|eta| format!("{} left", words::duration(eta)));
                let sigma = progress
                    .sigma
                    .map(|sigma| format!("{} {sigma:>5.2}", theme.sign("σ", "sigma")));
                let parts: Vec<String> = [many, Some(step), left, sigma].into_iter().flatten().collect();
                fitting(&parts, area.width)
            }
            Some(progress) => format!("{} …", progress.phase.name()),
            None => "begins …".to_owned(),
        };
        let below = Rect {
            y: area.y + 1,
            height: 1.min(area.height.saturating_sub(1)),
            ..area
        };
        frame.render_widget(Line::styled(words, theme.plain()).centered(), below);
    }
}

/// As many of the parts as fit into so many columns, the first ones first.
fn fitting(parts: &[String], width: u16) -> String {
    let mut text = String::new();
    for part in parts {
        let wide = text.width() + part.width() + 3;
        if !text.is_empty() && wide > usize::from(width) {
            break;
        }
        if !text.is_empty() {
            text.push_str("   ");
        }
        text.push_str(part);
    }
    text
}

/// What runs and waits, a sign and some words each.
fn strip(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let jobs = scene.world.jobs.iter().filter(|job| !job.state.is_final());
    let mut spans = vec![Span::raw(" ")];
    for job in jobs.take(8) {
        let Task::Image(task) = &job.task;
        let part = scene
            .world
            .part(job.id)
            .map_or_else(String::new, |part| format!("{} % ", (part * 100.0) as u32));
        let many = if task.pictures() > 1 {
            format!(" ×{}", task.pictures())
        } else {
            String::new()
        };
        let style = if job.state.is_in_work() {
            scene.theme.accent()
        } else {
            scene.theme.dim()
        };
        let text = format!(
            "{} {part}{}{many}    ",
            sign(job, scene.theme),
            brief(&task.what.prompt, 24)
        );
        spans.push(Span::styled(text, style));
    }
    frame.render_widget(Line::from(spans), area);
}

fn empty(buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let generate = scene.keys.named(Act::Generate, scene.theme.is_unicode);
    let lines = vec![
        Line::styled("No picture yet.", scene.theme.plain()),
        Line::styled(format!("Write what it is to show, then {generate}."), scene.theme.dim()),
    ];
    let place = Rect {
        y: area.y + area.height / 2,
        height: 2.min(area.height.saturating_sub(area.height / 2)),
        ..area
    };
    Paragraph::new(lines).centered().render(place, buffer);
}
