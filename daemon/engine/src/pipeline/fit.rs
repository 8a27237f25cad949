//! A given picture, or its mask, at the size of the new one: A1111's `resize_image` (its `modules/images.py`), to the byte. `prepare.rs`
//! and `inpaint/` call these; which way a task asks for is theirs to read. Lanczos over three lobes each time, as Pillow has it
//! (`upscale/resample.rs`). Nothing larger than both pictures is ever made, however their shapes differ.

use darkroom_protocol::ResizeMode;
use darkroom_protocol::upscaler::Filter;
use image::{ImageBuffer, Pixel};

use crate::upscale::{Window, resample_part};

/// A picture of 8 bits a channel.
pub type Of<P> = ImageBuffer<P, Vec<u8>>;

/// The picture at `width`×`height`, the way that is asked for. Latents are stretched by who has them; their pixels are stretched here.
pub fn fitted<P: Pixel<Subpixel = u8> + 'static>(picture: Of<P>, width: u32, height: u32, mode: ResizeMode) -> Of<P> {
    match mode {
        ResizeMode::Crop => cover(picture, width, height),
        ResizeMode::Fill => inside(&picture, width, height),
        ResizeMode::Just | ResizeMode::Latent => stretched(picture, width, height),
    }
}

/// The picture stretched to `width`×`height` ("Just resize").
pub fn stretched<P: Pixel<Subpixel = u8> + 'static>(picture: Of<P>, width: u32, height: u32) -> Of<P> {
    let whole = Window {
        whole: (width, height),
        at: (0, 0),
        size: (width, height),
    };
    part_of(picture, whole)
}

/// The picture scaled until it covers `width`×`height`, and its middle taken ("Crop and resize").
pub fn cover<P: Pixel<Subpixel = u8> + 'static>(picture: Of<P>, width: u32, height: u32) -> Of<P> {
    let (w, h) = picture.dimensions();
    let wider = shape(width, height) > shape(w, h);
    let whole = (
        if wider { width } else { beside(w, height, h).max(width) },
        if wider { beside(h, width, w).max(height) } else { height },
    );
    let middle = Window {
        whole,
        at: (whole.0 / 2 - width / 2, whole.1 / 2 - height / 2),
        size: (width, height),
    };
    part_of(picture, middle)
}

/// The whole picture scaled into `width`×`height`; what it leaves there continues its edges ("Resize and fill").
pub fn inside<P: Pixel<Subpixel = u8> + 'static>(picture: &Of<P>, width: u32, height: u32) -> Of<P> {
    let (w, h) = picture.dimensions();
    let (wanted, own) = (shape(width, height), shape(w, h));
    let inner_w = if wanted < own { width } else { beside(w, height, h) }.clamp(1, width);
    let inner_h = if wanted >= own { height } else { beside(h, width, w) }.clamp(1, height);
    let small = stretched(picture.clone(), inner_w, inner_h);
    let (left, top) = (width / 2 - inner_w / 2, height / 2 - inner_h / 2);
    Of::from_fn(width, height, |x, y| {
        match (at(x, left, inner_w), at(y, top, inner_h)) {
            (At::Inside(x), At::Inside(y)) => *small.get_pixel(x, y),
            (At::Outside(edge, next), At::Inside(y)) => continued(*small.get_pixel(edge, y), *small.get_pixel(next, y)),
            (At::Inside(x), At::Outside(edge, next)) => continued(*small.get_pixel(x, edge), *small.get_pixel(x, next)),
            (At::Outside(x, _), At::Outside(y, _)) => *small.get_pixel(x, y),
        }
    })
}

/// Where a line of the larger picture lies in the smaller one.
enum At {
    Inside(u32),
    /// Beyond it: the last line there, and the one before.
    Outside(u32, u32),
}

fn at(line: u32, before: u32, inner: u32) -> At {
    if line < before {
        At::Outside(0, 1.min(inner - 1))
    } else if line - before < inner {
        At::Inside(line - before)
    } else {
        At::Outside(inner - 1, inner.saturating_sub(2))
    }
}

/// What Pillow makes of a box without extent at the edge of a picture, which is how A1111 continues it: by the weights of its bicubic
/// filter half a pixel and one and a half away, 9/8 and −1/8.
fn continued<P: Pixel<Subpixel = u8>>(edge: P, next: P) -> P {
    edge.map2(&next, |edge, next| {
        let sum = i32::from(edge) * 9 - i32::from(next);
        ((sum + 4) >> 3).clamp(0, 255) as u8
    })
}

