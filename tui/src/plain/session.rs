//! All that the client in plain lines knows, as one value: a line that was typed or a message that came goes in, lines to write and
//! effects come out. Pure; the loop in `mod.rs` reads, writes and does the effects, which are those of the client on a screen.

use std::collections::HashSet;
use std::time::Duration;

use darkroom_protocol::message::client::Submitted;
use darkroom_protocol::text::{closest, fold};
use darkroom_protocol::{GenerateRequest, Job, JobId, JobState};

use super::command::{COMMANDS, Command, OnJob, read};
use super::params;
use super::tell::{Moments, Numbers, line};
use crate::app::msg::{Deed, Effect, Msg};
use crate::app::world::{Daemon, World};

/// Jobs that have ended and are listed.
const ENDED: usize = 5;

/// What comes of a line or a message.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    /// Lines to write.
    pub lines: Vec<String>,
    /// What to do.
    pub effects: Vec<Effect>,
    /// Whether the client is to be left.
    pub leaves: bool,
}

impl Said {
    /// A line.
    pub fn of(line: impl Into<String>) -> Self {
        Self {
            lines: vec![line.into()],
            ..Self::default()
        }
    }

    /// The client is to be left.
    pub fn leave() -> Self {
        Self {
            leaves: true,
            ..Self::default()
        }
    }

    fn doing(effect: Effect) -> Self {
        Self {
            effects: vec![effect],
            ..Self::default()
        }
    }
}

/// The client.
#[derive(Debug, Default)]
pub struct Session {
    pub(super) world: World,
    /// What is asked for besides the prompt.
    request: GenerateRequest,
    pub(super) numbers: Numbers,
    pub(super) moments: Moments,
    /// Jobs that are told by now to run.
    pub(super) running: HashSet<JobId>,
    /// Jobs from here whose end has not come.
    pub(super) open: HashSet<JobId>,
    /// Jobs that ended before the list came that says what they show: it is asked for, and their end is told with it.
    pub(super) untold: Vec<(JobId, JobState)>,
    /// Where the last picture is.
    pub(super) last: Option<String>,
    /// Whether the jobs were told once.
    is_known: bool,
}

impl Session {
    /// The first lines. `complaint` is what is wrong with the settings.
    pub fn greet(&self, complaint: Option<String>) -> Vec<String> {
        let first = "darkroom in plain lines. Type what the picture is to show; /help says what else can be typed.";
        complaint.into_iter().chain([first.to_owned()]).collect()
    }

    /// The last line.
    pub fn farewell(&self) -> String {
        let known = self.world.jobs.iter().filter(|job| !job.state.is_final());
        let going: HashSet<JobId> = known.map(|job| job.id).chain(self.open.iter().copied()).collect();
        match going.len() {
            0 => "No job is left.".to_owned(),
            1 => "One job goes on; `darkroom queue` tells how far it is.".to_owned(),
            n => format!("{n} jobs go on; `darkroom queue` tells how far they are."),
        }
    }

    /// Whether it is known which jobs go on and all ends are told, or that will not be.
    pub fn is_settled(&self) -> bool {
        (self.is_known && self.untold.is_empty()) || matches!(self.world.daemon, Daemon::Away(_))
    }

    /// Takes a line that was typed.
    pub fn line(&mut self, text: &str) -> Said {
        match read(text) {
            Ok(command) => self.command(command),
            Err(why) => Said::of(why),
        }
    }

