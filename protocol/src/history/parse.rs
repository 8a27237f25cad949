//! The grammar of a search: from characters to terms, with the place of everything that goes wrong. `Query::parse` asks for it,
//! once the text is known to be short enough. What the value of a key may be is the key's own affair.

use jiff::ZonedDateTime;

use super::keys::{self, KEYS, Key};
use super::query::{Condition, Quoted, Term, Value, told};
use super::{MAX_PHRASE, MAX_TERMS, QueryError};
use crate::text::closest;

type Result<T> = std::result::Result<T, QueryError>;

/// The letters before the colon that makes a key of them, at the beginning of `text`.
pub(super) fn key_of(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic())?;
    let (letters, rest) = text.split_at(end);
    let value = rest.strip_prefix(':')?;
    (!letters.is_empty() && !value.starts_with("//")).then_some(letters)
}

/// What is still to be read, and how many characters have been.
pub(super) struct Reader<'a> {
    rest: &'a str,
    at: usize,
    now: &'a ZonedDateTime,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, now: &'a ZonedDateTime) -> Self {
        Self { rest: text, at: 0, now }
    }

    pub(super) fn terms(mut self) -> Result<Vec<Term>> {
        let mut terms = Vec::new();
        loop {
            while self.peek().is_some_and(char::is_whitespace) {
                self.next();
            }
            if self.peek().is_none() {
                return Ok(terms);
            }
            if terms.len() == MAX_TERMS {
                let message = format!("A search has at most {MAX_TERMS} terms: leave out what follows.");
                return Err(refused(self.at, message));
            }
            terms.push(self.term()?);
        }
    }

    fn term(&mut self) -> Result<Term> {
        let from = self.at;
        let sign = self.peek().filter(|c| matches!(c, '-' | '!'));
        if let Some(sign) = sign {
            self.next();
            if self.is_over() {
                let message = format!(
                    "{sign} stands alone: write what to leave out right after it, or \"{sign}\" in quotes as text."
                );
                return Err(refused(from, message));
            }
        }
        let condition = match key_of(self.rest) {
            Some(name) => self.keyed(name)?,
            None => self.text()?,
        };
        Ok(Term {
            excluded: sign.is_some(),
            condition,
            at: from..self.at,
        })
    }

    fn text(&mut self) -> Result<Condition> {
        let from = self.at;
        let text = self.value()?;
        if text.is_empty() {
            let message = "The quotes hold nothing: write what to search for between them, or leave them out.";
            return Err(refused(from, message.to_owned()));
        }
        Ok(Condition::Text(text))
    }

    fn keyed(&mut self, name: &str) -> Result<Condition> {
        let from = self.at;
        for _ in 0..=name.len() {
            self.next();
        }
        let (value_at, value) = (self.at, self.value()?);
        let Some(key) = keys::find(name) else {
            return Err(refused(from, self.unknown(name, &value)));
        };
        if value.is_empty() {
            let message = format!("{name}: needs a value right after the colon, such as {}.", key.example);
            return Err(refused(value_at, message));
        }
        key.read(&value, self.now).map_err(|hint| {
            let end = hint.map_or_else(|| ".".to_owned(), |hint| format!(": {hint}"));
            let message = format!("{name} takes {}, not {}{end}", key.takes, told(&value));
            refused(value_at, message)
        })
    }

    /// Guesses only keys that take the value: a hint must not lead into the next error.
    fn unknown(&self, name: &str, value: &str) -> String {
        let takes = |key: &&Key| value.is_empty() || key.read(value, self.now).is_ok();
        let near = closest(name, KEYS.iter().filter(takes).map(|key| key.name));
        let (name, value) = (told(name), told(value));
        let text = format!("{name}:{value}");
        let text = Quoted(&text);
        match near {
            Some(near) => {
                let meant = (!value.is_empty()).then(|| Value(&value).to_string());
                let meant = meant.unwrap_or_default();
                format!("There is no key {name}: did you mean {near}:{meant}, or {text} as text?")
            }
            None => {
                let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                format!(
                    "There is no key {name}: write {text} in quotes to search for it as text, or one of the keys {}.",
                    names.join(", ")
                )
            }
        }
    }

    /// A phrase or a word; empty where neither stands.
    fn value(&mut self) -> Result<String> {
        let from = self.at;
        let value = if self.peek() == Some('"') {
            self.phrase()?
        } else {
            self.word()
        };
        let found = value.chars().count();
        if found > MAX_PHRASE {
            let message = format!(
                "{} has {found} characters, the most is {MAX_PHRASE}: shorten it.",
                told(&value)
            );
            return Err(refused(from, message));
        }
        Ok(value)
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while !self.is_over() {
            word.extend(self.next());
        }
        word
    }

    fn phrase(&mut self) -> Result<String> {
        let from = self.at;
        self.next();
        let mut phrase = String::new();
        loop {
            match self.next() {
                Some('"') => break,
                Some('\\') if matches!(self.peek(), Some('"' | '\\')) => phrase.extend(self.next()),
                Some(c) => phrase.push(c),
                None => {
                    let message = format!("The quote before {} is not closed: write \" behind it.", told(&phrase));
                    let message = if phrase.is_empty() { ALONE.to_owned() } else { message };
                    return Err(refused(from, message));
                }
            }
        }
        if !self.is_over() {
            let at = self.at;
            let message = format!(
                "A space is missing between the closing quote and {}.",
                told(&self.word())
            );
            return Err(refused(at, message));
        }
        Ok(phrase)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        self.at += 1;
        Some(next)
    }

    /// Whether no character of a term follows.
    fn is_over(&self) -> bool {
        self.peek().is_none_or(char::is_whitespace)
    }
}

/// What is said of a quote with nothing behind it.
const ALONE: &str = "This quote stands alone: write a phrase and another quote behind it, or leave it out.";

fn refused(at: usize, message: String) -> QueryError {
    QueryError { at, message }
}
