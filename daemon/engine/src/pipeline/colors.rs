//! The colours of the picture to begin with, given to the new one again: A1111's `apply_color_correction` (its `modules/processing.py`).
//! In CIE Lab of 8 bits, as OpenCV has it, each channel's histogram is matched with that of the given picture (scikit-image
//! `match_histograms`), and the result keeps the luminosity that it had (`blendmodes`, `BlendType.LUMINOSITY`). `pictures.rs` asks for
//! it before a picture is put back or saved. Nothing here knows a mask.

use image::RgbImage;

use super::encode::Rgb8;

/// Bits of OpenCV's fixed point: of a gamma curve, of a matrix, of a cube root.
const GAMMA_BITS: u32 = 3;
const MATRIX_BITS: u32 = 12;
const ROOT_BITS: u32 = MATRIX_BITS + GAMMA_BITS;
/// The white of D65.
const WHITE: [f64; 3] = [0.950456, 1.0, 1.088754];
/// sRGB to XYZ.
const TO_XYZ: [[f64; 3]; 3] = [
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
];
/// XYZ to sRGB.
const TO_RGB: [[f64; 3]; 3] = [
    [3.240479, -1.53715, -0.498535],
    [-0.969256, 1.875991, 0.041556],
    [0.055648, -0.204043, 1.057311],
];

/// `made` with the colours of `like` and its own luminosity. The pictures' sizes may differ.
pub fn corrected(made: &Rgb8, like: &RgbImage) -> Rgb8 {
    let lab = Lab::new();
    let triples =
        |bytes: &[u8]| -> Vec<[u8; 3]> { bytes.as_chunks::<3>().0.iter().map(|pixel| lab.of(*pixel)).collect() };
    let (own, theirs) = (triples(made.pixels()), triples(like.as_raw()));
    if own.is_empty() || theirs.is_empty() {
        return made.clone();
    }
    let tables = [0, 1, 2].map(|channel| matched(&own, &theirs, channel));
    let new = made
        .pixels()
        .as_chunks::<3>()
        .0
        .iter()
        .zip(&own)
        .flat_map(|(pixel, own)| {
            let [l, a, b] = [0, 1, 2].map(|channel| tables[channel][usize::from(own[channel])]);
            with_luminosity(rgb([l, a, b]), *pixel)
        });
    Rgb8::new(made.width(), made.height(), new.collect()).unwrap_or_else(|| made.clone())
}

/// What each value of a channel becomes so that its histogram is like that of `theirs`.
fn matched(own: &[[u8; 3]], theirs: &[[u8; 3]], channel: usize) -> [u8; 256] {
    let quantiles = |pixels: &[[u8; 3]]| {
        let mut counts = [0u64; 256];
        pixels.iter().for_each(|pixel| counts[usize::from(pixel[channel])] += 1);
        let mut sum = 0;
        let parts = counts.map(|count| {
            sum += count;
            sum as f64 / pixels.len() as f64
        });
        (counts, parts)
    };
    let (_, own) = quantiles(own);
    let (counts, parts) = quantiles(theirs);
    let points: Vec<(f64, f64)> = (0..256)
        .filter(|value| counts[*value] > 0)
        .map(|value| (parts[value], value as f64))
        .collect();
    // A fraction is cut off, as numpy puts one into bytes.
    own.map(|quantile| between(&points, quantile) as u8)
}

/// numpy's `interp`: `points` ascend, and beyond their ends counts the last one.
fn between(points: &[(f64, f64)], at: f64) -> f64 {
    let next = points.partition_point(|(x, _)| *x <= at);
    match (
        next.checked_sub(1).and_then(|before| points.get(before)),
        points.get(next),
    ) {
        (None, Some((_, value))) | (Some((_, value)), None) => *value,
        (Some((x, y)), Some((x2, y2))) => (y2 - y) / (x2 - x) * (at - x) + y,
        (None, None) => 0.0,
    }
}

/// OpenCV's `COLOR_RGB2LAB` of bytes, which is made of tables.
struct Lab {
    gamma: Vec<i64>,
    roots: Vec<i64>,
    matrix: [[i64; 3]; 3],
}

impl Lab {
    fn new() -> Self {
        let gamma = |value: u32| {
            let x = f64::from(value) / 255.0;
            let linear = if x <= 0.04045 {
                x / 12.92
            } else {
                ((x + 0.055) / 1.055).powf(2.4)
            };
            (255.0 * f64::from(1u32 << GAMMA_BITS) * linear).round_ties_even() as i64
        };
        let root = |at: u32| {
            let x = f64::from(at) / (255.0 * f64::from(1u32 << GAMMA_BITS));
            let root = if x < 0.008856 {
                x * 7.787 + 16.0 / 116.0
            } else {
                x.cbrt()
            };
            (f64::from(1u32 << ROOT_BITS) * root).round_ties_even() as i64
        };
        let entry = |row: usize, column: usize| {
            (f64::from(1u32 << MATRIX_BITS) * TO_XYZ[row][column] / WHITE[row]).round_ties_even() as i64
        };
        Self {
            gamma: (0..256).map(gamma).collect(),
            roots: (0..(256 * 3 / 2) << GAMMA_BITS).map(root).collect(),
            matrix: [0, 1, 2].map(|row| [0, 1, 2].map(|column| entry(row, column))),
        }
    }

