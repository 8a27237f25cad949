//! DEC sixel: the pixels themselves in at most 256 colours, so the picture is scaled here and its palette made for it. What is printed goes
//! out as one sequence; what the client draws, in pieces (`stripes.rs`).

use std::io::Write;

use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};

use super::Result;
use super::fit::Cells;
use super::palette::{Indexed, reduce};
use super::stripes::Sixels;

/// Rows of pixels that one line of sixels draws.
pub(super) const BAND: u32 = 6;
/// The share of an error that is handed on to neighbours: enough to hide bands in a gradient, and little noise.
const DIFFUSION: f32 = 0.3;
const COLOURS: usize = 256;
/// Colours of a draft: its palette is sent with every frame.
const DRAFT_COLOURS: usize = 48;

/// Writes the picture so that it covers `cells` of `cell` pixels each, but for what is no whole band: Konsole hides the text below a
/// picture whose last band reaches into its row. A draft is scaled by squares that whole bands draw, which takes a fraction of the bytes.
pub(super) fn write(
    out: &mut impl Write,
    picture: &DynamicImage,
    cells: Cells,
    cell: (u32, u32),
    is_draft: bool,
) -> Result<()> {
    let (picture, width) = indexed(picture, cells, cell, is_draft);
    let height = picture.indices.len() / width;
    let mut text = header(width, height, &picture.palette, |_| true);
    text.extend(bands(&picture.indices, width, picture.palette.len()));
    text.extend(b"\x1b\\");
    out.write_all(&text)?;
    Ok(out.flush()?)
}

/// The same picture, to be sent in pieces; through tmux, where it is to be `wrapped`.
pub(super) fn made(picture: &DynamicImage, cells: Cells, cell: (u32, u32), is_draft: bool, wrapped: bool) -> Sixels {
    let (picture, width) = indexed(picture, cells, cell, is_draft);
    Sixels::new(picture, width, cell, wrapped)
}

/// The picture as it covers `cells`, in few colours, and the pixels of a row, at least 1.
fn indexed(picture: &DynamicImage, cells: Cells, cell: (u32, u32), is_draft: bool) -> (Indexed, usize) {
    let (width, height) = (cells.columns * cell.0, whole_bands(cells.rows * cell.1));
    let (scaled, most, diffusion) = if is_draft {
        (squares(picture, width, height), DRAFT_COLOURS, 0.0)
    } else {
        (
            picture.resize(width, height, FilterType::CatmullRom),
            COLOURS,
            DIFFUSION,
        )
    };
    let pixels = opaque(scaled);
    (by_use(reduce(&pixels, most, diffusion)), pixels.width().max(1) as usize)
}

/// The colours that are used most first: their numbers are short.
fn by_use(picture: Indexed) -> Indexed {
    let mut uses = vec![0_usize; picture.palette.len()];
    picture.indices.iter().for_each(|index| uses[usize::from(*index)] += 1);
    let mut order: Vec<usize> = (0..uses.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(uses[*at]));
    let mut numbers = vec![0_u8; order.len()];
    (0..=255).zip(&order).for_each(|(number, at)| numbers[*at] = number);
    Indexed {
        palette: order.iter().map(|at| picture.palette[*at]).collect(),
        indices: picture
            .indices
            .iter()
            .map(|index| numbers[usize::from(*index)])
            .collect(),
    }
}

/// What a sequence begins with: the size in pixels, and those of the colours that are used.
pub(super) fn header(width: usize, height: usize, palette: &[[u8; 3]], is_used: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut out = format!("\x1bP0;1;0q\"1;1;{width};{height}").into_bytes();
    for (at, colour) in palette.iter().enumerate().filter(|(at, _)| is_used(*at)) {
        let [r, g, b] = colour.map(|value| (u32::from(value) * 100 + 127) / 255);
        out.extend(format!("#{at};2;{r};{g};{b}").into_bytes());
    }
    out
}

/// Rows of `width` pixels, each the number of one of so many colours: each band colour by colour.
pub(super) fn bands(indices: &[u8], width: usize, colours: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bits = vec![Vec::new(); colours];
    for (number, band) in indices.chunks(BAND as usize * width.max(1)).enumerate() {
        // Between bands alone: one after the last would move the screen.
        if number > 0 {
            out.push(b'-');
        }
        if let Some(colours) = plain(band, width) {
            left_to_right(&mut out, &colours, band.len() / width);
            continue;
        }
        for (at, index) in band.iter().enumerate() {
            let row = &mut bits[usize::from(*index)];
            row.resize(width, 0_u8);
            row[at % width] |= 1 << (at / width);
        }
        let mut is_first = true;
        for (colour, row) in bits.iter_mut().enumerate().filter(|(_, row)| !row.is_empty()) {
            if !std::mem::take(&mut is_first) {
                out.push(b'$');
            }
            out.extend(format!("#{colour}").into_bytes());
            runs(&mut out, row);
            row.clear();
        }
    }
    out
}

