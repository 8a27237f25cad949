//! What comes by itself or late and is drawn only where it changes what is shown: pages of logs, seconds that pass, what a folder holds,
//! pictures to choose from. `update.rs` calls it. Pure.

use darkroom_protocol::history::Entry;
use darkroom_protocol::message::log::LogPage;
use ratatui::layout::Rect;

use crate::app::msg::{Effect, Reader};
use crate::app::own::theme::Theme;
use crate::app::screens::{Around, Queue};
use crate::app::state::{Overlay, Screen, State};
use crate::app::widgets::{Ask, Asked};
use crate::app::world::World;

/// A page of a log has come, or why there is none.
pub fn on_log(state: &mut State, reader: Reader, page: Result<LogPage, String>) -> Vec<Effect> {
    match reader {
        Reader::System(number) => {
            let around = around(&state.world, &state.queue, state.theme, state.body());
            let (effects, is_new) = state.system.page(number, page, &around);
            state.is_same = !is_new || state.screen != Screen::System;
            effects
        }
        Reader::Job(job) => {
            state.queue.said(job, page);
            state.is_same = state.screen != Screen::Queue;
            vec![]
        }
    }
}

/// A second has passed: nothing is drawn where nothing has changed.
pub fn on_pulse(state: &mut State) -> Vec<Effect> {
    state.is_same = true;
    if state.screen != Screen::System {
        return vec![];
    }
    let (effects, is_new) = state.system.pulse(&state.world);
    state.is_same = !is_new;
    effects
}

/// What System is acted on with.
pub fn around<'a>(world: &'a World, queue: &Queue, theme: Theme, body: Rect) -> Around<'a> {
    Around {
        world,
        theme,
        body,
        job: queue.selected(),
    }
}

/// What of a folder can be chosen, for whoever still asks.
pub fn on_listed(state: &mut State, folder: &str, entries: Vec<String>) -> Vec<Effect> {
    if let Some(Overlay::Ask(ask)) = &mut state.overlay {
        ask.listed(folder, entries);
    }
    vec![]
}

/// Pictures to choose from. Who has gone on is not interrupted.
pub fn on_found(state: &mut State, pictures: &[Entry]) -> Vec<Effect> {
    if state.screen == Screen::Create && state.overlay.is_none() {
        let words = pictures
            .iter()
            .map(|picture| format!("{}  #{}", picture.prompt, picture.id));
        let ask = Ask::choice(Asked::Picture, "Begin with what made a picture", words.collect());
        state.overlay = Some(Overlay::Ask(Box::new(ask)));
    }
    vec![]
}
