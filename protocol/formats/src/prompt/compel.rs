//! compel's weights: `word++` and `(some words)++` are 1.1 each plus, `--` 0.9 each minus, `(some words)1.3` and `"some words"1.3` a
//! number; brackets nest, and a backslash before a bracket or a quotation mark makes it text. As `PromptParser` of the compel package,
//! without its `.blend()`, `.and()` and `.swap()`, which are refused by name.

use super::Piece;
use super::attention::merged;
use super::brackets::DEEPEST;
use super::{Error, Result};

const PLUS: f64 = 1.1;
const MINUS: f64 = 0.9;
const METHODS: [&str; 5] = [".blend(", ".and(", ".add(", ".swap(", ".attend("];

/// The pieces of `text`; neighbours of one weight are one. Never empty. Time is linear in its length.
///
/// # Errors
/// [`Error::Refused`] naming a method.
pub fn parse(text: &str) -> Result<Vec<Piece>> {
    let mut reading = Reading::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '(' | '"' if reading.opens(c) => {
                reading.open.push((reading.pieces.len(), c));
                &rest[1..]
            }
            ')' | '"' if reading.closes(c) => reading.close(&rest[1..])?,
            '\\' => reading.escaped(rest),
            c if c.is_whitespace() || matches!(c, '(' | ')' | '"' | ',' | '.' | '+' | '-' | '=') => {
                reading.text(&rest[..c.len_utf8()]);
                &rest[c.len_utf8()..]
            }
            _ => reading.word(rest),
        };
    }
    let pieces = merged(reading.pieces);
    Ok(if pieces.is_empty() {
        vec![Piece::plain("")]
    } else {
        pieces
    })
}

#[derive(Default)]
struct Reading {
    pieces: Vec<Piece>,
    /// Brackets and quotation marks that are open: how many pieces were before each, and which it is.
    open: Vec<(usize, char)>,
}

impl Reading {
    fn opens(&self, c: char) -> bool {
        self.open.len() < DEEPEST && !(c == '"' && self.closes(c))
    }

    fn closes(&self, c: char) -> bool {
        let opener = if c == ')' { '(' } else { '"' };
        self.open.last().is_some_and(|(_, open)| *open == opener)
    }

    fn text(&mut self, text: &str) {
        self.pieces.push(Piece::plain(text));
    }

    /// What was opened last closes; what follows at once says its weight.
    fn close<'a>(&mut self, rest: &'a str) -> Result<&'a str> {
        if let Some(method) = METHODS.iter().find(|method| rest.starts_with(**method)) {
            return Err(Error::Refused(format!(
                "compel's {}…) is not built: of its syntax Darkroom reads weights, as in word++ and (some words)1.3.",
                method
            )));
        }
        let Some((from, _)) = self.open.pop() else {
            return Ok(rest);
        };
        let (weight, rest) = signs(rest).or_else(|| number(rest)).unwrap_or((1.0, rest));
        self.weigh(from, weight);
        Ok(rest)
    }

    fn weigh(&mut self, from: usize, factor: f64) {
        for piece in &mut self.pieces[from..] {
            if let Piece::Text(_, weight) = piece {
                *weight *= factor;
            }
        }
    }

    fn escaped<'a>(&mut self, rest: &'a str) -> &'a str {
        let end = match rest.as_bytes().get(1) {
            Some(b'(' | b')' | b'"') => 2,
            _ => 1,
        };
        self.text(if end == 2 { &rest[1..2] } else { "\\" });
        &rest[end..]
    }

    /// A word, which the signs behind it weigh. Signs inside a word are letters.
    fn word<'a>(&mut self, rest: &'a str) -> &'a str {
        let special = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | ',' | '.' | '=' | '\\');
        let whole = &rest[..rest.find(special).unwrap_or(rest.len())];
        let bare = whole.trim_end_matches('+');
        let bare = if bare.len() < whole.len() {
            bare
        } else {
            whole.trim_end_matches('-')
        };
        let ends = rest[whole.len()..]
            .chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || matches!(c, ',' | '.' | ')' | '"'));
        let signs = if ends { signs(&whole[bare.len()..]) } else { None };
        let from = self.pieces.len();
        self.text(if signs.is_some() { bare } else { whole });
        if let Some((weight, _)) = signs {
            self.weigh(from, weight);
        }
        &rest[whole.len()..]
    }
}

/// `++` or `--` as a weight, and what is behind them.
fn signs(rest: &str) -> Option<(f64, &str)> {
    let (sign, base) = match rest.as_bytes().first()? {
        b'+' => ('+', PLUS),
        b'-' if !rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == '.') => ('-', MINUS),
        _ => return None,
    };
    let after = rest.trim_start_matches(sign);
    let count = rest.len() - after.len();
    Some((base.powi(i32::try_from(count).ok()?), after))
}

/// `1.3` as a weight, and what is behind it.
fn number(rest: &str) -> Option<(f64, &str)> {
    let digits = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
    let part = digits[whole..].strip_prefix('.').map_or(0, |part| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 { digits + 1 } else { 0 }
    });
    let end = rest.len() - digits.len() + whole + part;
    let weight: f64 = rest[..end].parse().ok()?;
    weight.is_finite().then_some((weight, &rest[end..]))
}
