//! Models: those that can be named, grouped by family, with size and number format, where they are in memory and why. One may be brought
//! in, kept for a time, removed, pinned, or chosen for Create. To remove one that is pinned is asked about first.

use darkroom_client::words;
use darkroom_protocol::message::client::FoundModel;
use darkroom_protocol::{ModelSource, ResidentModel};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::commands::Act;
use crate::app::msg::{Deed, Effect};
use crate::app::own::theme::Theme;
use crate::app::state::Scene;
use crate::app::widgets::{Ask, Asked, Cursor, brief};
use crate::app::world::World;

/// The group of those that cannot be used.
const BROKEN: &str = "Cannot be used";

/// What is said where there are no models but those of the program.
const NO_FOLDER: &str = "models = [\"~/models\"] in config.toml shows those of a folder here.";

/// The screen.
#[derive(Debug, Default)]
pub struct Models {
    cursor: Cursor,
    chosen: Option<String>,
}

/// A row of the screen.
#[derive(Clone, Copy, Debug)]
enum Row<'a> {
    Family(&'a str),
    /// With its place among the models as they are grouped.
    Model(usize, &'a FoundModel),
}

/// The models by family, those that cannot be used last.
fn grouped(world: &World) -> Vec<&FoundModel> {
    let mut all: Vec<&FoundModel> = world.models.iter().collect();
    all.sort_by_key(|model| (!model.problem.is_empty(), family(model)));
    all
}

fn family(model: &FoundModel) -> &str {
    if model.problem.is_empty() {
        &model.family
    } else {
        BROKEN
    }
}

fn rows(world: &World) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut last = None;
    for (nth, model) in grouped(world).into_iter().enumerate() {
        if last != Some(family(model)) {
            last = Some(family(model));
            rows.push(Row::Family(family(model)));
        }
        rows.push(Row::Model(nth, model));
    }
    rows
}

impl Models {
    /// The model that was chosen for Create just now.
    pub fn take_chosen(&mut self) -> Option<String> {
        self.chosen.take()
    }

    /// Does a command; `Err` with a question that is to be asked first.
    pub fn act(&mut self, act: Act, world: &World, body: Rect) -> Result<Vec<Effect>, Box<Ask>> {
        if self.cursor.go(act, world.models.len(), usize::from(body.height)) {
            return Ok(vec![]);
        }
        let all = grouped(world);
        let here = all.get(self.cursor.at).filter(|model| model.problem.is_empty());
        let Some(model) = here else { return Ok(vec![]) };
        let name = model.name.clone();
        let deed = match act {
            Act::Use | Act::Open => {
                self.chosen = Some(name);
                return Ok(vec![]);
            }
            Act::KeepAlive => {
                let title = format!("How long {} stays: 10m, 2h, 0, forever", brief(&name, 30));
                return Err(Box::new(Ask::line(Asked::KeepAlive(name), &title)));
            }
            Act::Unload if is_pinned(model, world) => {
                let title = format!("Remove {} from memory?", brief(&name, 40));
                return Err(Box::new(Ask::sure(Deed::Unload(name), &title, "though it is pinned")));
            }
            Act::Load => Deed::Load(name),
            Act::Unload => Deed::Unload(name),
            Act::Pin => Deed::Pin(name, !is_pinned(model, world)),
            _ => return Ok(vec![]),
        };
        Ok(vec![Effect::Do(deed)])
    }

    /// The first row that is seen: what is selected is in the middle where it can be.
    fn top(&self, rows: &[Row<'_>], height: u16) -> usize {
        let height = usize::from(height);
        let at = rows
            .iter()
            .position(|row| matches!(row, Row::Model(nth, _) if *nth == self.cursor.at));
        at.unwrap_or(0)
            .saturating_sub(height / 2)
            .min(rows.len().saturating_sub(height))
    }

    /// A click selects.
    pub fn click(&mut self, at: (u16, u16), body: Rect, world: &World) {
        let rows = rows(world);
        let row = usize::from(at.1.saturating_sub(body.y)) + self.top(&rows, body.height);
        if let Some(Row::Model(nth, _)) = rows.get(row) {
            self.cursor.at = *nth;
        }
    }

    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let rows = rows(scene.world);
        let names = scene.world.models.iter().map(|model| model.name.chars().count()).max();
        let names = names.unwrap_or(0).clamp(8, 32);
        let top = self.top(&rows, area.height);
        for (nth, row) in rows.iter().skip(top).take(usize::from(area.height)).enumerate() {
            let line = match row {
                Row::Family(name) => Line::styled(
                    format!(" {}", brief(name, usize::from(area.width) - 2)),
                    scene.theme.bright(),
                ),
                Row::Model(at, model) => {
                    let is_at = scene.has_focus && *at == self.cursor.at;
                    line(model, scene.world, scene.theme, is_at, (names, area.width.into()))
                }
            };
            let y = area.y + nth as u16;
            frame.render_widget(line, Rect { y, height: 1, ..area });
        }
        let is_built_in = |model: &FoundModel| matches!(model.source, ModelSource::Embedded(_));
        let below = area.y + rows.len() as u16 + 1;
        if !rows.is_empty() && scene.world.models.iter().all(is_built_in) && below < area.bottom() {
            let text = format!(" {}", brief(NO_FOLDER, usize::from(area.width) - 2));
            let line = Line::styled(text, scene.theme.dim());
            frame.render_widget(line, Rect::new(area.x, below, area.width, 1));
        }
    }
}

fn line(model: &FoundModel, world: &World, theme: Theme, is_at: bool, (names, width): (usize, usize)) -> Line<'static> {
    let resident = resident(model, world);
    let sign = match (resident.is_empty(), model.problem.is_empty()) {
        (false, _) => theme.sign("●", "*"),
        (true, true) => theme.sign("○", "."),
        (true, false) => theme.sign("✗", "!"),
    };
    let style = match (is_at, resident.is_empty()) {
        (true, _) => theme.selected(),
        (false, false) => theme.accent(),
        (false, true) => theme.plain(),
    };
    let size = if model.bytes > 0 {
        words::size(model.bytes)
    } else {
        String::new()
    };
    let about = match (resident.as_str(), model.default) {
        _ if !model.problem.is_empty() => model.problem.clone(),
        ("", true) => "the default one".to_owned(),
        (resident, _) => resident.to_owned(),
    };
    let name = brief(&model.name, names);
    let gap = names.saturating_sub(unicode_width::UnicodeWidthStr::width(name.as_str()));
    let left = width.saturating_sub(names + 18);
    Line::from(vec![
        Span::styled(format!("   {sign} {name}{}", " ".repeat(gap + 1)), style),
        Span::styled(format!("{size:>9}  "), theme.dim()),
        Span::styled(brief(&about, left), theme.dim()),
    ])
}

/// Where it is in memory, in which number format, and why.
fn resident(model: &FoundModel, world: &World) -> String {
    let places = held(model, world).map(|(device, held)| {
        format!(
            "{device}: {}, {}, {}",
            held.dtype,
            words::size(held.bytes),
            words::why_resident(held)
        )
    });
    places.collect::<Vec<_>>().join("; ")
}

fn held<'a>(model: &'a FoundModel, world: &'a World) -> impl Iterator<Item = (&'a str, &'a ResidentModel)> {
    world.workers.iter().flat_map(|worker| {
        let here = worker.resident.models.iter().filter(|held| held.source == model.source);
        here.map(|held| (worker.device.as_str(), held))
    })
}

fn is_pinned(model: &FoundModel, world: &World) -> bool {
    held(model, world).any(|(_, held)| held.pinned)
}
