//! System: the workers with their state and restarts, what of each device's memory models take, and how the daemon stands.

use std::fmt::Write as _;

use darkroom_client::words;
use darkroom_protocol::WorkerStatus;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::commands::Act;
use crate::app::state::Scene;
use crate::app::theme::Theme;
use crate::app::widgets::brief;
use crate::app::world::Daemon;

/// The screen.
#[derive(Debug, Default)]
pub struct System {
    top: u16,
}

impl System {
    /// Does a command.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Up => self.top = self.top.saturating_sub(1),
            Act::Down => self.top = self.top.saturating_add(1),
            Act::First => self.top = 0,
            _ => {}
        }
    }

    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let (theme, world) = (scene.theme, scene.world);
        let mut lines = vec![Line::from(vec![
            Span::styled(" Daemon    ", theme.bright()),
            match &world.daemon {
                Daemon::There => Span::styled("answers", theme.plain()),
                Daemon::Looking => Span::styled("is looked for …", theme.accent()),
                Daemon::Away(why) => Span::styled(why.clone(), theme.accent()),
            },
        ])];
        let line = &world.line;
        let mut queue = format!("{} wait", line.queued);
        if line.held > 0 {
            let _ = write!(queue, ", {} of them held back", line.held);
        }
        if line.paused {
            queue.push_str(", paused");
        }
        lines.push(Line::from(vec![
            Span::styled(" Queue     ", theme.bright()),
            Span::styled(queue, theme.plain()),
        ]));
        if let Some(short) = &line.short {
            lines.push(Line::styled(format!("           {short}"), theme.accent()));
        }
        for worker in &world.workers {
            lines.push(Line::default());
            lines.extend(of_worker(worker, theme, area.width));
        }
        frame.render_widget(Paragraph::new(lines).scroll((self.top, 0)), area);
    }
}

fn of_worker(worker: &WorkerStatus, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let name = if worker.device.is_empty() {
        "worker"
    } else {
        worker.device.as_str()
    };
    let mut head = format!("{}, libtorch {}", worker.state.name(), worker.libtorch);
    if worker.restarts > 0 {
        let _ = write!(head, ", {} restarts", worker.restarts);
    }
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" {name:<10}"), theme.bright()),
        Span::styled(head, theme.plain()),
    ])];
    let resident = &worker.resident;
    if resident.budget > 0 {
        let wide = usize::from(width).saturating_sub(40).clamp(10, 60);
        let part = (resident.used as f64 / resident.budget as f64).clamp(0.0, 1.0);
        let full = (part * wide as f64).round() as usize;
        lines.push(Line::from(vec![
            Span::raw("           "),
            Span::styled(theme.sign("▰", "#").repeat(full), theme.accent()),
            Span::styled(theme.sign("▱", "-").repeat(wide - full), theme.dim()),
            Span::styled(
                format!(" {} of {}", words::size(resident.used), words::size(resident.budget)),
                theme.dim(),
            ),
        ]));
    }
    for model in &resident.models {
        let parts: Vec<String> = model
            .components
            .iter()
            .map(|part| format!("{} {}", part.name, words::size(part.bytes)))
            .collect();
        let text = format!("{}  {}  {}", model.name, words::why_resident(model), parts.join(", "));
        let width = usize::from(width).saturating_sub(13);
        lines.push(Line::styled(format!("           {}", brief(&text, width)), theme.dim()));
    }
    lines
}
