//! Prompts that were sent before, the newest first, each once: gone through from the prompt's field and kept in a file beside the draft. Pure;
//! `run.rs` reads the file, an effect writes it.

/// Prompts that are kept.
const MOST: usize = 200;
/// The longest file that is read, in bytes.
pub const MOST_BYTES: u64 = 16 << 20;

/// The prompts, and where one is among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompts {
    all: Vec<String>,
    /// The one that is shown.
    at: Option<usize>,
    /// What was being written before any was.
    written: String,
}

impl Prompts {
    /// As they were kept; a file that is none holds none.
    pub fn from_json(text: &str) -> Self {
        let mut all: Vec<String> = serde_json::from_str(text).unwrap_or_default();
        all.truncate(MOST);
        Self { all, ..Self::default() }
    }

    /// As they are kept.
    pub fn to_json(&self) -> Option<String> {
        serde_json::to_string(&self.all).ok()
    }

    /// A prompt was sent: whether the list is another one now.
    pub fn sent(&mut self, prompt: &str) -> bool {
        self.at = None;
        if prompt.trim().is_empty() || self.all.first().is_some_and(|first| first == prompt) {
            return false;
        }
        self.all.retain(|known| known != prompt);
        self.all.insert(0, prompt.to_owned());
        self.all.truncate(MOST);
        true
    }

    /// Something else is being written: one begins at the newest again.
    pub fn leave(&mut self) {
        self.at = None;
    }

    /// The one before, where one has `now`; `None` where there is none.
    pub fn older(&mut self, now: &str) -> Option<&str> {
        let next = match self.at {
            Some(at) => at + 1,
            // What is there already is no step.
            None => usize::from(self.all.first().is_some_and(|first| first == now)),
        };
        let found = self.all.get(next)?;
        if self.at.is_none() {
            now.clone_into(&mut self.written);
        }
        self.at = Some(next);
        Some(found)
    }

    /// The one after, at last what was being written; `None` where one is at that already.
    pub fn newer(&mut self) -> Option<&str> {
        match self.at? {
            0 => {
                self.at = None;
                Some(&self.written)
            }
            at => {
                self.at = Some(at - 1);
                self.all.get(at - 1).map(String::as_str)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_gone_through_and_what_was_written_comes_back() {
        let mut prompts = Prompts::default();
        assert_eq!(prompts.older("x"), None);
        for prompt in ["a", "b", "a", "c"] {
            assert!(prompts.sent(prompt));
        }
        assert!(!prompts.sent("c") && !prompts.sent(" \n"));
        assert_eq!(prompts.older("half"), Some("c"));
        assert_eq!(prompts.older("c"), Some("a"));
        assert_eq!(prompts.older("a"), Some("b"), "each is there once");
        assert_eq!(prompts.older("b"), None);
        assert_eq!(prompts.newer(), Some("a"));
        assert_eq!(prompts.newer(), Some("c"));
        assert_eq!(prompts.newer(), Some("half"));
        assert_eq!(prompts.newer(), None);
        assert_eq!(
            prompts.older("c"),
            Some("a"),
            "the one that is there already is passed over"
        );
    }

    #[test]
    fn the_newest_are_kept() {
        let mut prompts = Prompts::default();
        for n in 0..500 {
            prompts.sent(&n.to_string());
        }
        let again = Prompts::from_json(&prompts.to_json().unwrap());
        assert_eq!((again.all.len(), again.all[0].as_str()), (MOST, "499"));
        assert_eq!(Prompts::from_json("{"), Prompts::default());
    }
}
