//! A picture in its place: cells of two colours, or cells that stand for one that the terminal has. What is drawn over the cells by bytes
//! after the frame (`run.rs`) gets cells that are marked, so that they are written anew when the picture goes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::app::pictures::{Key, Pictures};
use crate::graphics::pane::{Ready, placeholder};

/// Draws what there is of a picture into the middle of `area`, and says where it is; nothing where there is nothing yet.
pub fn draw_picture(buffer: &mut Buffer, area: Rect, key: &Key, pictures: &Pictures) -> Option<Rect> {
    let ready = pictures.shown(key)?;
    let place = centred(area, ready.size());
    if pictures.is_hidden(&ready, place) {
        return None;
    }
    draw(buffer, place, &ready);
    Some(place)
}

/// A rectangle of that size in the middle of `area`.
pub fn centred(area: Rect, (columns, rows): (u16, u16)) -> Rect {
    let (width, height) = (columns.min(area.width), rows.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

fn draw(buffer: &mut Buffer, place: Rect, ready: &Ready) {
    for y in 0..place.height {
        for x in 0..place.width {
            let Some(cell) = buffer.cell_mut((place.x + x, place.y + y)) else {
                continue;
            };
            match ready {
                Ready::Blocks { columns, cells } => {
                    let at = usize::from(y) * usize::from(*columns) + usize::from(x);
                    if let Some(([r, g, b], [r2, g2, b2])) = cells.get(at).copied() {
                        cell.set_symbol("▀");
                        cell.set_style(Style::new().fg(Color::Rgb(r, g, b)).bg(Color::Rgb(r2, g2, b2)));
                    }
                }
                Ready::Placeholders { id, true_colour, .. } => {
                    let (text, colour) = placeholder(*id, *true_colour, x, y);
                    cell.set_symbol(&text);
                    let colour = colour.map_or_else(Color::Indexed, |[r, g, b]| Color::Rgb(r, g, b));
                    cell.set_style(Style::new().fg(colour));
                }
                Ready::Over { .. } | Ready::Pieces { .. } => {
                    cell.set_symbol(" ");
                    // Looks like an empty cell and differs from one, and from those of a picture in another place: where one follows on
                    // the other, what is left of the first beside the second is written over.
                    let mark = Style::new().fg(Color::Indexed(mark_of(place)));
                    cell.set_style(mark.add_modifier(Modifier::HIDDEN));
                }
            }
        }
    }
}

/// A colour that nobody sees, of a place: places that overlap seldom have the same.
fn mark_of(place: Rect) -> u8 {
    let parts = [place.x, place.y, place.width, place.height].map(u32::from);
    let mixed = parts
        .into_iter()
        .fold(7, |all: u32, part| all.wrapping_mul(31).wrapping_add(part));
    // Beyond the sixteen, which a theme may change.
    16 + (mixed % 216) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pictures::Source;
    use std::sync::Arc;

    #[test]
    fn half_blocks_stand_in_the_middle() {
        let key = Key {
            source: Source::Thumbnail {
                sha256: "a".into(),
                side: 64,
            },
            room: (4, 3),
        };
        let mut pictures = Pictures::default();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 3));
        assert_eq!(draw_picture(&mut buffer, Rect::new(0, 0, 4, 3), &key, &pictures), None);
        let ready = Ready::Blocks {
            columns: 2,
            cells: vec![([255, 0, 0], [0, 0, 255]); 2],
        };
        pictures.made(key.clone(), Some(Arc::new(ready)));
        let place = draw_picture(&mut buffer, Rect::new(0, 0, 4, 3), &key, &pictures);
        assert_eq!(place, Some(Rect::new(1, 1, 2, 1)));
        let cell = &buffer[(1, 1)];
        assert_eq!(
            (cell.symbol(), cell.fg, cell.bg),
            ("▀", Color::Rgb(255, 0, 0), Color::Rgb(0, 0, 255))
        );
        assert_eq!(buffer[(0, 0)].symbol(), " ");
        // Over cells that something lies on none is drawn where the terminal would draw it over that.
        let over = Ready::Over {
            columns: 2,
            rows: 1,
            id: 0,
            bytes: vec![],
        };
        pictures.made(key.clone(), Some(Arc::new(over)));
        pictures.covers = vec![Rect::new(0, 0, 2, 2)];
        let mut drawn = |pictures: &Pictures| draw_picture(&mut buffer, Rect::new(0, 0, 4, 3), &key, pictures);
        assert_eq!(drawn(&pictures), place);
        pictures.is_over_text = true;
        assert_eq!(drawn(&pictures), None);
        pictures.covers = vec![Rect::new(0, 0, 4, 1)];
        assert_eq!(drawn(&pictures), place, "beside it");
    }
}