/// The colours of a band's columns where each has but one, as in a draft's squares.
fn plain(band: &[u8], width: usize) -> Option<Vec<u8>> {
    let first = &band[..width.min(band.len())];
    let is_plain = !first.is_empty() && band.chunks(width).all(|row| row == first);
    is_plain.then(|| first.to_vec())
}

/// Columns of `rows` pixels, of one colour each: nothing is gone over twice, which takes half the bytes.
fn left_to_right(out: &mut Vec<u8>, colours: &[u8], rows: usize) {
    let full = vec![((1_u16 << rows) - 1) as u8; colours.len()];
    for run in colours.chunk_by(|a, b| a == b) {
        out.extend(format!("#{}", run[0]).into_bytes());
        runs(out, &full[..run.len()]);
    }
}

/// One colour's sixels of a band; what is empty at its end is left out.
fn runs(out: &mut Vec<u8>, row: &[u8]) {
    let end = row.iter().rposition(|bits| *bits != 0).map_or(0, |at| at + 1);
    for run in row[..end].chunk_by(|a, b| a == b) {
        let letter = b'?' + run[0];
        if run.len() > 3 {
            out.extend(format!("!{}", run.len()).into_bytes());
            out.push(letter);
        } else {
            out.extend(std::iter::repeat_n(letter, run.len()));
        }
    }
}

fn whole_bands(height: u32) -> u32 {
    if height < BAND { height } else { height / BAND * BAND }
}

/// The picture as large as it is when it is no draft, each of its pixels a rectangle of whole bands. One that has more rows than there are
/// bands is made smaller before; where it has more than twice as many it is only scaled.
fn squares(picture: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    let (wide, high) = (f64::from(picture.width().max(1)), f64::from(picture.height().max(1)));
    let scale = (f64::from(width) / wide).min(f64::from(height) / high);
    let within = |length: f64, most: u32| ((length * scale).round() as u32).clamp(1, most);
    let bands = within(high, height) / BAND;
    if picture.height() > 2 * bands {
        return picture.resize(width, height, FilterType::Triangle);
    }
    let (width, height) = (within(wide, width), bands * BAND);
    let small = match picture.height() > bands {
        true => {
            let across = (wide * f64::from(bands) / high).round().max(1.0) as u32;
            opaque(picture.resize_exact(across, bands, FilterType::Triangle))
        }
        false => opaque(picture.clone()),
    };
    let at = |nth: u32, of: u32, many: u32| (u64::from(nth) * u64::from(many) / u64::from(of)) as u32;
    let pixel = |x, y| *small.get_pixel(at(x, width, small.width()), at(y / BAND, bands, small.height()));
    RgbImage::from_fn(width, height, pixel).into()
}

