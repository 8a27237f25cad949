//! What was made before, by what it was made of: a repeated prompt costs no pass through an encoder. `model/blueprint.rs` has one for
//! each model, so that it goes with it; what is remembered is the model's business.

use std::collections::VecDeque;
use std::rc::Rc;

/// Values by keys, of a bounded size in all. The one used longest ago goes first.
#[derive(Debug)]
pub struct Remembered<T> {
    /// The one used last at the end.
    entries: VecDeque<Entry<T>>,
    bytes: u64,
    most: u64,
}

#[derive(Debug)]
struct Entry<T> {
    key: String,
    value: Rc<T>,
    bytes: u64,
}

impl<T> Remembered<T> {
    /// Nothing yet, and never more than `most` bytes.
    pub fn new(most: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            most,
        }
    }

    /// The value of `key`, where it is still there.
    pub fn get(&mut self, key: &str) -> Option<Rc<T>> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(at)?;
        let value = entry.value.clone();
        self.entries.push_back(entry);
        Some(value)
    }

    /// Keeps `value`, which takes `bytes`; not at all where that is more than there is room for.
    pub fn keep(&mut self, key: String, value: Rc<T>, bytes: u64) {
        self.entries.retain(|entry| {
            let other = entry.key != key;
            self.bytes -= if other { 0 } else { entry.bytes };
            other
        });
        if bytes > self.most {
            return;
        }
        while self.bytes + bytes > self.most {
            match self.entries.pop_front() {
                Some(gone) => self.bytes -= gone.bytes,
                None => break,
            }
        }
        self.bytes += bytes;
        self.entries.push_back(Entry { key, value, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first() {
        let mut kept = Remembered::new(10);
        kept.keep("a".to_owned(), Rc::new(1), 4);
        kept.keep("b".to_owned(), Rc::new(2), 4);
        assert_eq!(kept.get("a").as_deref(), Some(&1));
        kept.keep("c".to_owned(), Rc::new(3), 4);
        assert_eq!(kept.get("b"), None);
        assert_eq!(
            (kept.get("a").as_deref(), kept.get("c").as_deref()),
            (Some(&1), Some(&3))
        );
        kept.keep("a".to_owned(), Rc::new(5), 6);
        assert_eq!(
            (kept.get("a").as_deref(), kept.get("c").as_deref()),
            (Some(&5), Some(&3))
        );
        kept.keep("d".to_owned(), Rc::new(4), 11);
        assert_eq!((kept.get("d"), kept.bytes), (None, 10));
    }
}
