//! Queue: a line a job, those that run first, then those that wait in their order, then those that ended last. Enter unfolds a job.

use darkroom_client::words;
use darkroom_protocol::message::client::Place;
use darkroom_protocol::{Job, JobId, JobState, Task};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::commands::Act;
use crate::app::msg::{Deed, Effect};
use crate::app::state::{Scene, Screen};
use crate::app::theme::Theme;
use crate::app::widgets::{Cursor, brief};
use crate::app::world::World;

/// The screen.
#[derive(Debug, Default)]
pub struct Queue {
    cursor: Cursor,
    /// The job that is selected, wherever it stands in the list now.
    job: Option<JobId>,
    /// The job that is unfolded.
    open: Option<JobId>,
}

/// Rows that an unfolded job takes beside its own.
const UNFOLDED: u16 = 4;

impl Queue {
    /// The list is another one: what is selected stays selected.
    pub fn keep(&mut self, world: &World) {
        let at = self
            .job
            .and_then(|job| world.jobs.iter().position(|known| known.id == job));
        self.cursor.at = at.unwrap_or(self.cursor.at).min(world.jobs.len().saturating_sub(1));
        self.job = world.jobs.get(self.cursor.at).map(|job| job.id);
    }

    /// Does a command.
    pub fn act(&mut self, act: Act, world: &World, body: Rect) -> Vec<Effect> {
        if self
            .cursor
            .go(act, world.jobs.len(), usize::from(body.height.saturating_sub(UNFOLDED)))
        {
            self.job = world.jobs.get(self.cursor.at).map(|job| job.id);
            return vec![];
        }
        if act == Act::PauseAll {
            return vec![Effect::Do(Deed::Pause(!world.line.paused))];
        }
        let Some(job) = world.jobs.get(self.cursor.at) else {
            return vec![];
        };
        let deed = match act {
            Act::Open => {
                self.open = (self.open != Some(job.id)).then_some(job.id);
                return vec![];
            }
            Act::Back => {
                self.open = None;
                return vec![];
            }
            Act::Cancel if !job.state.is_final() => Deed::Cancel(job.id),
            Act::Retry if matches!(job.state, JobState::Failed | JobState::Cancelled) => Deed::Retry(job.id),
            Act::Hold if job.state == JobState::Queued => Deed::Hold(job.id, !job.held),
            Act::Earlier | Act::Later => match neighbour(world, self.cursor.at, act == Act::Later) {
                Some(place) => Deed::Move(job.id, place),
                None => return vec![],
            },
            _ => return vec![],
        };
        vec![Effect::Do(deed)]
    }

    /// A click selects.
    pub fn click(&mut self, at: (u16, u16), body: Rect, world: &World) {
        let row = usize::from(at.1.saturating_sub(body.y)) + self.cursor.top;
        if row < world.jobs.len() {
            self.cursor.at = row;
            self.job = world.jobs.get(row).map(|job| job.id);
        }
    }

    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let (theme, world) = (scene.theme, scene.world);
        if world.jobs.is_empty() {
            let lines = vec![
                Line::styled("Nothing waits and nothing runs.", theme.plain()),
                Line::styled(
                    format!(
                        "{} goes to Create.",
                        scene.keys.named(Act::Go(Screen::Create), theme.is_unicode)
                    ),
                    theme.dim(),
                ),
            ];
            let place = Rect {
                y: area.y + area.height / 3,
                height: 2,
                ..area
            };
            frame.render_widget(Paragraph::new(lines).centered(), place);
            return;
        }
        let mut y = area.y;
        for (nth, job) in world.jobs.iter().enumerate().skip(self.cursor.top) {
            if y >= area.y + area.height {
                break;
            }
            let is_at = scene.has_focus && nth == self.cursor.at;
            frame.render_widget(
                line(job, world, theme, is_at, area.width),
                Rect { y, height: 1, ..area },
            );
            y += 1;
            if self.open == Some(job.id) {
                for text in unfolded(job) {
                    if y < area.y + area.height {
                        let width = usize::from(area.width).saturating_sub(6);
                        frame.render_widget(
                            Line::styled(format!("     {}", brief(&text, width)), theme.dim()),
                            Rect { y, height: 1, ..area },
                        );
                        y += 1;
                    }
                }
            }
        }
    }
}

