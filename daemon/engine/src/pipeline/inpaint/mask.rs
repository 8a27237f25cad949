//! A mask in pixels: what of a picture changes, white all and black nothing. Here it is softened, looked at and made into what the
//! denoise loop reads. `mod.rs` calls these in A1111's order (its `processing.py`, `StableDiffusionProcessingImg2Img.init`); where
//! the file comes from is no business of this one, and regions of pictures are in `region.rs`.

use image::GrayImage;
use tch::{Kind, Tensor};

use super::region::Region;

/// Black and white exchanged.
pub fn inverted(mut mask: GrayImage) -> GrayImage {
    mask.pixels_mut().for_each(|pixel| pixel.0[0] = 255 - pixel.0[0]);
    mask
}

/// Softened by a Gaussian of standard deviation `sigma` pixels, along rows and then along columns, rounded in between. The kernel has
/// `2·int(2.5σ + 0.5) + 1` taps and the picture is mirrored at its edges, as A1111 has it from cv2.GaussianBlur.
pub fn blurred(mask: GrayImage, sigma: u32) -> GrayImage {
    if sigma == 0 {
        return mask;
    }
    let kernel = gaussian(f64::from(sigma));
    let (width, height) = mask.dimensions();
    let along_rows = GrayImage::from_fn(width, height, |x, y| {
        tap(&kernel, x, width, |x| mask.get_pixel(x, y).0[0])
    });
    GrayImage::from_fn(width, height, |x, y| {
        tap(&kernel, y, height, |y| along_rows.get_pixel(x, y).0[0])
    })
}

/// Taps of a normalised Gaussian, from the middle outward.
fn gaussian(sigma: f64) -> Vec<f64> {
    let reach = (2.5 * sigma + 0.5) as i64;
    let value = |at: i64| (-((at * at) as f64) / (2.0 * sigma * sigma)).exp();
    let sum: f64 = (-reach..=reach).map(value).sum();
    (0..=reach).map(|at| value(at) / sum).collect()
}

/// The kernel's sum around `at` on a line of `length`.
fn tap(kernel: &[f64], at: u32, length: u32, value: impl Fn(u32) -> u8) -> image::Luma<u8> {
    let (at, length) = (i64::from(at), i64::from(length));
    let read = |at: i64| f64::from(value(mirrored(at, length) as u32));
    let sum = kernel.iter().enumerate().fold(0.0, |sum, (n, weight)| match n as i64 {
        0 => sum + weight * read(at),
        n => sum + weight * (read(at - n) + read(at + n)),
    });
    image::Luma([sum.round().clamp(0.0, 255.0) as u8])
}

/// `at` mirrored into a line of `length` so that its ends stand once: cv2's BORDER_REFLECT_101.
fn mirrored(at: i64, length: i64) -> i64 {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length - 1);
    let at = at.rem_euclid(period);
    at.min(period - at)
}

/// The smallest region that holds all that is not black; `None` where all is.
pub fn bounds(mask: &GrayImage) -> Option<Region> {
    let lit = mask.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[0] > 0);
    lit.fold(None, |found: Option<Region>, (x, y, _)| {
        let one = Region {
            x,
            y,
            width: 1,
            height: 1,
        };
        Some(found.map_or(one, |found| found.with(x, y)))
    })
}

/// Greys at one half and above made white, others black.
pub fn cut(mut mask: GrayImage) -> GrayImage {
    mask.pixels_mut()
        .for_each(|pixel| pixel.0[0] = if pixel.0[0] >= 128 { 255 } else { 0 });
    mask
}

/// The mask for latents of `factor`×`factor` pixels each, [1, 1, h, w] in 0..1, f32, on the CPU: the mean of those pixels, and 0 or 1
/// unless it is `soft`.
pub fn for_latents(mask: &GrayImage, factor: u32, soft: bool) -> Tensor {
    let side = i64::from(factor);
    let mean = tensor(mask).avg_pool2d([side, side], [side, side], [0, 0], false, true, None::<i64>);
    match soft {
        true => mean,
        false => mean.ge(0.5).to_kind(Kind::Float),
    }
}

/// [1, 1, H, W] in 0..1, f32, on the CPU.
pub fn tensor(mask: &GrayImage) -> Tensor {
    let (width, height) = mask.dimensions();
    Tensor::from_slice(mask.as_raw())
        .reshape([1, 1, i64::from(height), i64::from(width)])
        .to_kind(Kind::Float)
        / 255.0
}

/// What of the picture the new one covers where both are mixed: A1111 takes twice the mask where the whole picture is computed, so
/// that the middle of its soft edge is new altogether.
pub fn doubled(mut mask: GrayImage) -> GrayImage {
    mask.pixels_mut()
        .for_each(|pixel| pixel.0[0] = pixel.0[0].saturating_mul(2));
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn line(values: &[u8]) -> GrayImage {
        GrayImage::from_raw(values.len() as u32, 1, values.to_vec()).unwrap()
    }

    /// `tests/oracle/inpaint_pixels.py`: the definition of cv2.getGaussianKernel and BORDER_REFLECT_101, written with numpy.
    #[rstest]
    #[case(1, &[255, 0, 0, 0, 0, 255, 255], &[102, 62, 15, 16, 77, 177, 225])]
    #[case(2, &[0, 0, 0, 255, 0, 0, 0, 0, 255], &[33, 38, 47, 53, 52, 48, 48, 52, 56])]
    fn a_blur_is_cv2s(#[case] sigma: u32, #[case] from: &[u8], #[case] to: &[u8]) {
        let found = blurred(line(from), sigma);
        let apart = found.as_raw().iter().zip(to).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(1), "{:?}", found.as_raw());
    }

    #[test]
    fn what_is_all_white_or_black_stays_so() {
        for value in [0, 255] {
            let even = GrayImage::from_pixel(9, 5, image::Luma([value]));
            assert_eq!(blurred(even.clone(), 7), even);
        }
        assert_eq!(blurred(line(&[3, 200]), 0), line(&[3, 200]));
    }

    #[rstest]
    #[case(-1, 5, 1)]
    #[case(5, 5, 3)]
    #[case(9, 5, 1)]
    #[case(-40, 1, 0)]
    #[case(4, 5, 4)]
    fn lines_are_mirrored(#[case] at: i64, #[case] length: i64, #[case] expected: i64) {
        assert_eq!(mirrored(at, length), expected);
    }

    #[test]
    fn bounds_hold_all_that_is_not_black() {
        let mut mask = GrayImage::new(20, 10);
        assert_eq!(bounds(&mask), None);
        mask.put_pixel(3, 7, image::Luma([1]));
        mask.put_pixel(11, 2, image::Luma([255]));
        let found = bounds(&mask).unwrap();
        assert_eq!((found.x, found.y, found.width, found.height), (3, 2, 9, 6));
    }

    #[test]
    fn latents_are_free_or_not_unless_the_mask_is_soft() {
        let mask = GrayImage::from_fn(32, 16, |x, _| image::Luma([if x < 16 { 255 } else { 90 }]));
        let hard = for_latents(&mask, 8, false);
        let values = Vec::<f32>::try_from(hard.flatten(0, -1)).unwrap();
        assert_eq!(values, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        let soft = Vec::<f32>::try_from(for_latents(&mask, 8, true).flatten(0, -1)).unwrap();
        assert!((soft[3] - 90.0 / 255.0).abs() < 1e-6, "{soft:?}");
    }
}
