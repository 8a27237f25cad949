//! Queue: a line a job, those that run first, then those that wait in their order, then those that ended last. Enter unfolds a job, whose
//! rows `unfolded.rs` makes; the end of its log is asked for then. What cannot be taken back is asked about first.

mod unfolded;

use darkroom_client::words;
use darkroom_protocol::message::client::Place;
use darkroom_protocol::message::log::{LogLook, LogOf, LogPage};
use darkroom_protocol::params::{MAX_PRIORITY, MIN_PRIORITY};
use darkroom_protocol::{Job, JobId, JobState, Task};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_width::UnicodeWidthStr as _;

use crate::app::commands::Act;
use crate::app::msg::{Deed, Effect, Reader};
use crate::app::own::theme::Theme;
use crate::app::state::{Scene, Screen};
use crate::app::widgets::{Ask, Cursor, brief};
use crate::app::world::World;
use unfolded::unfolded;

/// Lines of its log that are shown of a job.
const SAID: u32 = 6;

/// The screen.
#[derive(Debug, Default)]
pub struct Queue {
    cursor: Cursor,
    /// The job that is selected, wherever it stands in the list now.
    job: Option<JobId>,
    /// The job that is unfolded.
    open: Option<JobId>,
    /// The end of its log.
    said: Vec<String>,
}

impl Queue {
    /// The list is another one: what is selected stays selected, and what is unfolded may have said more.
    pub fn keep(&mut self, world: &World) -> Vec<Effect> {
        let at = self
            .job
            .and_then(|job| world.jobs.iter().position(|known| known.id == job));
        self.cursor.at = at.unwrap_or(self.cursor.at).min(world.jobs.len().saturating_sub(1));
        self.job = world.jobs.get(self.cursor.at).map(|job| job.id);
        self.open = self.open.filter(|open| world.job(*open).is_some());
        self.ask()
    }

    /// The job that is selected.
    pub fn selected(&self) -> Option<JobId> {
        self.job
    }

    /// Asks for the end of the log of the job that is unfolded.
    fn ask(&self) -> Vec<Effect> {
        let look = |job: JobId| {
            let look = LogLook::newest(LogOf::Job(job.to_string()), SAID);
            Effect::Log(Reader::Job(job), look)
        };
        self.open.map(look).into_iter().collect()
    }

    /// The end of a job's log has come, or why there is none.
    pub fn said(&mut self, job: JobId, page: Result<LogPage, String>) {
        if self.open != Some(job) {
            return;
        }
        self.said = match page {
            Ok(page) => page
                .lines
                .into_iter()
                .chain(Some(page.unfinished).filter(|rest| !rest.is_empty()))
                .collect(),
            Err(why) => vec![why],
        };
    }

    /// Does a command; `Err` with a question that is to be asked first.
    pub fn act(&mut self, act: Act, world: &World, body: Rect) -> Result<Vec<Effect>, Box<Ask>> {
        let seen = body.height.saturating_sub(self.open_rows(world, body)).max(1);
        if self.cursor.go(act, world.jobs.len(), usize::from(seen)) {
            self.job = world.jobs.get(self.cursor.at).map(|job| job.id);
            return Ok(vec![]);
        }
        if act == Act::PauseAll {
            return Ok(vec![Effect::Do(Deed::Pause(!world.line.paused))]);
        }
        let Some(job) = world.jobs.get(self.cursor.at) else {
            return Ok(vec![]);
        };
        let deed = match act {
            Act::Open => {
                self.open = (self.open != Some(job.id)).then_some(job.id);
                self.said.clear();
                return Ok(self.ask());
            }
            Act::Back => {
                self.open = None;
                return Ok(vec![]);
            }
            Act::Cancel if job.state.is_in_work() => {
                let Task::Image(task) = &job.task;
                let title = format!("End {}: {}?", job.id.short(), brief(&task.what.prompt, 40));
                return Err(Box::new(Ask::sure(Deed::Cancel(job.id), &title, "end it")));
            }
            Act::Clear => return clear(world),
            Act::Cancel if !job.state.is_final() => Deed::Cancel(job.id),
            Act::Retry if matches!(job.state, JobState::Failed | JobState::Cancelled) => Deed::Retry(job.id),
            Act::Hold if job.state == JobState::Queued => Deed::Hold(job.id, !job.held),
            Act::Prefer(by) if job.state == JobState::Queued => {
                let priority = (job.priority + i32::from(by)).clamp(MIN_PRIORITY, MAX_PRIORITY);
                Deed::Priority(job.id, priority)
            }
            Act::Earlier | Act::Later => match neighbour(world, self.cursor.at, act == Act::Later) {
                Some(place) => Deed::Move(job.id, place),
                None => return Ok(vec![]),
            },
            _ => return Ok(vec![]),
        };
        Ok(vec![Effect::Do(deed)])
    }

