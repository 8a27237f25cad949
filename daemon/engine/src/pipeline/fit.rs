//! A given picture, or its mask, at the size of the new one. `prepare.rs` and `inpaint/` call these; which way a task asks for is
//! theirs to read. Lanczos over three lobes each time, as Pillow scales photographs.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Pixel};

/// A picture of 8 bits a channel.
pub type Of<P> = ImageBuffer<P, Vec<u8>>;

/// The middle of the picture in the shape of `width`×`height`, scaled to that (A1111's "Crop and resize"). One of that size stays as it
/// is. What stands out is cut off first, so that nothing larger than both is ever made.
pub fn cover<P: Pixel<Subpixel = u8> + 'static>(picture: Of<P>, width: u32, height: u32) -> Of<P> {
    let (w, h) = picture.dimensions();
    if (w, h) == (width, height) {
        return picture;
    }
    let scale = (f64::from(width) / f64::from(w)).max(f64::from(height) / f64::from(h));
    let side = |wanted: u32, most: u32| ((f64::from(wanted) / scale).round() as u32).clamp(1, most);
    let (inner_w, inner_h) = (side(width, w), side(height, h));
    let middle = imageops::crop_imm(&picture, (w - inner_w) / 2, (h - inner_h) / 2, inner_w, inner_h).to_image();
    imageops::resize(&middle, width, height, FilterType::Lanczos3)
}

/// The whole picture scaled into `width`×`height`; what it leaves there has the colours of its edges (A1111's "Resize and fill").
pub fn inside<P: Pixel<Subpixel = u8> + 'static>(picture: &Of<P>, width: u32, height: u32) -> Of<P> {
    let (w, h) = picture.dimensions();
    let scale = (f64::from(width) / f64::from(w)).min(f64::from(height) / f64::from(h));
    let side = |own: u32, most: u32| ((f64::from(own) * scale) as u32).clamp(1, most);
    let (inner_w, inner_h) = (side(w, width), side(h, height));
    let small = match (inner_w, inner_h) == (w, h) {
        true => picture.clone(),
        false => imageops::resize(picture, inner_w, inner_h, FilterType::Lanczos3),
    };
    let (left, top) = ((width - inner_w) / 2, (height - inner_h) / 2);
    let at = |at: u32, before: u32, inner: u32| at.saturating_sub(before).min(inner - 1);
    Of::from_fn(width, height, |x, y| {
        *small.get_pixel(at(x, left, inner_w), at(y, top, inner_h))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
