//! What can be undone and redone. Each step holds the mask as it was; pixels that did not change are shared between them, so that a step
//! costs what it changed. The oldest go when all of them take too much.

use std::collections::VecDeque;

use super::Sheet;

/// The most memory that steps take, in bytes.
const MOST: usize = 32 << 20;

/// Masks before and after the present one.
#[derive(Debug, Default)]
pub struct Past {
    before: VecDeque<(Sheet, usize)>,
    after: Vec<(Sheet, usize)>,
}

impl Past {
    /// Notes a mask that is about to be changed; what was undone cannot be redone any more.
    pub fn keep(&mut self, sheet: &Sheet) {
        self.after.clear();
        let bytes = match self.before.back() {
            Some((last, _)) => sheet.bitmap.bytes_beyond(&last.bitmap),
            None => sheet.bitmap.bytes_beyond(&sheet.bitmap),
        };
        self.before.push_back((sheet.clone(), bytes));
        while self.bytes() > MOST && self.before.len() > 1 {
            self.before.pop_front();
        }
    }

    fn bytes(&self) -> usize {
        let all = self.before.iter().chain(&self.after);
        all.map(|(_, bytes)| bytes).sum()
    }

    /// Takes the last change back: whether there was one.
    pub fn undo(&mut self, now: &mut Sheet) -> bool {
        let Some((sheet, _)) = self.before.pop_back() else {
            return false;
        };
        let bytes = now.bitmap.bytes_beyond(&sheet.bitmap);
        self.after.push((std::mem::replace(now, sheet), bytes));
        true
    }

    /// Makes again what was undone last: whether there was something.
    pub fn redo(&mut self, now: &mut Sheet) -> bool {
        let Some((sheet, _)) = self.after.pop() else {
            return false;
        };
        let bytes = now.bitmap.bytes_beyond(&sheet.bitmap);
        self.before.push_back((std::mem::replace(now, sheet), bytes));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_taken_back_and_made_again() {
        let (mut past, mut now) = (Past::default(), Sheet::new((300, 300)));
        let mut seen = vec![now.clone()];
        for nth in 0..5 {
            past.keep(&now);
            now.bitmap.rectangle((nth, nth), (40 * nth, 50), true);
            now.feather = nth as u32;
            seen.push(now.clone());
        }
        for expected in seen.iter().rev().skip(1) {
            assert!(past.undo(&mut now));
            assert_eq!(&now, expected);
        }
        assert!(!past.undo(&mut now));
        (0..3).for_each(|_| assert!(past.redo(&mut now)));
        assert_eq!(now, seen[3]);
        past.keep(&now);
        assert!(!past.redo(&mut now), "another way was taken");
    }

    #[test]
    fn the_oldest_go_before_memory_does() {
        let (mut past, mut now) = (Past::default(), Sheet::new((16384, 16384)));
        for nth in 0..40 {
            past.keep(&now);
            // Touches every eighth tile.
            (0..16384)
                .step_by(1024)
                .for_each(|y| now.bitmap.span(y + nth, 0, 16383, nth % 2 == 0));
        }
        assert!(past.bytes() <= MOST, "{}", past.bytes());
        let mut steps = 0;
        while past.undo(&mut now) {
            steps += 1;
            assert!(past.bytes() <= 2 * MOST);
        }
        assert!((4..40).contains(&steps), "{steps}");
    }
}
