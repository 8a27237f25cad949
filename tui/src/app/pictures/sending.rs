//! Pictures on their way to the terminal, in pieces: a large one over a slow link would keep every key waiting for seconds. As much goes out
//! at a time as the way takes in a moment, frames go between, and the terminal's answer lets the next part go (`pacing.rs`). Kitty takes a
//! picture in chunks, which must follow each other and are broken off by a sequence; pieces of sixels are pictures of their own, and what
//! is left of them is just not sent. `over.rs` puts pictures in here and `run.rs` takes parts out. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::graphics::pane::{self, Ready};
use crate::graphics::stripes::{At, LEAST};

/// A picture that is on its way.
#[derive(Debug)]
struct One {
    ready: Arc<Ready>,
    /// The cell where it is drawn; none where cells of text stand for it.
    at: Option<(u16, u16)>,
    /// Bytes of it that are sent, of one that goes in chunks.
    sent: usize,
    /// Where its next piece begins, of one that has pieces.
    next: At,
    is_preview: bool,
}

/// What became of an attempt to send some of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// There was no room.
    Nothing,
    /// There is more.
    Some,
    /// It is whole.
    All,
}

impl One {
    /// Whether a chunk was sent and more must follow.
    fn is_open(&self) -> bool {
        self.sent > 0
    }

    /// Adds some of it to `out`, of at most about `room` bytes; something in any case where `out` is empty.
    fn send(&mut self, room: usize, out: &mut Vec<u8>) -> Sent {
        let is_first = out.is_empty();
        let Ready::Pieces { pieces, .. } = &*self.ready else {
            let rest = &self.ready.bytes()[self.sent..];
            let length = pane::cut(rest, room, is_first);
            if length == 0 {
                return Sent::Nothing;
            }
            let is_all = length == rest.len();
            placed(out, self.at, &rest[..length]);
            self.sent += length;
            return if is_all { Sent::All } else { Sent::Some };
        };
        if room < LEAST && !is_first {
            return Sent::Nothing;
        }
        let piece = pieces.piece(self.next, room);
        let at = self.at.map(|(x, y)| (x + self.next.column, y + self.next.row));
        placed(out, at, &piece.bytes);
        match piece.next {
            Some(next) => {
                self.next = next;
                Sent::Some
            }
            None => Sent::All,
        }
    }
}

