//! AUTOMATIC1111's weights: `(x)` is 1.1, `[x]` 1/1.1, `(x:1.3)` 1.3, a backslash takes a bracket's meaning away, `BREAK` begins a
//! chunk. The rules are those of `parse_prompt_attention` in its `modules/prompt_parser.py`, unbalanced brackets included, but for two:
//! `BREAK` between brackets breaks all the same, where there it becomes a word; and brackets deeper than 128 are text.

use super::Piece;
use super::brackets::{DEEPEST, alone, is_space};

/// Inverse of what square brackets do, as it is written there.
const ROUND: f64 = 1.1;
const SQUARE: f64 = 1.0 / 1.1;

/// The pieces of `text`; neighbours of one weight are one. Never empty. Time is linear in its length.
pub fn parse(text: &str) -> Vec<Piece> {
    let mut reading = Reading::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '\\' => reading.escaped(rest),
            '(' | '[' => reading.open(rest, c),
            ')' if reading.round.pop_weighing(&mut reading.pieces, ROUND) => &rest[1..],
            ']' if reading.square.pop_weighing(&mut reading.pieces, SQUARE) => &rest[1..],
            ':' => reading.colon(rest),
            ')' | ']' => reading.words(rest, 1),
            _ => {
                let end = rest.find(['\\', '(', ')', '[', ']', ':']).unwrap_or(rest.len());
                reading.words(rest, end)
            }
        };
    }
    reading.finish()
}

#[derive(Default)]
struct Reading {
    pieces: Vec<Piece>,
    round: Open,
    square: Open,
}

/// Brackets of one kind that are open: how many pieces were before each.
#[derive(Default)]
struct Open(Vec<usize>);

impl Open {
    /// Closes the last one; all since weighs so much more. False where none is open.
    fn pop_weighing(&mut self, pieces: &mut [Piece], factor: f64) -> bool {
        let Some(from) = self.0.pop() else {
            return false;
        };
        weigh(&mut pieces[from..], factor);
        true
    }
}

fn weigh(pieces: &mut [Piece], factor: f64) {
    for piece in pieces {
        if let Piece::Text(_, weight) = piece {
            *weight *= factor;
        }
    }
}

impl Reading {
    /// A backslash: the bracket or backslash behind it is text, and before anything else it is nothing.
    fn escaped<'a>(&mut self, rest: &'a str) -> &'a str {
        let taken = match rest.as_bytes().get(1) {
            Some(b'(' | b')' | b'[' | b']' | b'\\') => 2,
            _ => 1,
        };
        self.pieces.push(Piece::plain(&rest[1..taken]));
        &rest[taken..]
    }

    fn open<'a>(&mut self, rest: &'a str, c: char) -> &'a str {
        let kind = if c == '(' { &mut self.round } else { &mut self.square };
        if kind.0.len() == DEEPEST {
            return self.words(rest, 1);
        }
        kind.0.push(self.pieces.len());
        &rest[1..]
    }

    /// A colon: the weight of a round bracket that closes behind it, else text.
    fn colon<'a>(&mut self, rest: &'a str) -> &'a str {
        match weight(&rest[1..]) {
            Some((weight, after)) if self.round.pop_weighing(&mut self.pieces, weight) => after,
            Some((_, after)) => self.words(rest, rest.len() - after.len()),
            None => self.words(rest, 1),
        }
    }

    /// The first `end` bytes are text, in which `BREAK` breaks.
    fn words<'a>(&mut self, rest: &'a str, end: usize) -> &'a str {
        let (text, after) = rest.split_at(end);
        let mut from = 0;
        for at in alone(text, "BREAK") {
            // The spaces between two of them belong to the first.
            self.pieces
                .push(Piece::plain(text[from.min(at)..at].trim_end_matches(is_space)));
            self.pieces.push(Piece::Break);
            let behind = &text[at + "BREAK".len()..];
            from = text.len() - behind.trim_start_matches(is_space).len();
        }
        self.pieces.push(Piece::plain(&text[from..]));
        after
    }

    fn finish(mut self) -> Vec<Piece> {
        for from in std::mem::take(&mut self.round.0) {
            weigh(&mut self.pieces[from..], ROUND);
        }
        for from in std::mem::take(&mut self.square.0) {
            weigh(&mut self.pieces[from..], SQUARE);
        }
        if self.pieces.is_empty() {
            self.pieces.push(Piece::plain(""));
        }
        merged(self.pieces)
    }
}

/// Neighbours of one weight in one piece.
pub fn merged(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (merged.last_mut(), &piece) {
            (Some(Piece::Text(before, one)), Piece::Text(text, other)) if *one == *other => before.push_str(text),
            _ => merged.push(piece),
        }
    }
    merged
}

/// ` 1.3 )` and what is behind it.
fn weight(rest: &str) -> Option<(f64, &str)> {
    let number = rest.trim_start_matches(is_space);
    let signed = number.strip_prefix(['+', '-']).unwrap_or(number);
    let digits = signed.bytes().take_while(|c| c.is_ascii_digit() || *c == b'.').count();
    let end = number.len() - signed.len() + digits;
    let after = number[end..].trim_start_matches(is_space).strip_prefix(')')?;
    let weight: f64 = number[..end].parse().ok()?;
    weight.is_finite().then_some((weight, after))
}