    /// L scaled to 0..255, a and b moved by 128.
    fn of(&self, rgb: [u8; 3]) -> [u8; 3] {
        let linear = rgb.map(|value| self.gamma[usize::from(value)]);
        let [x, y, z] = self.matrix.map(|row| {
            let sum: i64 = row.iter().zip(linear).map(|(weight, value)| weight * value).sum();
            let at = usize::try_from(rounded(sum, MATRIX_BITS)).unwrap_or(0);
            self.roots[at.min(self.roots.len() - 1)]
        });
        let one = 1i64 << ROOT_BITS;
        let l = (116 * 255 + 50) / 100 * y - (16 * 255 * one + 50) / 100;
        let a = 500 * (x - y) + 128 * one;
        let b = 200 * (y - z) + 128 * one;
        [l, a, b].map(|value| rounded(value, ROOT_BITS).clamp(0, 255) as u8)
    }
}

fn rounded(value: i64, bits: u32) -> i64 {
    (value + (1 << (bits - 1))) >> bits
}

/// OpenCV's `COLOR_LAB2RGB` of bytes, by its formula.
fn rgb([l, a, b]: [u8; 3]) -> [u8; 3] {
    let l = f64::from(l) * 100.0 / 255.0;
    let (y, fy) = match l <= 8.0 {
        true => (l / 903.3, 7.787 * l / 903.3 + 16.0 / 116.0),
        false => {
            let fy = (l + 16.0) / 116.0;
            (fy * fy * fy, fy)
        }
    };
    let other = |f: f64| {
        if f <= 6.0 / 29.0 {
            (f - 16.0 / 116.0) / 7.787
        } else {
            f * f * f
        }
    };
    let x = other(fy + (f64::from(a) - 128.0) / 500.0) * WHITE[0];
    let z = other(fy - (f64::from(b) - 128.0) / 200.0) * WHITE[2];
    TO_RGB.map(|[of_x, of_y, of_z]| {
        let linear = (of_x * x + of_y * y + of_z * z).clamp(0.0, 1.0);
        let value = if linear <= 0.0031308 {
            linear * 12.92
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        };
        (value * 255.0).round_ties_even() as u8
    })
}

/// The colour of `colour` with the luminosity of `own` (PDF's `SetLum` and `ClipColor`).
fn with_luminosity(colour: [u8; 3], own: [u8; 3]) -> [u8; 3] {
    let unit = |pixel: [u8; 3]| pixel.map(|value| f64::from(value) / 255.0);
    let luminosity = |[r, g, b]: [f64; 3]| r * 0.299 + g * 0.587 + b * 0.114;
    let (colour, wanted) = (unit(colour), luminosity(unit(own)));
    let moved = colour.map(|value| value + wanted - luminosity(colour));
    let light = luminosity(moved);
    let least = moved.into_iter().fold(f64::INFINITY, f64::min);
    let most = moved.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let mut clipped = moved;
    if least < 0.0 {
        clipped = clipped.map(|value| light + (value - light) * light / (light - least));
    }
    if most > 1.0 {
        clipped = clipped.map(|value| light + (value - light) * (1.0 - light) / (most - light));
    }
    clipped.map(|value| (value * 255.0).round_ties_even().clamp(0.0, 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::fixture::Fixture;

    fn made() -> Rgb8 {
        let bytes = (0..48 * 40).flat_map(|n: u32| {
            let (x, y) = (n % 48, n / 48);
            [x * 5 % 256, (y * 6 + x) % 256, (x * y / 3) % 256].map(|value| value as u8)
        });
        Rgb8::new(48, 40, bytes.collect()).unwrap()
    }

    fn given() -> RgbImage {
        RgbImage::from_fn(64, 32, |x, y| {
            image::Rgb([40 + x * 2, 120 + y, (x * 3 + y * 5) % 200].map(|value| value as u8))
        })
    }

    /// `tests/oracle/colors.py`: OpenCV, scikit-image and blendmodes. OpenCV's way back from Lab has its own fixed point, which
    /// rounds another way now and then.
    #[test]
    fn colours_are_a1111s() {
        let fixture = Fixture::open("colors");
        let bytes = |key: &str| Vec::<f32>::try_from(fixture.expected(key).flatten(0, -1)).unwrap();
        let lab = Lab::new();
        let ours: Vec<u8> = made()
            .pixels()
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|p| lab.of(*p))
            .collect();
        let apart = ours
            .iter()
            .zip(bytes("lab"))
            .filter(|(a, b)| f32::from(**a) != *b)
            .count();
        assert_eq!(apart, 0, "Lab is OpenCV's to the byte");
        let found = corrected(&made(), &given());
        let expected = bytes("corrected");
        let differences: Vec<f32> = found
            .pixels()
            .iter()
            .zip(&expected)
            .map(|(a, b)| (f32::from(*a) - b).abs())
            .collect();
        let worst = differences.iter().copied().fold(0.0, f32::max);
        let unequal = differences.iter().filter(|apart| **apart > 0.0).count();
        assert!(
            worst <= 2.0 && unequal * 5 < expected.len(),
            "{worst}/255, {unequal} of {}",
            expected.len()
        );
    }

    #[test]
    fn a_histogram_is_matched_with_itself_by_nothing() {
        let lab = Lab::new();
        let own: Vec<[u8; 3]> = made().pixels().as_chunks::<3>().0.iter().map(|p| lab.of(*p)).collect();
        for channel in 0..3 {
            let table = matched(&own, &own, channel);
            assert!(
                own.iter()
                    .all(|pixel| table[usize::from(pixel[channel])] == pixel[channel])
            );
        }
    }
}
