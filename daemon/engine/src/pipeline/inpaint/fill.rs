//! Colours from around a mask where the mask is: A1111's `fill` (its `modules/masking.py`), which lays ever less blurred copies of the
//! unmasked picture over each other. To the byte, which takes Pillow's own Gaussian (three box blurs in fixed point) and its way of
//! laying pictures over each other; both are here, and nothing else uses them.

use image::{GrayImage, RgbImage};

/// Radii, and how often each copy is laid down.
const PASSES: [(f32, u32); 6] = [(256.0, 1), (64.0, 1), (16.0, 2), (4.0, 4), (2.0, 2), (0.0, 1)];
/// Passes of a box that make Pillow's Gaussian.
const BOXES: u32 = 3;

/// Red, green, blue and opacity.
type Pixel = [u8; 4];

/// `picture` with colours from around it where `mask` is white. Both have one size.
pub fn filled(picture: &RgbImage, mask: &GrayImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    // Colours are premultiplied by the opacity, which is what is not masked.
    let kept: Vec<Pixel> = picture
        .pixels()
        .zip(mask.pixels())
        .map(|(pixel, mask)| {
            let [r, g, b] = pixel.0;
            [r, g, b, 255].map(|value| mul_div_255(value, 255 - mask.0[0]))
        })
        .collect();
    let mut canvas = vec![[0; 4]; kept.len()];
    for (radius, times) in PASSES {
        let blurred = blurred(&kept, (width as usize, height as usize), radius);
        let plain: Vec<Pixel> = blurred.into_iter().map(unmultiplied).collect();
        for _ in 0..times {
            canvas
                .iter_mut()
                .zip(&plain)
                .for_each(|(under, over)| *under = composite(*under, *over));
        }
    }
    let pixels = canvas.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
    RgbImage::from_raw(width, height, pixels).unwrap_or_else(|| picture.clone())
}

/// `a·b / 255`, rounded (Pillow `MULDIV255`).
fn mul_div_255(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

/// Colours as they are without their opacity (Pillow `rgba2rgbA` the other way round).
fn unmultiplied([r, g, b, a]: Pixel) -> Pixel {
    if a == 0 || a == 255 {
        return [r, g, b, a];
    }
    let plain = |value: u8| (255 * u32::from(value) / u32::from(a)).min(255) as u8;
    [plain(r), plain(g), plain(b), a]
}

/// `over` laid on `under` (Pillow `ImagingAlphaComposite`).
fn composite(under: Pixel, over: Pixel) -> Pixel {
    const BITS: u32 = 7;
    if over[3] == 0 {
        return under;
    }
    let above = u32::from(over[3]);
    let opacity = above * 255 + u32::from(under[3]) * (255 - above);
    let share = above * 255 * 255 * (1 << BITS) / opacity;
    let rest = 255 * (1 << BITS) - share;
    let by_255 = |value: u32| ((value >> 8) + value) >> 8;
    let mixed = |n: usize| {
        let sum = u32::from(over[n]) * share + u32::from(under[n]) * rest;
        (by_255(sum + (0x80 << BITS)) >> BITS) as u8
    };
    [mixed(0), mixed(1), mixed(2), by_255(opacity + 0x80) as u8]
}

/// Pillow's `GaussianBlur(radius)`: boxes along the rows, and then along the columns.
fn blurred(pixels: &[Pixel], (width, height): (usize, usize), radius: f32) -> Vec<Pixel> {
    let Some(of) = Box::of(radius) else {
        return pixels.to_vec();
    };
    let mut across = pixels.to_vec();
    across.chunks_exact_mut(width).for_each(|row| of.blur(row));
    let mut columns: Vec<Pixel> = (0..width)
        .flat_map(|x| (0..height).map(move |y| (x, y)))
        .map(|(x, y)| across[y * width + x])
        .collect();
    columns.chunks_exact_mut(height).for_each(|column| of.blur(column));
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| columns[x * height + y])
        .collect()
}

