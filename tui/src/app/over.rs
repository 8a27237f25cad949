//! Pictures that the terminal draws itself: those that it was given to stand behind cells of text, and those that bytes draw over empty
//! cells after each frame. What is on the terminal is known here, so that nothing is sent twice and nothing is left behind.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use crossterm::cursor::MoveTo;
use crossterm::queue;
use ratatui::layout::Rect;

use super::pictures::{Key, Slot, Source};
use super::state::State;
use super::widgets::centred;
use crate::graphics::Found;
use crate::graphics::pane::{self, Ready};

/// What the terminal has.
#[derive(Debug)]
pub struct Over {
    found: Found,
    /// Numbers of pictures that it was given, and which bytes.
    given: HashSet<(u32, usize)>,
    /// What was drawn over the last frame, and where.
    drawn: Vec<(Arc<Ready>, Rect)>,
    /// What was said over the last frame: where that goes, pictures have holes.
    said: usize,
}

impl Over {
    /// A terminal that was found so, with nothing on it.
    pub fn new(found: Found) -> Self {
        Self {
            found,
            given: HashSet::new(),
            drawn: Vec::new(),
            said: 0,
        }
    }

    /// The terminal may have lost everything, and what it has is no longer known: what takes the pictures off that it had.
    pub fn forget_all(&mut self) -> Vec<u8> {
        let bytes = self.taken_off();
        self.given.clear();
        self.drawn.clear();
        bytes
    }

    /// What takes every picture off the terminal again.
    pub fn taken_off(&self) -> Vec<u8> {
        let drawn = self.drawn.iter().map(|(ready, _)| pane::forget(ready, &self.found));
        let numbers: HashSet<u32> = self.given.iter().map(|(id, _)| *id).collect();
        let given = numbers.into_iter().map(|id| pane::forget_number(id, &self.found));
        drawn.chain(given).flatten().collect()
    }

    /// Gives the terminal pictures that cells of the next frame stand for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn give(&mut self, out: &mut impl Write, state: &State) -> std::io::Result<()> {
        for (ready, _) in shown(state) {
            if let Ready::Placeholders { id, give, .. } = &*ready
                && self.given.insert((*id, Arc::as_ptr(&ready) as usize))
            {
                out.write_all(give)?;
            }
        }
        Ok(())
    }

    /// Draws pictures over the frame that was drawn just now, and takes away those that are not shown any more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn draw(&mut self, out: &mut impl Write, state: &State) -> std::io::Result<()> {
        let covered = state.pictures.is_covered;
        let wanted: Vec<(Arc<Ready>, Rect)> = shown(state)
            .into_iter()
            .filter(|(ready, _)| matches!(**ready, Ready::Over { .. }) && !covered)
            .collect();
        let is_same = |a: &(Arc<Ready>, Rect), b: &(Arc<Ready>, Rect)| Arc::ptr_eq(&a.0, &b.0) && a.1 == b.1;
        let has_holes = self.said > 0 && self.said != state.toasts.len();
        self.said = state.toasts.len();
        for gone in self
            .drawn
            .iter()
            .filter(|old| !wanted.iter().any(|new| is_same(old, new)))
        {
            // One of the same number takes its place by itself.
            let is_replaced = wanted.iter().any(|(new, _)| number(new) == number(&gone.0));
            if !is_replaced {
                out.write_all(&pane::forget(&gone.0, &self.found))?;
            }
        }
        for new in &wanted {
            if has_holes || !self.drawn.iter().any(|old| is_same(old, new)) {
                let Ready::Over { bytes, .. } = &*new.0 else { continue };
                queue!(out, crossterm::cursor::SavePosition, MoveTo(new.1.x, new.1.y))?;
                out.write_all(bytes)?;
                queue!(out, crossterm::cursor::RestorePosition)?;
            }
        }
        self.drawn = wanted;
        Ok(())
    }
}

fn number(ready: &Ready) -> u32 {
    match ready {
        Ready::Over { id, .. } | Ready::Placeholders { id, .. } => *id,
        Ready::Blocks { .. } => 0,
    }
}

/// The pictures of the screen that are ready, and where they are drawn.
fn shown(state: &State) -> Vec<(Arc<Ready>, Rect)> {
    let ready = |key: &Key| match state.pictures.get(key) {
        Some(Slot::Ready(ready)) => Some(ready.clone()),
        _ if matches!(key.source, Source::Preview(_)) => state.pictures.last_preview(key.room),
        _ => None,
    };
    let all = state.pictures_shown();
    all.iter()
        .filter_map(|(key, place)| {
            let ready = ready(key)?;
            let place = centred(*place, ready.size());
            Some((ready, place))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::Overlay;
    use crate::app::theme::Theme;
    use crate::app::widgets::{Ask, Asked};
    use crate::graphics::Protocol;

    fn over(bytes: &[u8]) -> Arc<Ready> {
        Arc::new(Ready::Over {
            columns: 4,
            rows: 2,
            id: 0,
            bytes: bytes.to_vec(),
        })
    }

    #[test]
    fn what_is_there_is_not_sent_again_and_what_was_covered_is() {
        let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, 120, 40));
        state.create.picture(&darkroom_protocol::Picture {
            job: darkroom_protocol::JobId::new(),
            index: 0,
            path: "/p/a.png".into(),
            sha256: "0f".into(),
            bytes: 3,
            width: 8,
            height: 8,
            seed: 1,
            elapsed_ms: 1,
        });
        let (key, _) = state.pictures_shown().remove(0);
        state.pictures.made(key, Some(over(b"PICTURE")));
        let mut over = Over::new(Found::new(Protocol::Sixel, "so"));
        let drawn = |over: &mut Over, state: &State| {
            let mut out = Vec::new();
            over.draw(&mut out, state).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(drawn(&mut over, &state).contains("PICTURE"));
        assert_eq!(drawn(&mut over, &state), "");
        state.overlay = Some(Overlay::Ask(Box::new(Ask::line(Asked::Tags(vec![]), "x"))));
        state.pictures.is_covered = true;
        assert_eq!(drawn(&mut over, &state), "");
        state.overlay = None;
        state.pictures.is_covered = false;
        assert!(drawn(&mut over, &state).contains("PICTURE"));
        state.toast("hello", false);
        assert_eq!(drawn(&mut over, &state), "");
        state.toasts.clear();
        assert!(drawn(&mut over, &state).contains("PICTURE"), "it had a hole");
    }
}
