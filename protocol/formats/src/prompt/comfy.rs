//! ComfyUI's weights: `(x)` is 1.1 more, and `(x:1.3)` is 1.3 whatever stands around it; `\(` and `\)` are brackets of the text. As
//! `token_weights` of its `comfy/sd1_clip.py`, without recursion beyond [`DEEPEST`], where brackets are text.

use super::Piece;
use super::brackets::DEEPEST;

/// What stands for an escaped bracket while brackets are counted.
const CLOSE: &str = "\0\u{1}";
const OPEN: &str = "\0\u{2}";

/// The pieces of `text`, each what one pair of brackets holds. Never empty.
pub fn parse(text: &str) -> Vec<Piece> {
    let escaped = text.replace("\\)", CLOSE).replace("\\(", OPEN);
    let mut pieces = Vec::new();
    weigh(&escaped, 1.0, 0, &mut pieces);
    if pieces.is_empty() {
        pieces.push(Piece::plain(""));
    }
    pieces
}

fn weigh(text: &str, weight: f64, depth: usize, pieces: &mut Vec<Piece>) {
    for part in parts(text) {
        let inside = part.strip_prefix('(').and_then(|part| part.strip_suffix(')'));
        match inside.filter(|_| depth < DEEPEST) {
            Some(inside) => {
                let (inside, weight) = weighed(inside, weight * 1.1);
                weigh(inside, weight, depth + 1, pieces);
            }
            None => {
                let text = part.replace(CLOSE, ")").replace(OPEN, "(");
                pieces.push(Piece::Text(text.replace('\n', " "), weight));
            }
        }
    }
}

/// `x:1.3` apart; a colon at the very beginning is none.
fn weighed(inside: &str, weight: f64) -> (&str, f64) {
    let cut = inside.rsplit_once(':').filter(|(text, _)| !text.is_empty());
    let number = cut.and_then(|(text, number)| Some((text, number.trim().parse::<f64>().ok()?)));
    number
        .filter(|(_, weight)| weight.is_finite())
        .unwrap_or((inside, weight))
}

/// What outermost brackets hold, brackets included, and what is between them.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0i64);
    for (at, c) in text.char_indices() {
        match c {
            '(' => {
                if depth == 0 && from < at {
                    parts.push(&text[from..at]);
                    from = at;
                }
                depth += 1;
            }
            ')' => {
                depth -= 1;
                if depth == 0 {
                    parts.push(&text[from..=at]);
                    from = at + 1;
                }
            }
            _ => {}
        }
    }
    if from < text.len() {
        parts.push(&text[from..]);
    }
    parts
}
