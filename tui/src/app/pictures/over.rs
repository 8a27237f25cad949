//! Pictures that the terminal draws itself: those that it was given to stand behind cells of text, and those that bytes draw over empty
//! cells after each frame. What is on the terminal is known here, so that nothing is sent twice and nothing is left behind.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Weak};

use ratatui::layout::Rect;

use crate::app::pictures::Source;
use crate::app::pictures::sending::{Part, Sending};
use crate::app::state::State;
use crate::app::widgets::centred;
use crate::graphics::pane::{self, Ready};
use crate::graphics::{Found, Protocol};

/// What the terminal has.
#[derive(Debug)]
pub struct Over {
    found: Found,
    /// Numbers of pictures that it was given, and what it was given last under each.
    given: HashMap<u32, Weak<Ready>>,
    /// What was drawn over the last frame, and where.
    drawn: Vec<(Arc<Ready>, Rect)>,
    /// What lay over the last frame: where that goes, pictures have holes.
    covers: Vec<Rect>,
    sending: Sending,
}

impl Over {
    /// A terminal that was found so, with nothing on it.
    pub fn new(found: Found) -> Self {
        Self {
            found,
            given: HashMap::new(),
            drawn: Vec::new(),
            covers: Vec::new(),
            sending: Sending::default(),
        }
    }

    /// The terminal may have lost everything, and what it has is no longer known: what takes the pictures off that it had.
    pub fn forget_all(&mut self) -> Vec<u8> {
        let bytes = self.taken_off();
        self.given.clear();
        self.drawn.clear();
        self.sending.clear();
        bytes
    }

    /// What takes every picture off the terminal again.
    pub fn taken_off(&self) -> Vec<u8> {
        let drawn = self.drawn.iter().map(|(ready, _)| pane::forget(ready, &self.found));
        let given = self.given.keys().map(|id| pane::forget_number(*id, &self.found));
        let pictures = drawn.chain(given).flatten();
        self.sending.broken_off().into_iter().chain(pictures).collect()
    }

    /// Whether pictures are drawn with their frame: half blocks are cells of it.
    pub fn draws_with_frames(&self) -> bool {
        self.found.protocol == Protocol::Blocks
    }

    /// The next part of what is on its way, of at most about so many bytes.
    pub fn next(&mut self, most: usize) -> Part {
        self.sending.next(most)
    }

    /// Whether a picture that goes would be left behind: Konsole keeps it when text is written over it, and only a screen that is cleared
    /// takes it away. One in whose place another comes needs nothing, nor one that another goes beyond; a picture may end a hair before
    /// its cells.
    pub fn leaves_any(&self, state: &State) -> bool {
        if !keeps_pictures(&self.found) || self.drawn.is_empty() {
            return false;
        }
        let wanted = seen(state);
        let is_left = |old: &(Arc<Ready>, Rect)| {
            let goes_beyond = |new: Rect| new.right() > old.1.right() && new.bottom() > old.1.bottom();
            let covers = |new: Rect| new.intersection(old.1) == old.1 && goes_beyond(new);
            let hides = |new: &Shown| new.place == old.1 || covers(new.place);
            !wanted.iter().any(hides)
        };
        self.drawn.iter().any(is_left)
    }

    /// Begins to give the terminal pictures that cells of the frame stand for.
    pub fn give(&mut self, state: &State) {
        for shown in shown(state) {
            let Ready::Placeholders { id, .. } = &*shown.ready else {
                continue;
            };
            let given = Arc::downgrade(&shown.ready);
            let before = self.given.insert(*id, given.clone());
            if !before.is_some_and(|before| before.ptr_eq(&given)) {
                self.sending.put(shown.ready, None, shown.is_preview);
            }
        }
    }