    fn command(&mut self, command: Command) -> Said {
        match command {
            Command::Nothing => Said::default(),
            Command::Make(prompt) => Said::doing(Effect::Submit(GenerateRequest {
                prompt: Some(prompt),
                ..self.request.clone()
            })),
            Command::Help => Said {
                lines: COMMANDS
                    .iter()
                    .map(|(typed, about)| format!("{typed}: {about}"))
                    .collect(),
                ..Said::default()
            },
            Command::Set(name, value) => self.set(&name, &value),
            Command::Params => Said {
                lines: params::lines(&self.request, &self.world),
                ..Said::default()
            },
            Command::Model(name) => self.model(&name),
            Command::Queue => self.queue(),
            Command::Job(what, number) => self.on_job(what, number),
            Command::Pause(paused) => Said::doing(Effect::Do(Deed::Pause(paused))),
            Command::Last => match &self.last {
                Some(path) => Said::of(path),
                None => Said::of("There is no picture yet."),
            },
            Command::Quit => Said::leave(),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Said {
        match params::set(&mut self.request, name, value, &self.world) {
            Err(why) => Said::of(why),
            Ok(row) => Said {
                lines: vec![params::line(row, &self.request, &self.world)],
                effects: (row.name == "model").then(|| self.card()).into_iter().collect(),
                leaves: false,
            },
        }
    }

    fn card(&self) -> Effect {
        Effect::Card(self.request.model.clone().unwrap_or_default())
    }

    fn model(&mut self, name: &str) -> Said {
        let models = &self.world.models;
        if name.is_empty() {
            let line = |model: &darkroom_protocol::message::client::FoundModel| match model.problem.as_str() {
                "" => format!("{}: {}", model.name, model.family),
                problem => format!("{}: cannot be used: {problem}", model.name),
            };
            let lines: Vec<String> = models.iter().map(line).collect();
            return match lines.is_empty() {
                true => Said::of(self.not_yet("No model is known")),
                false => Said {
                    lines,
                    ..Said::default()
                },
            };
        }
        let known = models.iter().find(|model| fold(&model.name) == fold(name));
        match known {
            Some(model) if !model.problem.is_empty() => {
                Said::of(format!("{} cannot be used: {}", model.name, model.problem))
            }
            None if !models.is_empty() && !name.contains('/') => {
                let near = closest(name, models.iter().map(|model| model.name.as_str()));
                Said::of(match near {
                    Some(near) => format!("There is no model {name}; did you mean {near}?"),
                    None => format!("There is no model {name}; /model says which there are."),
                })
            }
            known => {
                let name = known.map_or(name, |model| model.name.as_str()).to_owned();
                self.set("model", &name)
            }
        }
    }

    fn queue(&mut self) -> Said {
        let mut ended = 0;
        let listed: Vec<Job> = self
            .world
            .jobs
            .iter()
            .filter(|job| {
                ended += usize::from(job.state.is_final());
                !job.state.is_final() || ended <= ENDED
            })
            .cloned()
            .collect();
        if listed.is_empty() {
            return Said::of(match self.is_known {
                true => "Nothing waits and nothing runs.".to_owned(),
                false => self.not_yet("No job is known"),
            });
        }
        let mut lines: Vec<String> = listed
            .iter()
            .map(|job| line(job, self.numbers.of(job.id), &self.world))
            .collect();
        if self.world.line.paused {
            lines.push("The queue is paused; /go starts jobs again.".to_owned());
        }
        Said {
            lines,
            ..Said::default()
        }
    }

    fn not_yet(&self, what: &str) -> String {
        match &self.world.daemon {
            Daemon::There => format!("{what}."),
            Daemon::Looking => format!("{what} yet: the daemon is looked for."),
            Daemon::Away(why) => format!("{what}: the daemon is away: {why}"),
        }
    }

    fn on_job(&mut self, what: OnJob, number: usize) -> Said {
        let found = self.numbers.job(number).and_then(|id| self.world.job(id));
        let Some(job) = found else {
            return Said::of(format!("There is no job {number}; /queue says which there are."));
        };
        let deed = match what {
            OnJob::Cancel if !job.state.is_final() => Deed::Cancel(job.id),
            OnJob::Retry if matches!(job.state, JobState::Failed | JobState::Cancelled) => Deed::Retry(job.id),
            OnJob::Hold if job.state == JobState::Queued && !job.held => Deed::Hold(job.id, true),
            OnJob::Release if job.state == JobState::Queued && job.held => Deed::Hold(job.id, false),
            _ => {
                let why = match what {
                    OnJob::Cancel => "it has ended",
                    OnJob::Retry => "only what failed or was cancelled is made again",
                    OnJob::Hold => "only what waits is held",
                    OnJob::Release => "it is not held",
                };
                return Said::of(format!("{}; {why}.", line(job, number, &self.world)));
            }
        };
        Said::doing(Effect::Do(deed))
    }

    /// Takes a message that came at `now`, counted from the start.
    pub fn take(&mut self, msg: Msg, now: Duration) -> Said {
        match msg {
            Msg::Link(link) => self.link(link, now),
            Msg::Jobs(jobs) => Said {
                lines: self.jobs(jobs),
                ..Said::default()
            },
            Msg::Models(models) => {
                self.world.models = models;
                Said::doing(self.card())
            }
            Msg::Card(card) => {
                self.world.card = Some(*card);
                Said::default()
            }
            Msg::Submitted(submitted) => self.submitted(submitted),
            Msg::Done(text) if text.is_empty() => Said::of("Done."),
            Msg::Done(text) | Msg::Failed(text) => Said::of(text),
            _ => Said::default(),
        }
    }

    /// Takes the list of jobs; the ends that waited for it.
    fn jobs(&mut self, jobs: Vec<Job>) -> Vec<String> {
        self.is_known = true;
        for job in &jobs {
            if job.state.is_final() {
                self.open.remove(&job.id);
            } else {
                self.numbers.of(job.id);
            }
        }
        if self.last.is_none() {
            let newest = jobs
                .iter()
                .filter(|job| !job.pictures.is_empty())
                .max_by_key(|job| (job.finished_ms, job.id));
            self.last = newest.and_then(|job| job.pictures.last().map(|picture| job.place(picture).to_owned()));
        }
        self.world.jobs = jobs;
        let untold = std::mem::take(&mut self.untold);
        untold.into_iter().map(|(job, state)| self.ended(job, state)).collect()
    }

    fn submitted(&mut self, submitted: Submitted) -> Said {
        let number = self.numbers.of(submitted.job);
        self.open.insert(submitted.job);
        let before = match submitted.position {
            0 => String::new(),
            1 => ", behind one other".to_owned(),
            n => format!(", behind {n} others"),
        };
        let first = format!("Job {number} is taken, for {}{before}.", submitted.model);
        let more = [submitted.notice, submitted.hint, submitted.complaint];
        Said {
            lines: [Some(first)].into_iter().chain(more).flatten().collect(),
            effects: vec![Effect::Jobs],
            leaves: false,
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
