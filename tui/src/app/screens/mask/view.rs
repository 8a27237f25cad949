//! The mask editor on the terminal: the picture with its mask over it, the stamp, and a line that says all of it in words. In half blocks
//! each half of a cell is tinted by how much of it is masked; where the terminal draws pictures, the mask is in the picture
//! (`app::compose`) and the terminal's own cursor shows the place.

use darkroom_client::words::brief;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use super::{Busy, Editor, Tool};
use crate::app::mask::{coverage, dots_of};
use crate::app::own::theme::Theme;
use crate::app::pictures::compose::{mixed, opposite};
use crate::app::pictures::zoom::{Dots, Seen};
use crate::app::state::Scene;
use crate::app::widgets::draw_picture;

/// Where there is no picture yet.
const GROUND: [u8; 3] = [0x20, 0x20, 0x20];

impl Editor {
    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let seen = self.seen(area, scene.dots);
        for (key, place) in self.pictures(area, scene.dots) {
            draw_picture(frame.buffer_mut(), place, &key, scene.pictures);
        }
        let at = self.cell(seen);
        if scene.dots.are_halves() {
            self.tint(frame.buffer_mut(), seen, scene.theme);
            if let Some(cell) = at.and_then(|at| frame.buffer_mut().cell_mut(at)) {
                let under = rgb(cell.bg);
                cell.set_symbol(scene.theme.sign("┼", "+"));
                let [r, g, b] = opposite(under);
                cell.set_style(Style::new().fg(Color::Rgb(r, g, b)));
            }
        }
        if let Some(at) = at.filter(|_| scene.has_focus) {
            frame.set_cursor_position(at);
        }
        let line = Rect {
            y: area.y + area.height.saturating_sub(1),
            height: area.height.min(1),
            ..area
        };
        let width = usize::from(area.width).saturating_sub(1);
        let more = scene.theme.sign("…", "...");
        let words = brief(&self.words(area, scene.dots), width, more);
        let style = if self.busy.is_some() {
            scene.theme.accent()
        } else {
            scene.theme.plain()
        };
        frame.render_widget(Line::from(vec![Span::raw(" "), Span::styled(words, style)]), line);
    }

    /// The cell of the cursor, where that is seen.
    fn cell(&self, seen: Seen) -> Option<Position> {
        let (column, half) = seen.spot(self.framed(self.at));
        let x = u16::try_from(column).ok()?;
        let y = u16::try_from(half.div_euclid(2)).ok()?;
        Some(Position::new(x, y)).filter(|at| seen.place.contains(*at))
    }

    /// The mask over half blocks.
    fn tint(&self, buffer: &mut Buffer, seen: Seen, theme: Theme) {
        let place = seen.place;
        let size = (u32::from(place.width), 2 * u32::from(place.height));
        let covered = coverage(&self.sheet, seen.part, size);
        let marks = dots_of(&self.marks(), seen.part, size);
        let covered = |x: u16, half: u16| covered.get(usize::from(half) * usize::from(place.width) + usize::from(x));
        for y in 0..place.height {
            for x in 0..place.width {
                let Some(cell) = buffer.cell_mut((place.x + x, place.y + y)) else {
                    continue;
                };
                let half = |under: Color, half: u16| {
                    let colour = mixed(rgb(under), covered(x, half).copied().unwrap_or(0));
                    let is_marked = marks.binary_search(&(x.into(), half.into())).is_ok();
                    if is_marked { opposite(colour) } else { colour }
                };
                let (upper, lower) = (half(cell.fg, 2 * y), half(cell.bg, 2 * y + 1));
                let is_most = covered(x, 2 * y).max(covered(x, 2 * y + 1)) > Some(&127);
                // Without signs for halves the cell says it.
                let sign = match (theme.is_unicode, is_most) {
                    (true, _) => "▀",
                    (false, true) => "#",
                    (false, false) => ".",
                };
                cell.set_symbol(sign);
                let [upper, lower] = [upper, lower].map(|[r, g, b]| Color::Rgb(r, g, b));
                cell.set_style(Style::new().fg(upper).bg(lower));
            }
        }
    }

    /// All of it in words: tool, radius, place, share, and what else is not as usual.
    pub(super) fn words(&self, area: Rect, dots: Dots) -> String {
        let tool = match (self.tool, self.is_eraser) {
            (Tool::Brush, false) => "brush",
            (Tool::Brush, true) => "eraser",
            (Tool::Rectangle, false) => "rectangle",
            (Tool::Rectangle, true) => "rectangle erases",
            (Tool::Lasso, false) => "lasso",
            (Tool::Lasso, true) => "lasso erases",
            (Tool::Frame, _) => "frame: arrows widen, with shift narrow",
        };
        let (width, height) = self.sheet.bitmap.size();
        let all = (f64::from(width) * f64::from(height)).max(1.0);
        let share = self.sheet.bitmap.count() as f64 * 100.0 / all;
        let (x, y) = self.at;
        let mut words = vec![
            tool.to_owned(),
            format!("radius {}", self.radius),
            format!("x {x} y {y}"),
            format!("masked {share:.1} %"),
        ];
        let frame = self.sheet.frame;
        let more = [
            (self.is_pen_down, "pen down".to_owned()),
            (self.corner.is_some(), "one corner".to_owned()),
            (!self.points.is_empty(), format!("{} points", self.points.len())),
            (self.sheet.feather > 0, format!("feather {}", self.sheet.feather)),
            (
                !frame.is_none(),
                format!("frame {} {} {} {}", frame.left, frame.top, frame.right, frame.bottom),
            ),
            (
                self.zoom.is_in(),
                format!("{} %", self.zoom.percent(self.room(area, dots))),
            ),
            (self.count.is_some(), self.count.unwrap_or(0).to_string()),
            (self.busy == Some(Busy::Loading), "loading …".to_owned()),
            (self.busy == Some(Busy::Working), "working …".to_owned()),
            (self.will_save(), "saving …".to_owned()),
        ];
        words.extend(more.into_iter().filter(|(is, _)| *is).map(|(_, word)| word));
        words.join("   ")
    }
}

/// A cell's colour; what is not drawn yet is ground.
fn rgb(colour: Color) -> [u8; 3] {
    match colour {
        Color::Rgb(r, g, b) => [r, g, b],
        _ => GROUND,
    }
}
