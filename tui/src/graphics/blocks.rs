//! Half blocks: a character cell shows two pixels, one above the other, as the two colours of `▀`.

use std::io::{self, Write};

use image::imageops::FilterType;
use image::{DynamicImage, Rgb};

use super::fit::Cells;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Palette {
    /// 24 bits each.
    True,
    /// xterm's 256.
    Indexed,
}

impl Palette {
    /// As `COLORTERM` says.
    pub fn from_env() -> Self {
        let colour = std::env::var("COLORTERM").unwrap_or_default();
        if colour.contains("truecolor") || colour.contains("24bit") {
            Self::True
        } else {
            Self::Indexed
        }
    }

    /// The parameters of the SGR sequence for a colour, after 38 or 48.
    fn parameters(self, Rgb([r, g, b]): Rgb<u8>) -> String {
        match self {
            Self::True => format!("2;{r};{g};{b}"),
            Self::Indexed => format!("5;{}", nearest([r, g, b])),
        }
    }
}

/// Writes the picture so that it covers `cells`; the cursor stays at the end of the last row.
pub(super) fn write(out: &mut impl Write, picture: &DynamicImage, cells: Cells, palette: Palette) -> io::Result<()> {
    let Cells { columns, rows } = cells;
    let pixels = picture
        .resize_exact(columns, 2 * rows, FilterType::Triangle)
        .into_rgb8();
    let mut text = Vec::new();
    for row in 0..rows {
        let mut last = None;
        if row > 0 {
            text.extend(b"\r\n");
        }
        for column in 0..columns {
            let colours = (
                *pixels.get_pixel(column, 2 * row),
                *pixels.get_pixel(column, 2 * row + 1),
            );
            if last.replace(colours) != Some(colours) {
                let (above, below) = (palette.parameters(colours.0), palette.parameters(colours.1));
                write!(text, "\x1b[38;{above};48;{below}m")?;
            }
            text.extend("▀".as_bytes());
        }
        text.extend(b"\x1b[0m");
    }
    out.write_all(&text)?;
    out.flush()
}

/// Levels of xterm's colour cube, entries 16 to 231.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The entry of xterm's 256 colours that is nearest: of its cube, or of its greys 232 to 255, which are 8, 18, … 238.
fn nearest(colour: [u8; 3]) -> u8 {
    let level = |value: u8| (0..6).min_by_key(|at| CUBE[*at as usize].abs_diff(value)).unwrap_or(0);
    let [r, g, b] = colour.map(level);
    let in_cube = [r, g, b].map(|at| CUBE[at as usize]);
    let mean = colour.iter().map(|v| u32::from(*v)).sum::<u32>() / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23) as u8;
    let in_greys = [8 + 10 * grey; 3];
    let distance = |other: [u8; 3]| -> u32 {
        let parts = colour.iter().zip(other);
        parts.map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    if distance(in_greys) < distance(in_cube) {
        232 + grey
    } else {
        16 + 36 * r + 6 * g + b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case([0, 0, 0], 16)]
    #[case([255, 255, 255], 231)]
    #[case([255, 0, 0], 196)]
    #[case([100, 130, 180], 67)]
    #[case([8, 8, 8], 232)]
    #[case([120, 118, 121], 243)]
    #[case([240, 240, 240], 255)]
    fn the_nearest_of_256(#[case] colour: [u8; 3], #[case] entry: u8) {
        assert_eq!(nearest(colour), entry);
    }

    #[test]
    fn two_pixels_a_cell_and_colours_only_where_they_change() {
        let mut picture = image::RgbImage::from_pixel(2, 4, Rgb([255, 0, 0]));
        picture.put_pixel(1, 3, Rgb([0, 0, 255]));
        let mut out = Vec::new();
        let cells = Cells { columns: 2, rows: 2 };
        write(&mut out, &picture.into(), cells, Palette::True).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap().escape_default(), @r"\u{1b}[38;2;255;0;0;48;2;255;0;0m\u{2580}\u{2580}\u{1b}[0m\r\n\u{1b}[38;2;255;0;0;48;2;255;0;0m\u{2580}\u{1b}[38;2;255;0;0;48;2;0;0;255m\u{2580}\u{1b}[0m");
    }
}
