//! The words after `cargo xtask`: the task, its flags and their values, without a parser crate. Each task reads its own flags
//! with it. Which tasks there are, and their help, is in `main.rs`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::failure::{Failure, Result};

/// The words after `cargo xtask`, taken one by one.
pub struct Args(VecDeque<OsString>);

impl Args {
    pub fn new(words: impl IntoIterator<Item = OsString>) -> Self {
        Self(words.into_iter().collect())
    }

    /// The first word, which names the task.
    ///
    /// # Errors
    /// When it is not text.
    pub fn verb(&mut self) -> Result<Option<String>> {
        self.0.pop_front().map(text).transpose()
    }

    /// The next word as `(flag, value after '=')`.
    ///
    /// # Errors
    /// When it is not text.
    pub fn flag(&mut self) -> Result<Option<(String, Option<String>)>> {
        let Some(word) = self.0.pop_front().map(text).transpose()? else {
            return Ok(None);
        };
        Ok(Some(match word.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
            _ => (word, None),
        }))
    }

    /// The value of `flag`: what stood after `=`, or the next word.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&mut self, flag: &str, inline: Option<String>) -> Result<PathBuf> {
        inline
            .map(PathBuf::from)
            .or_else(|| self.0.pop_front().map(PathBuf::from))
            .ok_or_else(|| Failure::new(format!("{flag} needs a value: {flag} VALUE.")))
    }

    /// The value of `flag`, which is a whole number.
    ///
    /// # Errors
    /// When there is none, or it is no number.
    pub fn number<T: std::str::FromStr>(&mut self, flag: &str, inline: Option<String>) -> Result<T> {
        let value = self.value(flag, inline)?;
        let number = value.to_str().and_then(|text| text.parse().ok());
        number.ok_or_else(|| Failure::new(format!("{flag} takes a whole number, not {}.", value.display())))
    }

    /// Whatever is left, untouched.
    pub fn rest(self) -> Vec<OsString> {
        self.0.into()
    }
}

fn text(word: OsString) -> Result<String> {
    word.into_string()
        .map_err(|word| Failure::new(format!("{} is not UTF-8: spell it in text.", word.display())))
}

/// The failure for a flag that `task` does not have.
pub fn unknown(task: &str, flag: &str) -> Failure {
    Failure::new(format!("`cargo xtask {task}` has no {flag}: see `cargo xtask help`."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new(words.iter().map(OsString::from))
    }

    #[test]
    fn a_value_stands_after_an_equals_sign_or_as_the_next_word() {
        let mut args = args(&["--from=/a=b", "--from", "/c", "rest"]);
        for expected in ["/a=b", "/c"] {
            let (flag, inline) = args.flag().unwrap().unwrap();
            assert_eq!(args.value(&flag, inline).unwrap(), PathBuf::from(expected));
        }
        assert_eq!(args.rest(), ["rest"]);
    }

    #[test]
    fn numbers_are_numbers() {
        let mut args = args(&["--count=7", "--count", "many"]);
        let (flag, inline) = args.flag().unwrap().unwrap();
        assert_eq!(args.number::<u64>(&flag, inline).unwrap(), 7);
        let (flag, inline) = args.flag().unwrap().unwrap();
        let failure = args.number::<u64>(&flag, inline).unwrap_err();
        assert_eq!(failure.to_string(), "--count takes a whole number, not many.");
    }

    #[test]
    fn a_missing_value_is_named() {
        let failure = args(&[]).value("--prefix", None).unwrap_err();
        assert_eq!(failure.to_string(), "--prefix needs a value: --prefix VALUE.");
    }
}
