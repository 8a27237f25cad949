//! System: the workers with their state and restarts, what each device's memory holds and how it was over the last minutes, how the daemon
//! stands, and the log. `worker.rs` has a worker's rows, `log.rs` the log's questions and answers, `view.rs` draws.

mod log;
mod view;
mod worker;

use crossterm::event::KeyEvent;
use darkroom_protocol::JobId;
use darkroom_protocol::message::log::{LogOf, LogPage};
use ratatui::layout::Rect;

use crate::app::commands::Act;
use crate::app::msg::Effect;
use crate::app::own::theme::Theme;
use crate::app::world::load::Column;
use crate::app::world::{Daemon, World};
use log::Log;

/// The screen.
#[derive(Debug, Default)]
pub struct System {
    log: Log,
    /// How the last minutes looked at the last second.
    past: Vec<Vec<Column>>,
}

/// What the screen is acted on with.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// What the daemon has told.
    pub world: &'a World,
    /// How things look.
    pub theme: Theme,
    /// Where the screen is.
    pub body: Rect,
    /// The job that is selected in the queue.
    pub job: Option<JobId>,
}

impl System {
    /// The screen is shown from now on.
    pub fn enter(&mut self) -> Vec<Effect> {
        self.log.reset();
        self.log.begin()
    }

    /// The daemon is there again, or is not: what was asked is not answered any more.
    pub fn reset(&mut self) {
        self.log.reset();
    }

    /// A second has passed while the screen is shown: what to ask for, and whether it looks another way than before.
    pub fn pulse(&mut self, world: &World) -> (Vec<Effect>, bool) {
        let past: Vec<Vec<Column>> = world.loads.iter().map(|load| load.columns(world.now, 60)).collect();
        let is_new = past != self.past;
        self.past = past;
        let asked = match world.daemon {
            Daemon::There => self.log.more(),
            Daemon::Looking | Daemon::Away(_) => vec![],
        };
        (asked, is_new)
    }

    /// A page of the log has come, or why there is none: what to ask for next, and whether that changes what is shown.
    pub fn page(&mut self, number: u64, page: Result<LogPage, String>, around: &Around<'_>) -> (Vec<Effect>, bool) {
        self.log.page(number, page, seen(around))
    }

    /// Whether keys type the log's filter.
    pub fn is_typing(&self) -> bool {
        self.log.is_typing()
    }

    /// Takes a key that is no command: of the filter.
    pub fn key(&mut self, key: &KeyEvent) -> Vec<Effect> {
        self.log.key(key)
    }

    /// Text was pasted: into the filter.
    pub fn paste(&mut self, text: &str) -> Vec<Effect> {
        self.log.paste(text)
    }

    /// Does a command.
    pub fn act(&mut self, act: Act, around: &Around<'_>) -> Vec<Effect> {
        match act {
            Act::NextLog => {
                let next = match (self.log.of(), around.job) {
                    (LogOf::Daemon, _) => LogOf::Worker,
                    (LogOf::Worker, Some(job)) => LogOf::Job(job.to_string()),
                    (LogOf::Worker, None) | (LogOf::Job(_), _) => LogOf::Daemon,
                };
                self.log.turn_to(next)
            }
            act => self.log.act(act, seen(around)),
        }
    }
}

fn seen(around: &Around<'_>) -> usize {
    view::seen(around.world, around.theme, around.body)
}
