//! Pieces that several screens and overlays are made of. Each is a value with its keys, and a way to draw it.

mod ask;
mod fuzzy;
mod input;
mod list;
mod palette;
mod picture;

pub use ask::{Ask, Asked};
pub use input::Input;
pub use list::Cursor;
pub use palette::Palette;
pub use picture::{centred, draw_picture};

use darkroom_protocol::text::escape_line;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

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
