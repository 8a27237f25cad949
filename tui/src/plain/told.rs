//! What the daemon tells, as lines of a session: a job that begins, is on its way, has a picture, has ended; a daemon that goes and comes.
//! Pure; `session.rs` has the state, and `tell.rs` decides which moments are worth a line.

use std::time::Duration;

use darkroom_protocol::{Event, EventKind, JobId, JobState, Picture};

use super::session::{Said, Session};
use super::tell::{how_far, prompt};
use crate::app::msg::Link;
use crate::app::world::Daemon;

impl Session {
    /// The daemon is there, was lost, or has told something, at `now`.
    pub(super) fn link(&mut self, link: Link, now: Duration) -> Said {
        match link {
            Link::There(status) => {
                let was_away = matches!(self.world.daemon, Daemon::Away(_));
                for job in &status.running {
                    if self.running.insert(*job) {
                        self.moments.begin(*job, now);
                    }
                }
                let effects = self.world.begin(*status);
                Said {
                    lines: was_away
                        .then(|| "The daemon is there again.".to_owned())
                        .into_iter()
                        .collect(),
                    effects,
                    leaves: false,
                }
            }
            Link::Away(why) => {
                let away = Daemon::Away(why.clone());
                let is_news = self.world.daemon != away;
                self.world.daemon = away;
                match is_news {
                    true => Said::of(format!("The daemon is away: {why}")),
                    false => Said::default(),
                }
            }
            Link::Event(event) => {
                let was_short = self.world.line.short.clone();
                let effects = self.world.take(&event);
                let mut lines = self.event(event, now);
                if let Some(short) = self
                    .world
                    .line
                    .short
                    .clone()
                    .filter(|short| Some(short) != was_short.as_ref())
                {
                    lines.push(short);
                }
                Said {
                    lines,
                    effects,
                    leaves: false,
                }
            }
        }
    }

    fn event(&mut self, event: Event, now: Duration) -> Vec<String> {
        let Some(job) = event.job() else {
            return match event.kind {
                EventKind::Warning(text) | EventKind::Notice(text) => vec![text],
                _ => vec![],
            };
        };
        let number = self.numbers.of(job);
        match event.kind {
            EventKind::State(change) => {
                let why = change.failure.map(|failure| failure.message);
                self.state(job, change.state, why, now)
            }
            EventKind::Progress(_) => {
                let part = self.world.part(job).unwrap_or(0.0);
                match self.moments.is_worth(job, part, now) {
                    true => vec![format!("Job {number}: {}.", how_far(job, &self.world))],
                    false => vec![],
                }
            }
            EventKind::Picture(picture) => vec![self.picture(number, &picture)],
            EventKind::Warning(text) | EventKind::Notice(text) => vec![format!("Job {number}: {text}")],
            _ => vec![],
        }
    }

    fn state(&mut self, job: JobId, state: JobState, why: Option<String>, now: Duration) -> Vec<String> {
        let number = self.numbers.of(job);
        if state.is_final() {
            self.moments.end(job);
            self.running.remove(&job);
            self.open.remove(&job);
        }
        match state {
            JobState::Running if self.running.insert(job) => {
                self.moments.begin(job, now);
                vec![format!("Job {number} begins{}", self.shown(job))]
            }
            JobState::Done | JobState::Cancelled if self.world.job(job).is_none() => {
                self.untold.push((job, state));
                vec![]
            }
            JobState::Done | JobState::Cancelled => vec![self.ended(job, state)],
            JobState::Failed => vec![format!("Job {number} failed: {}", why.unwrap_or_default())],
            // Back in the line, as after a worker that died: it begins once more.
            JobState::Queued => {
                self.running.remove(&job);
                vec![]
            }
            JobState::Running | JobState::Cancelling => vec![],
        }
    }

    /// The line of a job that is done or was cancelled.
    pub(super) fn ended(&mut self, job: JobId, state: JobState) -> String {
        let what = match state {
            JobState::Cancelled => "was cancelled",
            _ => "is done",
        };
        format!("Job {} {what}{}", self.numbers.of(job), self.shown(job))
    }

    /// What a job shows, as the end of a line.
    fn shown(&self, job: JobId) -> String {
        let known = self.world.job(job);
        known.map_or_else(|| ".".to_owned(), |job| format!(": {}", prompt(job)))
    }

    fn picture(&mut self, number: usize, picture: &Picture) -> String {
        self.last = Some(picture.path.clone());
        format!("Job {number}: picture {} is saved: {}", picture.index + 1, picture.path)
    }
}
