//! Pictures made larger or smaller without a network: Pillow's filters, to the last bit. `pipeline/upscale.rs` uses them where a
//! person names one, and to bring what a network made to the size asked for. A pure function on bytes: no tensor, no device, no
//! thread. The rule is that of Pillow's `Resample.c` (8 bits a channel): weights in fixed point of 22 bits, first along rows, then
//! along columns, rounded to bytes between the two.

use std::ops::Range;

use darkroom_protocol::upscaler::Filter;

/// Bits behind the point of a weight: sums of bytes with them stay within 32.
const PRECISION: u32 = 32 - 8 - 2;
/// Red, green, blue.
const RGB: usize = 3;

/// A rectangle of a picture that would be larger.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The size of the whole, in pixels.
    pub whole: (u32, u32),
    /// Where the rectangle begins.
    pub at: (u32, u32),
    /// How large it is.
    pub size: (u32, u32),
}

/// The picture of `pixels` (rows from the top, red, green, blue), which is `from` wide and high, at the size `to`, its shape stretched
/// to that. `None` where the bytes are not as many as the size has, for a size without pixels, or one of more bytes than there are
/// addresses.
pub fn resample(pixels: &[u8], from: (u32, u32), to: (u32, u32), filter: Filter) -> Option<Vec<u8>> {
    let all = Window {
        whole: to,
        at: (0, 0),
        size: to,
    };
    resample_part((pixels, RGB), from, all, filter)
}

/// Of the picture at the size `window.whole` the rectangle alone; nothing of the rest is computed. `pixels` have so many bytes each.
pub fn resample_part(
    (pixels, channels): (&[u8], usize),
    from: (u32, u32),
    window: Window,
    filter: Filter,
) -> Option<Vec<u8>> {
    let size = |(width, height): (u32, u32)| (width as usize, height as usize);
    let (from, whole, at, to) = (size(from), size(window.whole), size(window.at), size(window.size));
    let bytes = from.0.checked_mul(from.1)?.checked_mul(channels)?;
    let inside = at.0.checked_add(to.0)? <= whole.0 && at.1.checked_add(to.1)? <= whole.1;
    if bytes == 0 || bytes != pixels.len() || to.0 == 0 || to.1 == 0 || !inside {
        return None;
    }
    let (columns, rows) = (at.0..at.0 + to.0, at.1..at.1 + to.1);
    if filter == Filter::Nearest {
        let (columns, rows) = (middles(from.0, whole.0, columns), middles(from.1, whole.1, rows));
        return nearest((pixels, channels), from.0, &columns, &rows);
    }
    let wide = match from.0 == whole.0 && to.0 == whole.0 {
        true => pixels.to_vec(),
        false => along_rows(
            (pixels, channels),
            from,
            &Weights::new(from.0, whole.0, columns, filter),
        )?,
    };
    match from.1 == whole.1 && to.1 == whole.1 {
        true => Some(wide),
        false => along_columns((&wide, channels), to.0, &Weights::new(from.1, whole.1, rows, filter)),
    }
}

/// The pixel under the middle of each new one.
fn nearest((pixels, channels): (&[u8], usize), width: usize, columns: &[usize], rows: &[usize]) -> Option<Vec<u8>> {
    let mut out = room((columns.len(), rows.len()), channels)?;
    for row in rows {
        for column in columns {
            let at = (row * width + column) * channels;
            out.extend_from_slice(&pixels[at..at + channels]);
        }
    }
    Some(out)
}

/// Places are added up as Pillow adds them, so that they round alike.
fn middles(from: usize, to: usize, part: Range<usize>) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let mut at = step * 0.5;
    let all = (0..part.end).map(|_| {
        let here = (at as usize).min(from - 1);
        at += step;
        here
    });
    all.skip(part.start).collect()
}

/// What each new pixel of a line is made of.
struct Weights {
    /// The first old pixel, and one weight for it and each that follows.
    of: Vec<(usize, Vec<i32>)>,
}

impl Weights {
    fn new(from: usize, to: usize, part: Range<usize>, filter: Filter) -> Self {
        let scale = from as f64 / to as f64;
        // A filter that makes smaller is as much wider.
        let stretch = scale.max(1.0);
        let support = support(filter) * stretch;
        let one = |at: usize| {
            let center = (at as f64 + 0.5) * scale;
            // Both are cut towards zero, as a cast of C is.
            let first = ((center - support + 0.5) as i64).max(0) as usize;
            let end = ((center + support + 0.5) as i64).clamp(0, from as i64) as usize;
            let raw: Vec<f64> = (first..end)
                .map(|x| weight(filter, (x as f64 - center + 0.5) / stretch))
                .collect();
            let sum: f64 = raw.iter().sum();
            let fixed = raw.into_iter().map(|w| {
                let w = if sum == 0.0 { w } else { w / sum };
                (w * f64::from(1u32 << PRECISION) + 0.5f64.copysign(w)) as i32
            });
            (first, fixed.collect())
        };
        Self {
            of: part.map(one).collect(),
        }
    }
}