/// What is transparent shows white, as on paper: terminals differ in what they put there.
fn opaque(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let pixels = picture.into_rgba8();
    let over_white = |x, y| {
        let [r, g, b, alpha] = pixels.get_pixel(x, y).0.map(u16::from);
        Rgb([r, g, b].map(|value| ((value * alpha + 255 * (255 - alpha)) / 255) as u8))
    };
    RgbImage::from_fn(pixels.width(), pixels.height(), over_white)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rstest::rstest;

    /// What a terminal makes of it.
    pub fn decoded(text: &str) -> RgbImage {
        let body = text
            .strip_prefix("\x1bP0;1;0q\"1;1;")
            .unwrap()
            .strip_suffix("\x1b\\")
            .unwrap();
        let (sizes, rest) = body.split_once('#').unwrap();
        let (width, height) = sizes.split_once(';').unwrap();
        let mut image = RgbImage::new(width.parse().unwrap(), height.parse().unwrap());
        let mut palette = [Rgb([0; 3]); COLOURS];
        let number = |text: &str| text.parse::<u32>().unwrap();
        let (mut x, mut y) = (0, 0);
        let mut rest = rest;
        let mut colour = Rgb([0; 3]);
        let mut is_register = true;
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != ';')
                .unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            let mut count = 1;
            if is_register {
                let parts: Vec<u32> = digits.split(';').map(number).collect();
                if parts.len() == 5 {
                    palette[parts[0] as usize] =
                        Rgb([parts[2], parts[3], parts[4]].map(|v| ((v * 255 + 50) / 100) as u8));
                } else {
                    colour = palette[parts[0] as usize];
                }
            } else if !digits.is_empty() {
                count = number(digits);
            }
            let Some(command) = after.chars().next() else { break };
            rest = &after[1..];
            is_register = command == '#';
            match command {
                '$' => x = 0,
                '-' => (x, y) = (0, y + BAND),
                '#' | '!' => {}
                letter => {
                    for _ in 0..count {
                        let bits = letter as u8 - b'?';
                        (0..BAND)
                            .filter(|bit| bits >> bit & 1 == 1)
                            .for_each(|bit| image.put_pixel(x, y + bit, colour));
                        x += 1;
                    }
                }
            }
        }
        image
    }

    fn drawn(picture: &DynamicImage, cells: Cells, cell: (u32, u32), is_draft: bool) -> (RgbImage, usize) {
        let mut out = Vec::new();
        write(&mut out, picture, cells, cell, is_draft).unwrap();
        (decoded(std::str::from_utf8(&out).unwrap()), out.len())
    }

    #[test]
    fn a_sixel_string_of_the_right_size() {
        let picture = DynamicImage::new_rgb8(8, 8);
        let (image, _) = drawn(&picture, Cells { columns: 4, rows: 2 }, (10, 20), false);
        // Whole bands: of 40 rows of pixels 36, and of 320 those that are 53 bands. A draft is as large.
        assert_eq!(image.dimensions(), (36, 36));
        let (image, _) = drawn(&picture, Cells { columns: 4, rows: 2 }, (10, 20), true);
        assert_eq!(image.dimensions(), (36, 36));
        for is_draft in [false, true] {
            let (image, _) = drawn(&picture, Cells { columns: 32, rows: 16 }, (10, 20), is_draft);
            assert_eq!(image.dimensions(), (318, 318));
        }
        for (picture, cells) in [((64, 40), (31, 10)), ((300, 256), (20, 9)), ((7, 900), (2, 30))] {
            let cells = Cells {
                columns: cells.0,
                rows: cells.1,
            };
            let picture = DynamicImage::new_rgb8(picture.0, picture.1);
            let [draft, whole] = [true, false].map(|is_draft| drawn(&picture, cells, (9, 19), is_draft).0.dimensions());
            assert!(
                draft.0 == whole.0 && draft.1.abs_diff(whole.1) < BAND,
                "{draft:?} {whole:?}"
            );
        }
    }

    /// The longest side that the client has at 120×40, and the latents of the embedded model.
    #[test]
    fn a_draft_of_few_pixels_is_small_however_large_it_is_drawn() {
        let mut state = 7_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let picture = RgbImage::from_fn(16, 16, |_, _| Rgb([noise(), noise(), noise()]));
        let cells = Cells { columns: 62, rows: 31 };
        let (image, bytes) = drawn(&picture.clone().into(), cells, (10, 20), true);
        assert_eq!(image.dimensions(), (618, 618));
        assert!(bytes <= 12_000, "{bytes}");
        let middle = |nth: u32| (2 * nth + 1) * 618 / 32;
        let of = |x: u32, y: u32| image.get_pixel(middle(x), middle(y)).0;
        let far = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > 60);
        let wrong = (0..256).filter(|at| far(of(at % 16, at / 16), picture.get_pixel(at % 16, at / 16).0));
        assert_eq!(wrong.count(), 0);
    }

    /// Root of the mean squared error of 8-bit values.
    fn error(picture: &DynamicImage, image: &RgbImage) -> f64 {
        let (a, b) = (picture.to_rgb8().into_raw(), image.as_raw());
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
        (squares.sum::<f64>() / a.len() as f64).sqrt()
    }

    fn painted(pixel: impl Fn(f64, f64) -> [f64; 3]) -> DynamicImage {
        let side = 180;
        let at = |v: u32| f64::from(v) / f64::from(side);
        image::RgbImage::from_fn(side, side, |x, y| {
            image::Rgb(pixel(at(x), at(y)).map(|v| (v.clamp(0.0, 1.0) * 255.0) as u8))
        })
        .into()
    }

    /// libsixel's encoder has 5.3 for the slope and 6 to 8 for drawings like the balls.
    #[rstest]
    #[case::slope(painted(|x, y| [x, y, (x + y) / 2.0]), 6.0)]
    #[case::balls(painted(|x, y| {
        let ball = |u: f64, v: f64| (1.0 - ((x - u).hypot(y - v) * 3.5).powi(2)).max(0.0).sqrt();
        let (a, b) = (ball(0.35, 0.4), ball(0.7, 0.65));
        [1.0 - b + 0.2 * a, 1.0 - 0.8 * a - 0.3 * b, 1.0 - a]
    }), 3.0)]
    fn colours_are_close(#[case] picture: DynamicImage, #[case] most: f64) {
        let (image, _) = drawn(&picture, Cells { columns: 18, rows: 9 }, (10, 20), false);
        let error = error(&picture, &image);
        assert!(error <= most, "{error}");
    }
}