/// Before the waiting job above, or behind the one below.
fn neighbour(world: &World, at: usize, below: bool) -> Option<Place> {
    let is_waiting = |job: &&Job| job.state == JobState::Queued;
    world.jobs.get(at).filter(is_waiting)?;
    let other = match below {
        true => world.jobs.get(at + 1).filter(is_waiting)?,
        false => world.jobs.get(at.checked_sub(1)?).filter(is_waiting)?,
    };
    let id = other.id.to_string();
    Some(if below { Place::After(id) } else { Place::Before(id) })
}

/// A sign for a state, which a word says too.
pub fn sign(job: &Job, theme: Theme) -> &'static str {
    match job.state {
        JobState::Queued if job.held => theme.sign("⏸", "="),
        JobState::Queued => theme.sign("○", "."),
        JobState::Running => theme.sign("●", "*"),
        JobState::Cancelling => theme.sign("◐", "~"),
        JobState::Done => theme.sign("✓", "+"),
        JobState::Failed => theme.sign("✗", "!"),
        JobState::Cancelled => theme.sign("–", "-"),
    }
}

fn line(job: &Job, world: &World, theme: Theme, is_at: bool, width: u16) -> Line<'static> {
    let Task::Image(task) = &job.task;
    let state = match job.state {
        JobState::Running => {
            let part = world.part(job.id).map(|part| format!("{:>3} %", (part * 100.0) as u32));
            part.unwrap_or_else(|| "begins".to_owned())
        }
        JobState::Queued if job.held => "held".to_owned(),
        JobState::Queued => job.begins_s.map_or_else(|| "waits".to_owned(), words::begins),
        state => state.name().to_owned(),
    };
    let many = if task.pictures() > 1 {
        format!("×{}", task.pictures())
    } else {
        String::new()
    };
    let style = match (is_at, job.state) {
        (true, _) => theme.selected(),
        (false, JobState::Running | JobState::Cancelling) => theme.accent(),
        (false, JobState::Queued) => theme.plain(),
        (false, _) => theme.dim(),
    };
    let size = format!("{}×{}", task.size.width, task.size.height);
    let left = usize::from(width).saturating_sub(62);
    let prompt = brief(&task.what.prompt, left.max(10));
    Line::from(vec![
        Span::styled(format!(" {} ", sign(job, theme)), style),
        Span::styled(format!("{state:<14} "), style),
        Span::styled(prompt.clone(), style),
        Span::raw(
            " ".repeat(
                left.max(10)
                    .saturating_sub(unicode_width::UnicodeWidthStr::width(prompt.as_str())),
            ),
        ),
        Span::styled(
            format!(
                " {many:<4} {size:>9}  {:<16} {}",
                brief(&task.what.model, 16),
                job.id.short()
            ),
            theme.dim(),
        ),
    ])
}

/// What there is to say of a job besides.
fn unfolded(job: &Job) -> Vec<String> {
    let Task::Image(task) = &job.task;
    let made = format!(
        "{} steps, {}, guidance {}, seed {}",
        task.sampling.steps,
        task.sampler_label(),
        task.guidance.cfg_scale,
        task.sampling.seed
    );
    let times = match (job.started_ms, job.finished_ms) {
        (Some(started), Some(finished)) => format!("took {}", words::took(finished.saturating_sub(started))),
        _ => String::new(),
    };
    let failure = job.failure.as_ref().map(|failure| failure.message.clone());
    let pictures = job.pictures.iter().map(|picture| picture.path.clone()).next();
    [
        Some(made),
        Some(times).filter(|text| !text.is_empty()),
        failure,
        pictures,
    ]
    .into_iter()
    .flatten()
    .collect()
}