    /// A click selects.
    pub fn click(&mut self, at: (u16, u16), body: Rect, world: &World) {
        let mut y = usize::from(at.1.saturating_sub(body.y));
        for (nth, job) in world.jobs.iter().enumerate().skip(self.first(world, body)) {
            let rows = if self.open == Some(job.id) {
                1 + usize::from(self.open_rows(world, body))
            } else {
                1
            };
            if y < rows {
                self.cursor.at = nth;
                self.job = Some(job.id);
                return;
            }
            y -= rows;
        }
    }

    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let (theme, world) = (scene.theme, scene.world);
        if world.jobs.is_empty() {
            nothing(frame, area, scene);
            return;
        }
        let end = area.y + area.height;
        let mut y = area.y;
        for (nth, job) in world.jobs.iter().enumerate().skip(self.first(world, area)) {
            if y >= end {
                break;
            }
            let is_at = scene.has_focus && nth == self.cursor.at;
            frame.render_widget(
                line(job, world, theme, is_at, area.width),
                Rect { y, height: 1, ..area },
            );
            y += 1;
            if self.open == Some(job.id) {
                let rows = unfolded(job, world, &self.said, theme, area.width.into());
                let height = (rows.len() as u16).min(end - y);
                frame.render_widget(Paragraph::new(rows), Rect { y, height, ..area });
                y += height;
            }
        }
    }

    /// Rows that the job that is unfolded takes beside its own.
    fn open_rows(&self, world: &World, area: Rect) -> u16 {
        let open = self.open.and_then(|open| world.job(open));
        let rows = open.map_or(0, |job| {
            unfolded(job, world, &self.said, Theme::bare(), area.width.into()).len()
        });
        u16::try_from(rows).unwrap_or(u16::MAX)
    }

    /// The first job that is drawn: a job that is unfolded is seen with its rows, as far as they have room.
    fn first(&self, world: &World, area: Rect) -> usize {
        if self.open.is_none() || self.open != self.job {
            return self.cursor.top;
        }
        let room = usize::from(
            area.height
                .saturating_sub(self.open_rows(world, area).saturating_add(1)),
        );
        self.cursor.top.max(self.cursor.at.saturating_sub(room))
    }
}

fn nothing(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let theme = scene.theme;
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
        height: 2.min(area.height),
        ..area
    };
    frame.render_widget(Paragraph::new(lines).centered(), place);
}

/// Asks whether the ended jobs are to leave the list; nothing where there are none.
fn clear(world: &World) -> Result<Vec<Effect>, Box<Ask>> {
    let many = world.jobs.iter().filter(|job| job.state.is_final()).count();
    let title = match many {
        0 => return Ok(vec![]),
        1 => "Take the ended job off the list?".to_owned(),
        many if many >= 50 => "Take all ended jobs, 50 or more, off the list?".to_owned(),
        many => format!("Take {many} ended jobs off the list?"),
    };
    Err(Box::new(Ask::sure(Deed::Clear, &title, "their pictures stay")))
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
        JobState::Queued if job.held => theme.sign("‖", "="),
        JobState::Queued => theme.sign("○", "."),
        JobState::Running => theme.sign("●", "*"),
        JobState::Cancelling => theme.sign("◐", "~"),
        JobState::Done => theme.sign("✓", "+"),
        JobState::Failed => theme.sign("✗", "!"),
        JobState::Cancelled => theme.sign("–", "-"),
    }
}

/// How it stands: a running one how far and how long yet, a waiting one when it begins and how it is preferred, an ended one how long it
/// took.
fn standing(job: &Job, world: &World) -> String {
    let said = match job.state {
        JobState::Running => {
            let left = world.progress.get(&job.id).and_then(|progress| progress.eta_s);
            let left = left.map_or_else(String::new, |left| {
                format!(" {} left", words::roughly(left.max(0.0) as u64))
            });
            match world.part(job.id) {
                Some(part) => format!("{:>3} %{left}", (part * 100.0) as u32),
                None => "begins".to_owned(),
            }
        }
        JobState::Queued if job.held => "held".to_owned(),
        JobState::Queued => job.begins_s.map_or_else(|| "waits".to_owned(), words::begins),
        JobState::Done => match (job.started_ms, job.finished_ms) {
            (Some(started), Some(finished)) => format!("done {}", words::took(finished.saturating_sub(started))),
            _ => "done".to_owned(),
        },
        state => state.name().to_owned(),
    };
    match job.priority {
        0 => said,
        priority if job.state == JobState::Queued => format!("{said}, {priority:+}"),
        _ => said,
    }
}

/// Columns of a job's line at most.
const WIDEST: u16 = 150;

fn line(job: &Job, world: &World, theme: Theme, is_at: bool, width: u16) -> Line<'static> {
    let Task::Image(task) = &job.task;
    let state = standing(job, world);
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
    let (model, short) = (&task.what.model, job.id.short());
    // What was asked for is worth more than its size.
    let right = match width >= 100 {
        true => {
            let size = format!("{}×{}", task.size.width, task.size.height);
            format!(" {many:<4} {size:>9}  {:<16} {short}", brief(model, 16))
        }
        false => format!(" {many:<4} {:<12} {short}", brief(model, 12)),
    };
    // On a wide terminal what belongs together stays together.
    let left = usize::from(width.min(WIDEST))
        .saturating_sub(21 + right.width())
        .max(10);
    let prompt = brief(&task.what.prompt, left);
    let beside = left.saturating_sub(prompt.width() + 2);
    let why = match &job.failure {
        Some(failure) if beside > 10 => format!("  {}", brief(&failure.message, beside)),
        _ => String::new(),
    };
    let gap = " ".repeat(left.saturating_sub(prompt.width() + why.width()));
    let beside = if is_at { style } else { theme.dim() };
    let lead = match job.state {
        JobState::Failed if !is_at => theme.accent(),
        _ => style,
    };
    Line::from(vec![
        Span::styled(format!(" {} {state:<16} ", sign(job, theme)), lead),
        Span::styled(prompt, style),
        Span::styled(format!("{why}{gap}"), beside),
        Span::styled(right, beside),
        Span::styled(" ", beside),
    ])
}
