//! A1111's weights by keys: the word at the cursor becomes `(word:1.1)`, and what is in such brackets already gets more or less.

use ratatui_textarea::{CursorMove, TextArea};

/// Changes the weight of the word at the cursor by so many tenths.
pub fn weigh(area: &mut TextArea<'static>, tenths: i8) {
    let ratatui_textarea::DataCursor(row, column) = area.cursor();
    let Some(line) = area.lines().get(row) else { return };
    let Some((line, column)) = weighed(line, column, tenths) else {
        return;
    };
    area.move_cursor(CursorMove::Head);
    area.delete_line_by_end();
    area.insert_str(line);
    area.move_cursor(CursorMove::Jump(row as u16, column as u16));
}

/// The line with another weight at that character, and where the cursor is then; `None` where there is no word.
fn weighed(line: &str, at: usize, tenths: i8) -> Option<(String, usize)> {
    let chars: Vec<char> = line.chars().collect();
    let (begin, end, word, weight) = bracketed(&chars, at).or_else(|| plain(&chars, at))?;
    let weight = (weight * 10.0).round() as i32 + i32::from(tenths);
    let weight = f64::from(weight.clamp(0, 20)) / 10.0;
    let inside = match weight == 1.0 {
        true => word.clone(),
        false => format!("({word}:{weight})"),
    };
    let column = begin + usize::from(inside.starts_with('(')) + word.chars().count();
    let text: String = chars[..begin]
        .iter()
        .chain(inside.chars().collect::<Vec<_>>().iter())
        .chain(&chars[end..])
        .collect();
    Some((text, column))
}

type Weighed = (usize, usize, String, f64);

/// `(word:1.2)` around the character.
fn bracketed(chars: &[char], at: usize) -> Option<Weighed> {
    let before = at.min(chars.len());
    let begin = chars[..before]
        .iter()
        .rposition(|c| *c == '(' || *c == ')')
        .filter(|i| chars[*i] == '(')?;
    let end = begin + chars[begin..].iter().position(|c| *c == ')')?;
    let inside: String = chars[begin + 1..end].iter().collect();
    let (word, weight) = inside.rsplit_once(':')?;
    (at <= end + 1).then_some((begin, end + 1, word.to_owned(), weight.trim().parse().ok()?))
}

fn plain(chars: &[char], at: usize) -> Option<Weighed> {
    let is_word = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '\'');
    let at = at.min(chars.len());
    let begin = chars[..at].iter().rposition(|c| !is_word(c)).map_or(0, |i| i + 1);
    let end = at + chars[at..].iter().position(|c| !is_word(c)).unwrap_or(chars.len() - at);
    let word: String = chars[begin..end].iter().collect();
    (!word.is_empty()).then_some((begin, end, word, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a red fox", 3, 1, Some("a (red:1.1) fox"))]
    #[case("a red fox", 9, 1, Some("a red (fox:1.1)"))]
    #[case("a (red:1.1) fox", 4, 1, Some("a (red:1.2) fox"))]
    #[case("a (red:1.1) fox", 4, -1, Some("a red fox"))]
    #[case("a (red fox:1.9)", 5, 1, Some("a (red fox:2)"))]
    #[case("a (red fox:2)", 5, 1, Some("a (red fox:2)"))]
    #[case("a red", 2, -1, Some("a (red:0.9)"))]
    #[case("夜の海, a", 1, 1, Some("(夜の海:1.1), a"))]
    #[case(" , ", 1, 1, None)]
    #[case("", 0, 1, None)]
    fn words_weigh(#[case] line: &str, #[case] at: usize, #[case] by: i8, #[case] expected: Option<&str>) {
        assert_eq!(weighed(line, at, by).map(|(line, _)| line).as_deref(), expected);
    }
}