/// A box in Pillow's fixed point: so many whole pixels on each side, and a part of the next.
struct Box {
    reach: usize,
    whole: u32,
    part: u32,
}

impl Box {
    /// The box of which [`BOXES`] make a Gaussian of that standard deviation (Gwosdek et al. 2011, "Theoretical foundations of
    /// Gaussian convolution by extended box filtering"); `None` for one that changes nothing.
    fn of(sigma: f32) -> Option<Self> {
        let variance = sigma * sigma / BOXES as f32;
        let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
        let reach = ((length - 1.0) / 2.0).floor();
        let part = (2.0 * reach + 1.0) * (reach * (reach + 1.0) - 3.0 * variance);
        let radius = reach + part / (6.0 * (variance - (reach + 1.0) * (reach + 1.0)));
        if radius <= 0.0 {
            return None;
        }
        let reach = radius as usize;
        let whole = (16_777_216.0 / (radius * 2.0 + 1.0)) as u32;
        Some(Self {
            reach,
            whole,
            part: ((1 << 24) - (reach as u32 * 2 + 1) * whole) / 2,
        })
    }

    fn blur(&self, line: &mut [Pixel]) {
        for _ in 0..BOXES {
            self.pass(line);
        }
    }

    /// One pass; what lies outside of the line is its end.
    fn pass(&self, line: &mut [Pixel]) {
        let from = line.to_vec();
        let last = from.len() as i64 - 1;
        let reach = self.reach as i64;
        let at = |x: i64| from[x.clamp(0, last) as usize];
        let mut sum = [0u32; 4];
        let add = |sum: &mut [u32; 4], pixel: Pixel| {
            sum.iter_mut()
                .zip(pixel)
                .for_each(|(sum, value)| *sum += u32::from(value));
        };
        let take = |sum: &mut [u32; 4], pixel: Pixel| {
            sum.iter_mut()
                .zip(pixel)
                .for_each(|(sum, value)| *sum -= u32::from(value));
        };
        (-reach..=reach).for_each(|x| add(&mut sum, at(x)));
        for (x, pixel) in line.iter_mut().enumerate() {
            let x = x as i64;
            let (left, right) = (at(x - reach - 1), at(x + reach + 1));
            for n in 0..4 {
                let ends = u32::from(left[n]) + u32::from(right[n]);
                let bulk = sum[n]
                    .wrapping_mul(self.whole)
                    .wrapping_add(ends.wrapping_mul(self.part));
                pixel[n] = (bulk.wrapping_add(1 << 23) >> 24) as u8;
            }
            add(&mut sum, right);
            take(&mut sum, at(x - reach));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    /// `tests/oracle/inpaint_pixels.py` made the hash with Pillow.
    #[test]
    fn colours_come_from_around_as_in_a1111() {
        let picture = RgbImage::from_fn(80, 56, |x, y| {
            image::Rgb([x * 3 % 256, y * 5 % 256, x * y % 256].map(|value| value as u8))
        });
        let mask = GrayImage::from_fn(80, 56, |x, y| {
            image::Luma([if (20..52).contains(&x) && (8..40).contains(&y) {
                255
            } else {
                (x % 3) as u8 * 40
            }])
        });
        let found = filled(&picture, &mask);
        let hash = darkroom_protocol::hash::hex(Sha256::digest(found.as_raw()));
        assert_eq!(hash, EXPECTED, "{:?}", &found.as_raw()[..12]);
    }

    const EXPECTED: &str = "d4c4f4c5b57774cbeb22131a9ce99b9953f080b0e0a2c6f23d18c90523f9d729";

    #[test]
    fn what_is_not_masked_stays() {
        let picture = RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8 * 8, y as u8 * 12, 7]));
        assert_eq!(filled(&picture, &GrayImage::new(30, 20)), picture);
        let all = GrayImage::from_pixel(30, 20, image::Luma([255]));
        assert_eq!(filled(&picture, &all), RgbImage::new(30, 20), "nothing is around it");
    }
}