    /// Begins to draw pictures over the frame that was drawn just now, and takes away those that are not shown any more. What is drawn
    /// under something that lies over the screen would be drawn over that: it waits until that goes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn draw(&mut self, out: &mut impl Write, state: &State) -> std::io::Result<()> {
        let mut wanted = seen(state);
        wanted.retain(|shown| shown.ready.lies_over());
        let covers = state.pictures.covers.clone();
        let before = std::mem::replace(&mut self.covers, covers);
        let has_changed = before != self.covers;
        let has_hole = |place: Rect| has_changed && before.iter().any(|cover| cover.intersects(place));
        let is_shown = |old: &(Arc<Ready>, Rect)| wanted.iter().any(|new| new.is(old));
        let gone: Vec<Arc<Ready>> = self
            .drawn
            .iter()
            .filter(|old| !is_shown(old))
            .map(|old| old.0.clone())
            .collect();
        for gone in gone {
            if gone.number() == 0 {
                self.sending.drop_rest(&gone);
                continue;
            }
            // One of the same number takes its place by itself.
            if wanted.iter().any(|new| new.ready.number() == gone.number()) {
                continue;
            }
            out.write_all(&self.sending.forget(gone.number()))?;
            let away = pane::forget(&gone, &self.found);
            if !away.is_empty() {
                out.write_all(&self.sending.interrupt())?;
                out.write_all(&away)?;
            }
        }
        let drawn = std::mem::take(&mut self.drawn);
        for new in wanted {
            let is_drawn = drawn.iter().any(|old| new.is(old));
            if self.covers.iter().any(|cover| cover.intersects(new.place)) {
                let is_whole = !self.sending.drop_rest(&new.ready);
                if is_drawn && is_whole {
                    self.drawn.push((new.ready, new.place));
                }
                continue;
            }
            if !is_drawn || has_hole(new.place) {
                let at = (new.place.x, new.place.y);
                self.sending.put(new.ready.clone(), Some(at), new.is_preview);
            }
            self.drawn.push((new.ready, new.place));
        }
        Ok(())
    }
}

/// Whether the terminal keeps a picture of cells when text is written over them.
fn keeps_pictures(found: &Found) -> bool {
    found.protocol != Protocol::Kitty && found.name.as_deref().is_some_and(|name| name.contains("onsole"))
}

/// Whether the terminal draws pictures over text: kitty's lie above it, and so do those that are kept.
pub fn is_over_text(found: &Found) -> bool {
    found.protocol == Protocol::Kitty || keeps_pictures(found)
}

/// A picture of the screen that is ready.
struct Shown {
    ready: Arc<Ready>,
    place: Rect,
    is_preview: bool,
}

impl Shown {
    /// Whether it is the one that was drawn.
    fn is(&self, (ready, place): &(Arc<Ready>, Rect)) -> bool {
        Arc::ptr_eq(&self.ready, ready) && self.place == *place
    }
}

/// Those of them that can be seen.
fn seen(state: &State) -> Vec<Shown> {
    let mut all = shown(state);
    all.retain(|shown| !state.pictures.is_hidden(&shown.ready, shown.place));
    all
}

