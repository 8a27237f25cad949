//! How large pieces of a file are over a link to another machine: as large as the link carries in a moment, so that other things wait no
//! longer than that, and smaller where it is cut meanwhile. `fetch.rs` and `upload.rs` ask; pure.

use std::time::Duration;

/// The first piece over a link of unknown speed, in bytes.
const FIRST: u32 = 64 << 10;
/// The least, and the most, so that a link that is cut has little to carry again.
const LEAST: u32 = 16 << 10;
const MOST: u32 = 256 << 10;
/// A piece that took less may be larger the next time, and one that took more smaller.
const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_millis(800);
/// A link may be cut so often over one piece.
const TRIES: u32 = 8;

/// The pieces of one file.
#[derive(Debug)]
pub(super) struct Pieces {
    most: u32,
    lost: u32,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { most: FIRST, lost: 0 }
    }
}

impl Pieces {
    /// Bytes that the next one may have.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// One arrived after that time.
    pub fn took(&mut self, time: Duration) {
        self.lost = 0;
        let next = match time {
            time if time < SHORT => self.most * 2,
            time if time > LONG => self.most / 2,
            _ => self.most,
        };
        self.most = next.clamp(LEAST, MOST);
    }

    /// The link was cut over one: whether it is tried again.
    pub fn lost(&mut self) -> bool {
        self.lost += 1;
        self.most = (self.most / 2).max(LEAST);
        self.lost <= TRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_as_large_as_the_link_is_fast() {
        let mut pieces = Pieces::default();
        let mut after = |ms| {
            pieces.took(Duration::from_millis(ms));
            pieces.most()
        };
        assert_eq!([after(20), after(500), after(4000)], [2 * FIRST, 2 * FIRST, FIRST]);
        assert_eq!([after(1), after(1), after(1)], [2 * FIRST, MOST, MOST]);
        assert_eq!((0..9).map(|_| after(9000)).last(), Some(LEAST));
    }

    #[test]
    fn a_link_that_is_cut_again_and_again_over_one_is_given_up() {
        let mut pieces = Pieces::default();
        assert!((0..TRIES).all(|_| pieces.lost()) && !pieces.lost());
        assert_eq!(pieces.most(), LEAST);
        pieces.took(Duration::from_millis(300));
        assert!(pieces.lost(), "it came through in between");
    }
}
