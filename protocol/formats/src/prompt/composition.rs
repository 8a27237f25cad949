//! `AND`: several prompts whose pictures are composed, each with a weight behind a colon, as in `a cat :1.2 AND a dog`. As
//! `get_multicond_prompt_list` of AUTOMATIC1111's `modules/prompt_parser.py`, but for a prompt without `AND`: there a last `:30` is
//! its weight too, here "a clock at 10:30" keeps its words.

use super::brackets::{alone, is_space};

/// The parts of `prompt`, each with its weight; one of weight 1 where nothing is composed.
pub fn parts(prompt: &str) -> Vec<(&str, f64)> {
    let mut parts = Vec::new();
    let mut from = 0;
    for at in alone(prompt, "AND") {
        parts.push(&prompt[from..at]);
        from = at + "AND".len();
    }
    if parts.is_empty() {
        return vec![(prompt, 1.0)];
    }
    parts.push(&prompt[from..]);
    parts.into_iter().map(weighed).collect()
}

/// `text : 1.2` apart. Spaces at the end belong to neither.
fn weighed(part: &str) -> (&str, f64) {
    let part = part.trim_end_matches(is_space);
    let weighed = part.rsplit_once(':').and_then(|(text, number)| {
        let weight = number_of(number.trim_start_matches(is_space))?;
        Some((text.trim_end_matches(is_space), weight))
    });
    weighed.unwrap_or((part, 1.0))
}

/// `[-+]?(\d+\.?|\d*\.\d+)`, finite.
fn number_of(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = digits.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    let number: f64 = text.parse().ok()?;
    (plain && number.is_finite()).then_some(number)
}