/// The pictures of the screen that are ready, and where they are drawn.
fn shown(state: &State) -> Vec<Shown> {
    let all = state.pictures_shown();
    all.iter()
        .filter_map(|(key, place)| {
            let ready = state.pictures.shown(key)?;
            let place = centred(*place, ready.size());
            let is_preview = matches!(key.source, Source::Preview(_));
            Some(Shown {
                ready,
                place,
                is_preview,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::msg::Msg;
    use crate::app::own::theme::Theme;
    use crate::app::state::Overlay;
    use crate::app::update::update;
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
    fn konsole_is_cleared_where_a_picture_goes() {
        let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, 120, 40));
        state.create.picture(&picture());
        let (key, place) = state.pictures_shown().remove(0);
        let drawn = || vec![(over(b"OLD"), centred(place, (4, 2)))];
        let sixel = Found::new(Protocol::Sixel, "so");
        let mut konsole = Over::new(Found {
            name: Some("Konsole 22.12.3".to_owned()),
            ..sixel.clone()
        });
        let mut xterm = Over::new(sixel);
        assert!(!konsole.leaves_any(&state), "nothing is there");
        (konsole.drawn, xterm.drawn) = (drawn(), drawn());
        assert!(konsole.leaves_any(&state) && !xterm.leaves_any(&state));
        state.pictures.made(key, Some(over(b"NEW")));
        assert!(!konsole.leaves_any(&state), "the new one is in its place");
        state.pictures.covers = vec![place];
        assert!(!konsole.leaves_any(&state));
        state.pictures.is_over_text = is_over_text(&konsole.found);
        assert!(konsole.leaves_any(&state), "something lies over it");
        state.pictures.covers = vec![Rect::new(0, 0, 4, 4)];
        assert!(!konsole.leaves_any(&state), "beside it");
        state.pictures.covers.clear();
        konsole.drawn = vec![(over(b"OLD"), place)];
        assert!(konsole.leaves_any(&state), "the new one is smaller");
    }

    fn picture() -> darkroom_protocol::Picture {
        darkroom_protocol::Picture {
            job: darkroom_protocol::JobId::new(),
            index: 0,
            path: "/p/a.png".into(),
            sha256: "0f".into(),
            bytes: 3,
            width: 8,
            height: 8,
            seed: 1,
            elapsed_ms: 1,
        }
    }

    /// Nothing is written with the frame, pieces come after it, and those of a picture that has gone never.
    #[test]
    fn sixels_follow_their_frame_and_end_with_what_shows_them() {
        let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, 120, 40));
        state.create.picture(&picture());
        let (key, _) = state.pictures_shown().remove(0);
        let found = Found {
            cell: Some((10, 20)),
            ..Found::new(Protocol::Sixel, "so")
        };
        let noise = image::RgbImage::from_fn(400, 400, |x, y| {
            let mixed = (x * 73 + y * 179 + 11).wrapping_mul(0x9e37_79b1);
            image::Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, 0].map(|value| value & 0xc0))
        });
        let sixels = pane::ready(&noise.into(), &found, (40, 20), 0, None).unwrap();
        state.pictures.made(key, Some(Arc::new(sixels)));
        let mut over = Over::new(found);
        let mut out = Vec::new();
        over.draw(&mut out, &state).unwrap();
        assert!(out.is_empty());
        assert!(!over.next(8_000).bytes.is_empty());
        over.draw(&mut out, &state).unwrap();
        assert!(!over.next(8_000).bytes.is_empty(), "another frame changes nothing");
        for is_over_text in [true, false] {
            (state.pictures.is_over_text, state.pictures.covers) = (is_over_text, vec![Rect::new(0, 0, 200, 100)]);
            over.draw(&mut out, &state).unwrap();
            let is_quiet = out.is_empty() && over.next(8_000).bytes.is_empty() && over.taken_off().is_empty();
            assert!(is_quiet, "nothing is drawn over what lies over it");
            state.pictures.covers = vec![];
            over.draw(&mut out, &state).unwrap();
            assert!(!over.next(8_000).bytes.is_empty());
        }
        state.pictures.covers = vec![Rect::new(0, 0, 1, 1), Rect::new(100, 30, 9, 9)];
        over.draw(&mut out, &state).unwrap();
        assert!(!over.next(8_000).bytes.is_empty(), "beside it it goes on");
        state.pictures.covers = vec![Rect::new(0, 0, 200, 100)];
        over.draw(&mut out, &state).unwrap();
        state.pictures.covers = vec![];
        over.draw(&mut out, &state).unwrap();
        let again = String::from_utf8(over.next(usize::MAX).bytes).unwrap();
        assert!(
            again.starts_with("\x1b7\x1b[") && again.matches("\x1bP").count() == 1,
            "from its beginning"
        );
    }

    #[test]
    fn what_is_there_is_not_sent_again_and_what_was_covered_is() {
        let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, 120, 40));
        state.create.picture(&picture());
        let (key, _) = state.pictures_shown().remove(0);
        state.pictures.made(key, Some(over(b"PICTURE")));
        let mut over = Over::new(Found::new(Protocol::Sixel, "so"));
        let drawn = |over: &mut Over, state: &State| {
            let mut out = Vec::new();
            over.draw(&mut out, state).unwrap();
            assert!(out.is_empty());
            String::from_utf8(over.next(usize::MAX).bytes).unwrap()
        };
        assert!(drawn(&mut over, &state).contains("PICTURE"));
        assert_eq!(drawn(&mut over, &state), "");
        // What lies over it takes its cells, and they are missing when that goes.
        let place = centred(state.pictures_shown()[0].1, (4, 2));
        state.pictures.covers = vec![place];
        assert_eq!(drawn(&mut over, &state), "", "what was drawn stays around it");
        state.overlay = Some(Overlay::Ask(Box::new(Ask::line(Asked::Tags(vec![]), "x"))));
        update(&mut state, Msg::Seen);
        assert_eq!(state.pictures.covers.len(), 1);
        assert!(!state.pictures.covers[0].intersects(place), "{place:?}");
        assert!(drawn(&mut over, &state).contains("PICTURE"), "it had a hole");
        state.overlay = None;
        update(&mut state, Msg::Seen);
        assert_eq!(drawn(&mut over, &state), "", "what lay beside it left none");
        // Where pictures lie above text, it goes meanwhile.
        state.pictures.is_over_text = true;
        state.pictures.covers = vec![place];
        assert_eq!(drawn(&mut over, &state), "");
        state.pictures.covers.clear();
        assert!(drawn(&mut over, &state).contains("PICTURE"));
    }
}