/// Adds bytes that draw at a cell, the cursor afterwards where it was; or where nothing is drawn, the bytes alone.
fn placed(out: &mut Vec<u8>, at: Option<(u16, u16)>, bytes: &[u8]) {
    if let Some((x, y)) = at {
        out.extend(format!("\x1b7\x1b[{};{}H", y + 1, x + 1).into_bytes());
    }
    out.extend_from_slice(bytes);
    if at.is_some() {
        out.extend_from_slice(b"\x1b8");
    }
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
    /// Adds a picture. One of the same number, or at the same place, gives way to it; chunks that have begun are ended first.
    pub fn put(&mut self, ready: Arc<Ready>, at: Option<(u16, u16)>, is_preview: bool) {
        let number = ready.number();
        let gives_way = |one: &One| match number {
            0 => one.at == at,
            _ => one.ready.number() == number,
        };
        self.queue.retain(|one| one.is_open() || !gives_way(one));
        self.queue.push_back(One {
            ready,
            at,
            sent: 0,
            next: At::default(),
            is_preview,
        });
    }

    /// Sends what is left of this very picture no more: what is drawn of it needs no end. Whether something was left.
    pub fn drop_rest(&mut self, ready: &Arc<Ready>) -> bool {
        let before = self.queue.len();
        self.queue.retain(|one| !Arc::ptr_eq(&one.ready, ready));
        self.queue.len() < before
    }

    /// Sends a picture no more, where it is still on its way. What must be written at once for that.
    pub fn forget(&mut self, number: u32) -> Vec<u8> {
        let broken = match self.queue.front() {
            Some(one) if one.is_open() && one.ready.number() == number => pane::break_off(&one.ready),
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
            Some(one) if one.is_open() => pane::break_off(&one.ready),
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
            let room = most.saturating_sub(part.bytes.len());
            match one.send(room, &mut part.bytes) {
                Sent::Nothing => break,
                Sent::Some => continue,
                Sent::All => {}
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
    use std::time::{Duration, Instant};

    use super::*;
    use crate::app::pictures::pacing::Pacing;
    use crate::graphics::{Found, Protocol};

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

    fn sixels() -> Arc<Ready> {
        let picture = image::RgbImage::from_fn(600, 400, |x, y| {
            let mixed = (x * 73 + y * 179 + 11).wrapping_mul(0x9e37_79b1);
            image::Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, 0].map(|value| value & 0xc0))
        });
        let found = Found {
            cell: Some((10, 20)),
            ..Found::new(Protocol::Sixel, "so")
        };
        Arc::new(pane::ready(&picture.into(), &found, (60, 20), 0, None).unwrap())
    }

    /// Where each sequence of a part is drawn, in rows and columns from 1.
    fn places(part: &Part) -> Vec<(u16, u16)> {
        let text = String::from_utf8_lossy(&part.bytes).into_owned();
        assert_eq!(
            text.matches("\x1bP").count(),
            text.matches("\x1b\\").count(),
            "each is whole"
        );
        let places = text.split("\x1b7\x1b[").skip(1).map(|piece| {
            assert!(piece.ends_with("\x1b\\\x1b8"));
            let (row, rest) = piece.split_once(';').unwrap();
            let (column, _) = rest.split_once('H').unwrap();
            (row.parse().unwrap(), column.parse().unwrap())
        });
        places.collect()
    }

    #[test]
    fn sixels_go_out_in_pieces_each_at_its_cell() {
        let mut sending = Sending::default();
        sending.put(sixels(), Some((4, 2)), true);
        let mut all = Vec::new();
        loop {
            let part = sending.next(8_000);
            assert!(part.bytes.len() <= 8_100, "{}", part.bytes.len());
            all.extend(places(&part));
            if part.ends_preview {
                break;
            }
        }
        assert_eq!(all[0], (3, 5));
        assert!(
            all.len() > 10 && all.windows(2).all(|pair| pair[0] < pair[1]),
            "{all:?}"
        );
        assert!(all.iter().all(|(row, _)| (row - 3) % 3 == 0), "bands end with cells");
        assert_eq!(sending.next(8_000), Part::default());
        sending.put(sixels(), Some((4, 2)), false);
        assert_eq!(places(&sending.next(usize::MAX)), [(3, 5)], "one, where there is room");
    }

    /// A way of 150 kB a second and 100 ms each way, as `docs/performance.md` has it: what a key would wait behind the bytes of the picture,
    /// beside the way itself.
    #[test]
    fn a_key_waits_little_while_sixels_go_over_a_slow_way() {
        let (rate, way) = (150e3, Duration::from_millis(200));
        let (mut pacing, mut now) = (Pacing::default(), Instant::now());
        pacing.begin(now);
        for _ in 0..2 {
            now += way;
            pacing.answered(now);
        }
        let (begun, mut free, mut longest, mut all) = (now, now, Duration::ZERO, 0);
        let mut answers = VecDeque::new();
        let mut sending = Sending::default();
        sending.put(sixels(), Some((0, 0)), false);
        loop {
            while let Some(room) = pacing.room() {
                let part = sending.next(room);
                if part.bytes.is_empty() {
                    break;
                }
                all += part.bytes.len();
                pacing.sent(part.bytes.len(), part.ends_preview, now);
                free = free.max(now) + Duration::from_secs_f64(part.bytes.len() as f64 / rate);
                longest = longest.max(free - now);
                answers.push_back(free + way);
            }
            let Some(next) = answers.pop_front() else { break };
            now = next;
            pacing.answered(now);
        }
        let took = (now - begun).as_secs_f64();
        println!("{all} bytes in {took:.2} s, a key waits {longest:?} at most");
        assert!(all > 150_000, "it would take more than a second at once");
        assert!(longest <= Duration::from_millis(130), "{longest:?}");
        assert!(all as f64 / took > 0.3 * rate, "{all} bytes in {took} s");
    }

    #[test]
    fn what_is_left_of_sixels_is_not_sent_once_they_are_gone_or_another_is_there() {
        let mut sending = Sending::default();
        let (first, second) = (sixels(), sixels());
        sending.put(first.clone(), Some((4, 2)), false);
        sending.next(8_000);
        assert!(sending.broken_off().is_empty() && sending.interrupt().is_empty());
        assert_ne!(places(&sending.next(8_000))[0], (3, 5), "it went on");
        sending.drop_rest(&first);
        assert_eq!(sending.next(8_000), Part::default());
        sending.put(first.clone(), Some((4, 2)), false);
        sending.next(8_000);
        sending.put(first, Some((70, 2)), false);
        sending.put(second, Some((4, 2)), false);
        assert_eq!(
            places(&sending.next(usize::MAX)),
            [(3, 71), (3, 5)],
            "the newer one at a place"
        );
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
