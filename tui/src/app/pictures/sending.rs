//! Pictures on their way to the terminal, in pieces: a large one over a slow link would keep every key waiting for seconds. As much goes out
//! at a time as the way takes in a moment, frames go between, and the terminal's answer lets the next part go (`pacing.rs`). Only kitty's
//! protocol can be sent so; `over.rs` puts pictures in here and `run.rs` takes parts out. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::graphics::pane::{self, Ready};

/// A picture that is on its way.
#[derive(Debug)]
struct One {
    ready: Arc<Ready>,
    /// The cell where it is drawn; none where cells of text stand for it.
    at: Option<(u16, u16)>,
    /// Bytes of it that are sent.
    sent: usize,
    is_preview: bool,
}

/// What is to be sent, in order.
#[derive(Debug, Default)]
pub struct Sending {
    queue: VecDeque<One>,
}

/// A part that is to be written now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its bytes; the cursor is afterwards where it was.
    pub bytes: Vec<u8>,
    /// Whether a preview is whole with it.
    pub ends_preview: bool,
}

impl Sending {
    /// Adds a picture. One of the same number that has not begun gives way to it; what has begun is ended first.
    pub fn put(&mut self, ready: Arc<Ready>, at: Option<(u16, u16)>, is_preview: bool) {
        let number = ready.number();
        self.queue.retain(|one| one.sent > 0 || one.ready.number() != number);
        self.queue.push_back(One {
            ready,
            at,
            sent: 0,
            is_preview,
        });
    }

    /// Sends a picture no more, where it is still on its way. What must be written at once for that.
    pub fn forget(&mut self, number: u32) -> Vec<u8> {
        let broken = match self.queue.front() {
            Some(one) if one.sent > 0 && one.ready.number() == number => pane::break_off(&one.ready),
            _ => Vec::new(),
        };
        self.queue.retain(|one| one.ready.number() != number);
        broken
    }

    /// Ends what has begun, so that another command may be written; it begins anew later.
    pub fn interrupt(&mut self) -> Vec<u8> {
        let broken = self.broken_off();
        if let Some(one) = self.queue.front_mut() {
            one.sent = 0;
        }
        broken
    }

    /// What ends a picture that has begun.
    pub fn broken_off(&self) -> Vec<u8> {
        match self.queue.front() {
            Some(one) if one.sent > 0 => pane::break_off(&one.ready),
            _ => Vec::new(),
        }
    }

    /// Sends nothing any more.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// The next part, of at most about `most` bytes and at least one piece; empty where nothing is left. It ends with a preview.
    pub fn next(&mut self, most: usize) -> Part {
        let mut part = Part::default();
        while let Some(one) = self.queue.front_mut() {
            let rest = &one.ready.bytes()[one.sent..];
            let room = most.saturating_sub(part.bytes.len());
            let length = pane::cut(rest, room, part.bytes.is_empty());
            if length == 0 {
                break;
            }
            if let Some((x, y)) = one.at {
                part.bytes
                    .extend(format!("\x1b7\x1b[{};{}H", y + 1, x + 1).into_bytes());
            }
            part.bytes.extend_from_slice(&rest[..length]);
            if one.at.is_some() {
                part.bytes.extend_from_slice(b"\x1b8");
            }
            one.sent += length;
            if length < rest.len() {
                break;
            }
            part.ends_preview = one.is_preview;
            self.queue.pop_front();
            if part.ends_preview {
                break;
            }
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(id: u32, chunks: usize) -> Arc<Ready> {
        let chunk = |nth: usize| {
            format!(
                "\x1b_Gi={id},m={};{}\x1b\\",
                u8::from(nth + 1 < chunks),
                "A".repeat(100)
            )
        };
        Arc::new(Ready::Over {
            columns: 4,
            rows: 2,
            id,
            bytes: (0..chunks).map(chunk).collect::<String>().into_bytes(),
        })
    }

    fn text(part: &Part) -> String {
        String::from_utf8_lossy(&part.bytes).replace(&"A".repeat(100), "…")
    }

    #[test]
    fn a_picture_goes_out_in_parts_of_whole_pieces_at_its_place() {
        let mut sending = Sending::default();
        sending.put(picture(7, 3), Some((4, 2)), false);
        sending.put(picture(8, 1), None, true);
        let first = sending.next(250);
        assert_eq!(
            text(&first),
            "\x1b7\x1b[3;5H\x1b_Gi=7,m=1;…\x1b\\\x1b_Gi=7,m=1;…\x1b\\\x1b8"
        );
        assert!(!first.ends_preview);
        let second = sending.next(10_000);
        assert!(text(&second).ends_with("\x1b_Gi=8,m=0;…\x1b\\") && second.ends_preview);
        assert_eq!(sending.next(10_000), Part::default());
    }

    #[test]
    fn at_least_one_piece_goes_however_little_there_is_room_for() {
        let mut sending = Sending::default();
        sending.put(picture(7, 2), None, false);
        assert_eq!(text(&sending.next(1)), "\x1b_Gi=7,m=1;…\x1b\\");
        assert_eq!(text(&sending.next(1)), "\x1b_Gi=7,m=0;…\x1b\\");
    }

    #[test]
    fn a_newer_preview_takes_the_place_of_one_that_waits_and_what_has_begun_is_ended() {
        let mut sending = Sending::default();
        sending.put(picture(7, 2), None, false);
        sending.put(picture(9, 1), None, true);
        sending.put(picture(9, 2), None, true);
        sending.next(1);
        let broken = sending.interrupt();
        assert_eq!(String::from_utf8_lossy(&broken), "\x1b_Gq=2,m=0;\x1b\\");
        assert!(sending.interrupt().is_empty(), "nothing is open");
        let all = sending.next(10_000);
        assert_eq!(
            text(&all).matches('…').count(),
            4,
            "from its beginning, and one preview"
        );
        sending.put(picture(7, 2), None, false);
        sending.next(1);
        assert!(!sending.forget(7).is_empty());
        assert!(sending.forget(7).is_empty() && sending.next(1).bytes.is_empty());
    }
}
