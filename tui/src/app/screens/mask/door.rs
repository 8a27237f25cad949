//! The way into the mask editor and out of it: from the gallery or from the command line, done or left. What was painted and is not
//! saved is asked about before it goes. What the effects tell comes in here too.

use ratatui::layout::Rect;

use super::{Change, Editor, Opening, effect};
use crate::app::commands::Act;
use crate::app::mask::task::{Task, Told};
use crate::app::msg::Effect;
use crate::app::state::{Overlay, Screen, State};
use crate::app::update::act;
use crate::app::widgets::{Ask, Asked};
use crate::graphics::MAX_SIDE;

/// Answers to whether changes go.
const SAVE: &str = "save";
const DROP: &str = "throw away";
const STAY: &str = "go on painting";

/// Opens the editor. One that was not done is gone back to.
pub fn open(state: &mut State, opening: Opening) -> Vec<Effect> {
    if let Some(editor) = &state.mask
        && editor.is_changed()
    {
        if editor.opening.picture.id != opening.picture.id {
            let id = editor.opening.picture.id;
            state.toast(format!("The mask of #{id} is not done yet: enter saves it."), false);
        }
        state.screen = Screen::Mask;
        return vec![];
    }
    let (width, height) = (opening.picture.width, opening.picture.height);
    if width.min(height) == 0 || width.max(height) > MAX_SIDE {
        let why = format!("A picture of {width}×{height} pixels cannot be painted on: {MAX_SIDE} a side is the most.");
        state.toast(why, true);
        return vec![];
    }
    state.masks_begun += 1;
    let editor = Editor::new(opening, state.masks_begun << 32);
    let load = effect(Task::Load(editor.target()));
    state.mask = Some(Box::new(editor));
    state.screen = Screen::Mask;
    vec![load]
}

/// Takes what came of something that was done for the editor.
pub fn told(state: &mut State, told: Told) -> Vec<Effect> {
    let Some(editor) = &mut state.mask else { return vec![] };
    let is_for_it = |sha256: &str| editor.opening.picture.sha256 == sha256;
    match told {
        Told::Worked(bitmap) if editor.busy == Some(super::Busy::Working) => {
            // The bitmap of another picture comes too late.
            if bitmap.size() == editor.sheet.bitmap.size() {
                editor.sheet.bitmap = bitmap;
                editor.version += 1;
            }
            editor.go_on()
        }
        Told::Loaded(sha256, loaded) if is_for_it(&sha256) && editor.busy == Some(super::Busy::Loading) => {
            let why = match loaded {
                Ok(Some(sheet)) => {
                    editor.sheet = sheet;
                    editor.version += 1;
                    editor.kept = editor.version;
                    None
                }
                Ok(None) => None,
                Err(why) => Some(why),
            };
            let effects = editor.go_on();
            if let Some(why) = why {
                state.toast(why, true);
            }
            effects
        }
        Told::Saved(sha256, saved) if is_for_it(&sha256) && editor.busy == Some(super::Busy::Saving) => {
            let then = editor.then.take();
            match saved {
                Ok(path) => {
                    state.toast(format!("The mask is {}.", path.display()), false);
                    state.saved_mask = Some(path);
                    let mut effects = leave(state);
                    effects.extend(then.map_or_else(Vec::new, |then| act(state, then)));
                    effects
                }
                Err(why) => {
                    let effects = editor.go_on();
                    state.toast(why, true);
                    effects
                }
            }
        }
        _ => vec![],
    }
}

/// Whether a command may leave the editor: where something was painted and not saved, it is asked about first.
pub fn may_leave(state: &mut State, to: Option<Act>) -> bool {
    let Some(editor) = &state.mask else { return true };
    if !editor.is_changed() {
        return true;
    }
    let words = [SAVE, DROP, STAY].map(str::to_owned).to_vec();
    let ask = Ask::choice(Asked::LeaveMask(to), "The mask has changes", words);
    state.overlay = Some(Overlay::Ask(Box::new(ask)));
    false
}

/// Takes the answer.
pub fn answered(state: &mut State, to: Option<Act>, answer: &str) -> Vec<Effect> {
    match (answer, &mut state.mask) {
        (SAVE, Some(editor)) => editor.save(to),
        (DROP, Some(_)) => {
            let mut effects = leave(state);
            effects.extend(to.map_or_else(Vec::new, |to| act(state, to)));
            effects
        }
        _ => vec![],
    }
}

/// Does a command of the screen; `Esc` drops what is begun, and then leaves.
pub fn on_screen(state: &mut State, to_do: Act, body: Rect) -> Vec<Effect> {
    let dots = state.dots;
    let Some(editor) = &mut state.mask else { return vec![] };
    match to_do {
        Act::Pen(to_do) => editor.act(to_do, body, dots),
        Act::Back if editor.drop_begun() => vec![],
        Act::Back if may_leave(state, None) => leave(state),
        _ => vec![],
    }
}

/// Closes the editor, and the client where it was opened for this alone.
pub fn leave(state: &mut State) -> Vec<Effect> {
    let Some(editor) = state.mask.take() else { return vec![] };
    if editor.opening.is_alone {
        state.quit = true;
    }
    state.screen = Screen::Gallery;
    state.gallery.more(state.body())
}

impl Editor {
    /// Whether saving waits for something else.
    pub(super) fn will_save(&self) -> bool {
        self.busy == Some(super::Busy::Saving) || self.waiting.contains(&Change::Save)
    }
}
