use std::fmt;

use darkroom_protocol::text::escape_line;

/// Characters of a foreign text that a message repeats.
const LIMIT: usize = 120;

/// Text from a file as messages print it: one line, at most 120 characters, nothing that drives a terminal.
pub(crate) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(LIMIT) {
            None => f.write_str(&escape_line(self.0)),
            Some((end, _)) => write!(f, "{}…", escape_line(&self.0[..end])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_hostile_text_is_cut_and_escaped() {
        assert_eq!(Shown("a\x1b[31m").to_string(), "a\\u{1b}[31m");
        assert_eq!(Shown(&"é".repeat(5000)).to_string().chars().count(), LIMIT + 1);
    }
}
