//! Models: those that can be named, with family and size, where they are in memory and why. One may be brought in, removed, pinned, or
//! chosen for Create.

use darkroom_client::words;
use darkroom_protocol::message::client::FoundModel;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::commands::Act;
use crate::app::msg::{Deed, Effect};
use crate::app::state::Scene;
use crate::app::widgets::{Cursor, brief};
use crate::app::world::World;

/// The screen.
#[derive(Debug, Default)]
pub struct Models {
    cursor: Cursor,
    chosen: Option<String>,
}

impl Models {
    /// The model that was chosen for Create just now.
    pub fn take_chosen(&mut self) -> Option<String> {
        self.chosen.take()
    }

    /// Does a command.
    pub fn act(&mut self, act: Act, world: &World, body: Rect) -> Vec<Effect> {
        if self.cursor.go(act, world.models.len(), usize::from(body.height)) {
            return vec![];
        }
        let Some(model) = world
            .models
            .get(self.cursor.at)
            .filter(|model| model.problem.is_empty())
        else {
            return vec![];
        };
        let name = model.name.clone();
        match act {
            Act::Use | Act::Open => {
                self.chosen = Some(name);
                vec![]
            }
            Act::Load => vec![Effect::Do(Deed::Load(name))],
            Act::Unload => vec![Effect::Do(Deed::Unload(name))],
            Act::Pin => vec![Effect::Do(Deed::Pin(name, !is_pinned(model, world)))],
            _ => vec![],
        }
    }

    /// A click selects.
    pub fn click(&mut self, at: (u16, u16), body: Rect, world: &World) {
        let row = usize::from(at.1.saturating_sub(body.y)) + self.cursor.top;
        if row < world.models.len() {
            self.cursor.at = row;
        }
    }

    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let (theme, world) = (scene.theme, scene.world);
        let names = world
            .models
            .iter()
            .map(|model| model.name.chars().count())
            .max()
            .unwrap_or(0)
            .clamp(8, 32);
        for (nth, model) in world
            .models
            .iter()
            .enumerate()
            .skip(self.cursor.top)
            .take(usize::from(area.height))
        {
            let is_at = scene.has_focus && nth == self.cursor.at;
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
            let about = if model.problem.is_empty() {
                &model.family
            } else {
                &model.problem
            };
            let name = brief(&model.name, names);
            let size = if model.bytes > 0 {
                words::size(model.bytes)
            } else {
                String::new()
            };
            let left = usize::from(area.width).saturating_sub(names + 16);
            let text = if resident.is_empty() {
                about.clone()
            } else {
                format!("{about}   {resident}")
            };
            let line = Line::from(vec![
                Span::styled(format!(" {sign} "), style),
                Span::styled(format!("{name:<names$} "), style),
                Span::styled(format!("{size:>9}  "), theme.dim()),
                Span::styled(brief(&text, left), theme.dim()),
            ]);
            let y = area.y + (nth - self.cursor.top) as u16;
            frame.render_widget(line, Rect { y, height: 1, ..area });
        }
    }
}

/// Where it is in memory, and why.
fn resident(model: &FoundModel, world: &World) -> String {
    let places = world.workers.iter().flat_map(|worker| {
        let here = worker.resident.models.iter().filter(|held| held.source == model.source);
        here.map(|held| {
            format!(
                "{}: {}, {}",
                worker.device,
                words::size(held.bytes),
                words::why_resident(held)
            )
        })
    });
    places.collect::<Vec<_>>().join("; ")
}

fn is_pinned(model: &FoundModel, world: &World) -> bool {
    let mut all = world.workers.iter().flat_map(|worker| &worker.resident.models);
    all.any(|held| held.source == model.source && held.pinned)
}
