//! What the person has chosen in `tui.toml`, as the client uses it: settings, what is wrong with their file, and what surrounds the client,
//! by which they are understood. `run.rs` begins with it; `update.rs` hands on what was read since.

pub mod contrast;
pub mod keymap;
pub mod keys;
pub mod look;
pub mod notify;
pub mod reference;
pub mod settings;
pub mod theme;

use darkroom_protocol::{Event, EventKind};

use super::msg::Effect;
use super::state::State;
use crate::app::own::keymap::Keymap;
use crate::app::own::notify::{Ended, Route};
use crate::app::own::settings::Settings;
use crate::app::own::theme::{Surroundings, Theme};

/// The settings in use, and what belongs to them.
#[derive(Debug)]
pub struct Own {
    /// Those that count.
    pub settings: Settings,
    /// What is wrong with the file as it is now; it is shown until that is mended.
    pub complaint: Option<String>,
    /// What decides on the look besides.
    pub around: Surroundings,
    /// The way that notices go.
    pub route: Route,
    /// Jobs that are to be told of.
    pub ended: Ended,
    /// Whether the terminal has the focus, as far as it tells.
    pub is_seen: bool,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            complaint: None,
            around: Surroundings::default(),
            route: Route::default(),
            ended: Ended::default(),
            is_seen: true,
        }
    }
}

impl Own {
    /// The keys of commands.
    pub fn keys(&self) -> &Keymap {
        &self.settings.keys
    }

    /// The look.
    pub fn theme(&self) -> Theme {
        Theme::chosen(self.settings.theme, self.settings.accent, &self.around)
    }
}

/// Takes note of an event: a job that has ended may be worth telling.
pub fn hear(state: &mut State, event: &Event) {
    if let (EventKind::State(change), Some(job)) = (&event.kind, event.job()) {
        state.own.ended.put(job, change.state);
    }
}

/// The jobs are known anew: what is to be told of those that have ended.
pub fn tell(state: &mut State) -> Vec<Effect> {
    let own = &mut state.own;
    let (wish, after) = (own.settings.notify, own.settings.notify_after);
    own.ended.tell(&state.world.jobs, wish, after, own.route, own.is_seen)
}

/// The file was read: what it says counts from now on, or what is wrong with it is shown.
pub fn read(state: &mut State, read: Result<Settings, String>) -> Vec<Effect> {
    let settings = match read {
        Ok(settings) => settings,
        Err(why) => {
            state.own.complaint = Some(why);
            return vec![];
        }
    };
    let mouse = (settings.mouse != state.own.settings.mouse).then_some(Effect::Mouse(settings.mouse));
    state.own.complaint = None;
    state.own.settings = settings;
    state.theme = state.own.theme();
    state.create.layout = state.own.settings.layout;
    mouse.into_iter().collect()
}

#[cfg(test)]
mod tests;
