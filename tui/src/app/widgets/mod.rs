//! Pieces that several screens and overlays are made of. Each is a value with its keys, and a way to draw it.

mod ascii;
mod ask;
mod fuzzy;
mod input;
mod list;
mod palette;
mod picture;

pub use ascii::plain;
pub use ask::{Ask, Asked};
pub use input::Input;
pub use list::Cursor;
pub use palette::Palette;
pub use picture::{centred, draw_picture};

use darkroom_protocol::text::escape_line;
use ratatui::layout::Rect;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A rectangle of that size in the middle of `area`, no larger than it.
pub fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    }
}

/// `text` cut to so many columns and made harmless.
pub fn brief(text: &str, width: usize) -> String {
    let line = escape_line(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned();
    match line.width() <= width {
        true => line,
        // It is cut with a mark behind.
        false => darkroom_client::words::brief(&line, width.saturating_sub(1), "…"),
    }
}

/// Text in lines of at most so many columns, made harmless: broken between words, and within one that is longer than a line.
pub fn words_in(text: &str, width: usize) -> Vec<String> {
    let width = width.max(4);
    let mut lines = vec![String::new()];
    for word in escape_line(&text.split_whitespace().collect::<Vec<_>>().join(" ")).split(' ') {
        let used = lines.last().map_or(0, |line| line.width());
        if used > 0 && used + 1 + word.width() > width {
            lines.push(String::new());
        } else if used > 0 {
            push(&mut lines, ' ');
        }
        for c in word.chars() {
            let used = lines.last().map_or(0, |line| line.width());
            if used + c.width().unwrap_or(0) > width {
                lines.push(String::new());
            }
            push(&mut lines, c);
        }
    }
    lines
}

fn push(lines: &mut [String], c: char) {
    if let Some(line) = lines.last_mut() {
        line.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(words_in("a red apple on a table", 9), ["a red", "apple on", "a table"]);
        assert_eq!(words_in("/a/long/path.png x", 6), ["/a/lon", "g/path", ".png x"]);
        assert_eq!(words_in("猫猫猫猫 \u{1b}[1m", 6), ["猫猫猫", "猫", "\\u{1b}", "[1m"]);
        assert_eq!(words_in("", 9), [""]);
    }
}