fn shape(width: u32, height: u32) -> f64 {
    f64::from(width) / f64::from(height.max(1))
}

/// `side · wanted / other`, rounded down.
fn beside(side: u32, wanted: u32, other: u32) -> u32 {
    let long = u64::from(side) * u64::from(wanted) / u64::from(other.max(1));
    u32::try_from(long).unwrap_or(u32::MAX)
}

/// That rectangle of the picture at that size; the picture itself where it has it.
fn part_of<P: Pixel<Subpixel = u8> + 'static>(picture: Of<P>, window: Window) -> Of<P> {
    let from = picture.dimensions();
    if from == window.whole && from == window.size {
        return picture;
    }
    let channels = usize::from(P::CHANNEL_COUNT);
    let bytes = resample_part((picture.as_raw(), channels), from, window, Filter::Lanczos);
    let made = bytes.and_then(|bytes| Of::from_raw(window.size.0, window.size.1, bytes));
    // A picture without pixels is none.
    made.unwrap_or_else(|| Of::new(window.size.0, window.size.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::fixture::Fixture;
    use darkroom_protocol::sampler::Named as _;
    use image::RgbImage;
    use rstest::rstest;

    #[rstest]
    #[case((64, 64), (64, 64))]
    #[case((100, 50), (32, 32))]
    #[case((30, 31), (64, 32))]
    #[case((1, 1000), (8, 8))]
    fn both_give_what_is_asked_for(#[case] (w, h): (u32, u32), #[case] (width, height): (u32, u32)) {
        assert_eq!(cover(RgbImage::new(w, h), width, height).dimensions(), (width, height));
        assert_eq!(
            inside(&RgbImage::new(w, h), width, height).dimensions(),
            (width, height)
        );
    }

    #[test]
    fn the_middle_stays() {
        let stripes = RgbImage::from_fn(30, 10, |x, _| {
            image::Rgb([if (10..20).contains(&x) { 200 } else { 0 }; 3])
        });
        let found = cover(stripes, 10, 10);
        assert!(found.pixels().all(|pixel| pixel.0 == [200; 3]));
    }

    #[test]
    fn what_is_left_has_the_colours_of_the_edges() {
        let halves = RgbImage::from_fn(10, 10, |x, _| image::Rgb([if x < 5 { 10 } else { 200 }; 3]));
        let found = inside(&halves, 30, 10);
        let line: Vec<u8> = (0..30).map(|x| found.get_pixel(x, 4).0[0]).collect();
        assert!(
            line[..15].iter().all(|value| *value == 10) && line[15..].iter().all(|value| *value == 200),
            "{line:?}"
        );
    }

    /// `tests/oracle/resize.py`: A1111's function on Pillow's pictures.
    #[test]
    fn each_way_is_a1111s_to_the_byte() {
        let fixture = Fixture::open("resize");
        let cases: Vec<(String, [u32; 4])> = serde_json::from_slice(&fixture.json("cases")).unwrap();
        assert!(cases.len() >= 12);
        for (n, (mode, [w, h, width, height])) in cases.iter().enumerate() {
            let picture = RgbImage::from_fn(*w, *h, |x, y| {
                image::Rgb([x * 7 % 256, y * 11 % 256, (x * y + 3 * x) % 256].map(|value| value as u8))
            });
            let mode = ResizeMode::from_name(mode).unwrap();
            let found = fitted(picture.clone(), *width, *height, mode);
            let expected = Vec::<f32>::try_from(fixture.expected(&format!("{n}")).flatten(0, -1)).unwrap();
            assert_eq!(expected.len(), found.len());
            let apart = found.iter().zip(&expected).position(|(a, b)| f32::from(*a) != *b);
            assert_eq!(apart, None, "case {n}, {mode:?} {w}×{h} to {width}×{height}");
            let red = image::GrayImage::from_fn(*w, *h, |x, y| image::Luma([picture.get_pixel(x, y).0[0]]));
            let grey = fitted(red, *width, *height, mode);
            assert!(grey.iter().eq(found.iter().step_by(3)), "a mask goes the same way");
        }
    }

    #[test]
    fn nothing_larger_than_both_is_made() {
        let thread = RgbImage::from_pixel(1, 60_000, image::Rgb([9, 8, 7]));
        let found = cover(thread, 512, 512);
        assert!(found.pixels().all(|pixel| pixel.0 == [9, 8, 7]));
    }
}