fn along_rows(
    (pixels, channels): (&[u8], usize),
    (width, height): (usize, usize),
    weights: &Weights,
) -> Option<Vec<u8>> {
    let mut out = room((weights.of.len(), height), channels)?;
    for row in pixels.chunks_exact(width * channels) {
        for (first, weights) in &weights.of {
            for channel in 0..channels {
                let old = row[first * channels + channel..].iter().step_by(channels);
                out.push(mixed(old, weights));
            }
        }
    }
    Some(out)
}

fn along_columns((pixels, channels): (&[u8], usize), width: usize, weights: &Weights) -> Option<Vec<u8>> {
    let line = width * channels;
    let mut out = room((width, weights.of.len()), channels)?;
    for (first, weights) in &weights.of {
        for at in 0..line {
            let old = pixels[first * line + at..].iter().step_by(line);
            out.push(mixed(old, weights));
        }
    }
    Some(out)
}

fn mixed<'a>(old: impl Iterator<Item = &'a u8>, weights: &[i32]) -> u8 {
    let half = 1i32 << (PRECISION - 1);
    let sum = old
        .zip(weights)
        .fold(half, |sum, (old, weight)| sum + i32::from(*old) * weight);
    (sum >> PRECISION).clamp(0, 255) as u8
}

fn room((width, height): (usize, usize), channels: usize) -> Option<Vec<u8>> {
    let bytes = width.checked_mul(height)?.checked_mul(channels)?;
    let mut out = Vec::new();
    out.try_reserve_exact(bytes).ok()?;
    Some(out)
}

/// How far a filter reaches, in pixels.
fn support(filter: Filter) -> f64 {
    match filter {
        Filter::Nearest | Filter::Box => 0.5,
        Filter::Bilinear => 1.0,
        Filter::Bicubic => 2.0,
        Filter::Lanczos => 3.0,
    }
}

fn weight(filter: Filter, x: f64) -> f64 {
    match filter {
        Filter::Nearest | Filter::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
        Filter::Bilinear => (1.0 - x.abs()).max(0.0),
        Filter::Bicubic => cubic(x.abs()),
        Filter::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
        Filter::Lanczos => 0.0,
    }
}

/// Keys' cubic convolution with a = −0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

#[cfg(test)]
mod tests {
    use darkroom_protocol::sampler::Named;
    use rstest::rstest;

    use super::*;
    use crate::families::fixture::Fixture;

    /// Width, height and bytes.
    fn picture(key: &str) -> ((u32, u32), Vec<u8>) {
        let tensor = Fixture::open("upscale").expected(key);
        let values = Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap();
        let size = (tensor.size()[1] as u32, tensor.size()[0] as u32);
        (size, values.into_iter().map(|value| value as u8).collect())
    }

    #[rstest]
    fn each_filter_is_pillows_to_the_last_bit(
        #[values(Filter::Nearest, Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos)] filter: Filter,
        #[values((26, 18), (29, 31), (7, 5), (13, 22), (40, 9), (1, 1), (3, 40))] size: (u32, u32),
    ) {
        let (_, expected) = picture(&format!("{}.{}x{}", filter.name(), size.0, size.1));
        let (from, pixels) = picture("picture");
        assert_eq!(resample(&pixels, from, size, filter), Some(expected));
    }

    /// A rectangle of the larger picture is that of the whole one, for any number of channels.
    #[rstest]
    fn a_part_is_cut_out(#[values(Filter::Nearest, Filter::Box, Filter::Bicubic, Filter::Lanczos)] filter: Filter) {
        let (from, pixels) = picture("picture");
        let whole = resample(&pixels, from, (29, 31), filter).unwrap();
        let window = Window {
            whole: (29, 31),
            at: (5, 7),
            size: (11, 13),
        };
        let part = resample_part((&pixels, 3), from, window, filter).unwrap();
        for y in 0..13 {
            let at = ((y + 7) * 29 + 5) * 3;
            assert_eq!(part[y * 33..(y + 1) * 33], whole[at..at + 33], "row {y}");
        }
        let red: Vec<u8> = pixels.iter().step_by(3).copied().collect();
        let grey = resample_part((&red, 1), from, window, filter).unwrap();
        assert!(grey.iter().eq(part.iter().step_by(3)));
        let outside = Window { at: (19, 7), ..window };
        assert_eq!(resample_part((&pixels, 3), from, outside, filter), None);
    }

    #[test]
    fn a_size_without_pixels_is_none() {
        let one = [1, 2, 3];
        assert_eq!(resample(&one, (1, 1), (0, 4), Filter::Lanczos), None);
        assert_eq!(resample(&one, (1, 2), (4, 4), Filter::Nearest), None);
        assert_eq!(resample(&[], (0, 0), (4, 4), Filter::Box), None);
        assert_eq!(resample(&one, (1, 1), (1, 1), Filter::Bicubic), Some(one.to_vec()));
    }
}
