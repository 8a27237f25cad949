//! The pixels of pictures that are put together: a part cut out, two laid beside each other in one frame, a mask over a picture in the
//! accent colour. Made off the thread that draws (`effects.rs`), no larger than the dots that they are seen in.

use image::imageops::{self, FilterType};
use image::{DynamicImage, Rgb, RgbImage};

use crate::app::mask::{Sheet, coverage, dots_of};
use crate::app::pictures::cut::{Canvas, Cut, Frame, Of};
use crate::app::pictures::zoom::Part;

/// Where nothing is.
const EMPTY: Rgb<u8> = Rgb([0x20, 0x20, 0x20]);
/// The accent colour.
pub const ACCENT: [u8; 3] = [0xff, 0x5f, 0x3c];
/// How much of the picture the mask hides, in 256ths.
const OPACITY: u32 = 140;

/// A picture in a frame: where its upper left corner is in pixels of the frame, and how many of these a pixel of it is wide.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Laid {
    x: f64,
    y: f64,
    scale: f64,
}

/// Makes what `cut` says of these pictures, seen in so many dots at most. `sheet` is the mask that it names, where it names one.
pub fn composed(
    cut: &Cut,
    pictures: &[&DynamicImage],
    sheet: Option<&Sheet>,
    dots: (u32, u32),
) -> Option<DynamicImage> {
    let part = cut.part;
    let size = |most: f64| fitting(part, most, dots);
    match (&cut.of, pictures) {
        (Of::Picture(_), [picture]) => {
            let seen = picture.crop_imm(part.x, part.y, part.width, part.height);
            (seen.width() > 0 && seen.height() > 0).then_some(seen)
        }
        (Of::Pair { border, .. }, [first, second]) => {
            // As fine as the finer of the two.
            let size = size((1.0 / fitted(first, second).scale).max(1.0));
            Some(beside(first, second, *border, part, size).into())
        }
        (Of::Canvas(Canvas { frame, tint, .. }), [picture]) => {
            let size = size(1.0);
            let mut made = empty(size);
            lay(&mut made, picture, framed(*frame), part);
            if let (Some(tint), Some(sheet)) = (tint, sheet) {
                tinted(&mut made, &coverage(sheet, part, size));
                for (x, y) in dots_of(&tint.marks, part, size) {
                    let pixel = made.get_pixel_mut(x, y);
                    pixel.0 = opposite(pixel.0);
                }
            }
            Some(made.into())
        }
        _ => None,
    }
}

/// The size in which a part is made: at most `most` dots a pixel, no more dots than there are, its shape kept.
fn fitting(part: Part, most: f64, dots: (u32, u32)) -> (u32, u32) {
    let along = |dots: u32, length: u32| f64::from(dots.max(1)) / f64::from(length.max(1));
    let scale = most.min(along(dots.0, part.width)).min(along(dots.1, part.height));
    let size = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (size(part.width), size(part.height))
}

fn empty((width, height): (u32, u32)) -> RgbImage {
    RgbImage::from_pixel(width, height, EMPTY)
}

fn framed(frame: Frame) -> Laid {
    Laid {
        x: f64::from(frame.left),
        y: f64::from(frame.top),
        scale: 1.0,
    }
}

/// The first left of the border, the second right of it, and a line between.
fn beside(first: &DynamicImage, second: &DynamicImage, border: u32, part: Part, size: (u32, u32)) -> RgbImage {
    let column = |x: u32| u64::from(x.saturating_sub(part.x)) * u64::from(size.0) / u64::from(part.width);
    let column = column(border).min(size.0.into()) as u32;
    let mut made = empty(size);
    if column > 0 {
        lay(&mut made, first, framed(Frame::default()), part);
    }
    if column < size.0 {
        let mut right = empty(size);
        lay(&mut right, second, fitted(first, second), part);
        let right = imageops::crop_imm(&right, column, 0, size.0 - column, size.1).to_image();
        imageops::replace(&mut made, &right, column.into(), 0);
        if column > 0 {
            (0..size.1).for_each(|y| made.put_pixel(column, y, Rgb(ACCENT)));
        }
    }
    made
}

/// The second as large as it fits into the first's frame, in the middle.
fn fitted(first: &DynamicImage, second: &DynamicImage) -> Laid {
    let scale = |first: u32, second: u32| f64::from(first) / f64::from(second.max(1));
    let scale = scale(first.width(), second.width()).min(scale(first.height(), second.height()));
    let beside = |first: u32, second: u32| (f64::from(first) - f64::from(second) * scale) / 2.0;
    Laid {
        x: beside(first.width(), second.width()),
        y: beside(first.height(), second.height()),
        scale,
    }
}

/// Draws as much of a picture as is in a part of the frame. At most half a dot off.
fn lay(made: &mut RgbImage, picture: &DynamicImage, laid: Laid, part: Part) {
    // Along one side: the pixels of the picture that are seen, and the dots that they cover.
    let along = |at: f64, from: u32, length: u32, dots: u32, most: u32| {
        let dot = f64::from(dots) / f64::from(length);
        let first = ((f64::from(from) - at) / laid.scale)
            .floor()
            .clamp(0.0, f64::from(most));
        let end = (f64::from(from) + f64::from(length) - at) / laid.scale;
        let end = end.ceil().clamp(first, f64::from(most));
        let place = |pixel: f64| ((pixel * laid.scale + at - f64::from(from)) * dot).round() as i64;
        let (begin, until) = (place(first), place(end));
        (first as u32, (end - first) as u32, begin, (until - begin).max(1) as u32)
    };
    let (x, wide, left, columns) = along(laid.x, part.x, part.width, made.width(), picture.width());
    let (y, high, top, rows) = along(laid.y, part.y, part.height, made.height(), picture.height());
    if wide == 0 || high == 0 {
        return;
    }
    let seen = picture.crop_imm(x, y, wide, high);
    let seen = match (wide, high) == (columns, rows) {
        true => seen,
        false => seen.resize_exact(columns, rows, FilterType::Triangle),
    };
    imageops::replace(made, &seen.into_rgb8(), left, top);
}

/// A colour with a mask over it that covers so much of it, of 255.
pub fn mixed([r, g, b]: [u8; 3], covered: u8) -> [u8; 3] {
    let opacity = u32::from(covered) * OPACITY / 255;
    let mix = |under: u8, over: u8| ((u32::from(under) * (256 - opacity) + u32::from(over) * opacity) / 256) as u8;
    [mix(r, ACCENT[0]), mix(g, ACCENT[1]), mix(b, ACCENT[2])]
}

fn tinted(made: &mut RgbImage, covered: &[u8]) {
    for (pixel, covered) in made.pixels_mut().zip(covered) {
        pixel.0 = mixed(pixel.0, *covered);
    }
}

/// A colour that is seen on this one.
pub fn opposite([r, g, b]: [u8; 3]) -> [u8; 3] {
    match u32::from(r) + u32::from(g) + u32::from(b) > 382 {
        true => [0, 0, 0],
        false => [255, 255, 255],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pictures::cut::{File, Marks, Tint};

    fn file() -> File {
        File {
            sha256: String::new(),
            path: String::new(),
            bytes: 0,
        }
    }

    fn plain(width: u32, height: u32, colour: [u8; 3]) -> DynamicImage {
        RgbImage::from_pixel(width, height, Rgb(colour)).into()
    }

    fn part(x: u32, y: u32, width: u32, height: u32) -> Part {
        Part { x, y, width, height }
    }

    fn pair(border: u32, part: Part) -> Cut {
        let of = Of::Pair {
            first: file(),
            second: file(),
            border,
        };
        Cut { part, of }
    }

    #[test]
    fn a_part_keeps_its_shape_and_has_no_more_dots_than_there_are() {
        assert_eq!(fitting(part(0, 0, 4000, 6000), 1.0, (1200, 720)), (480, 720));
        assert_eq!(fitting(part(0, 0, 100, 50), 1.0, (1200, 720)), (100, 50));
        assert_eq!(fitting(part(0, 0, 100, 50), 4.0, (1200, 720)), (400, 200));
        assert_eq!(fitting(part(0, 0, 9000, 1), 1.0, (0, 0)), (1, 1));
    }

    #[test]
    fn two_are_seen_at_one_place_whatever_their_sizes() {
        let mut first = RgbImage::from_pixel(64, 64, Rgb([0, 0, 200]));
        first.put_pixel(40, 9, Rgb([255, 255, 255]));
        // The same at four times the size.
        let second = imageops::resize(&first, 256, 256, FilterType::Nearest);
        let (first, second) = (DynamicImage::from(first), DynamicImage::from(second));
        for cut in [part(0, 0, 64, 64), part(30, 5, 20, 10)] {
            let seen = |border| {
                composed(&pair(border, cut), &[&first, &second], None, (1000, 1000))
                    .unwrap()
                    .into_rgb8()
            };
            let (of_first, of_second) = (seen(64), seen(0));
            let size = (4 * cut.width, 4 * cut.height);
            assert_eq!(of_first.dimensions(), size, "as fine as the second");
            // The middle of what is bright.
            let middle = |picture: &RgbImage| {
                let mut sum = (0.0, 0.0, 0.0);
                for (x, y, pixel) in picture.enumerate_pixels() {
                    let weight = f64::from(pixel.0[0]);
                    sum = (
                        sum.0 + weight * f64::from(x),
                        sum.1 + weight * f64::from(y),
                        sum.2 + weight,
                    );
                }
                (sum.0 / sum.2, sum.1 / sum.2)
            };
            let expected = (f64::from(4 * (40 - cut.x)) + 1.5, f64::from(4 * (9 - cut.y)) + 1.5);
            for (x, y) in [middle(&of_first), middle(&of_second)] {
                assert!((x - expected.0).abs() < 0.5 && (y - expected.1).abs() < 0.5, "{x} {y}");
            }
        }
    }

    #[test]
    fn a_border_stands_between_and_another_shape_is_fitted() {
        let (red, green) = (plain(40, 20, [200, 0, 0]), plain(10, 10, [0, 200, 0]));
        let made = composed(&pair(15, part(0, 0, 40, 20)), &[&red, &green], None, (40, 20))
            .unwrap()
            .into_rgb8();
        assert_eq!(made.get_pixel(14, 3).0, [200, 0, 0]);
        assert_eq!(made.get_pixel(15, 3).0, ACCENT);
        assert_eq!(made.get_pixel(16, 3).0, [0, 200, 0]);
        assert_eq!(made.get_pixel(29, 19).0, [0, 200, 0]);
        assert_eq!(made.get_pixel(30, 3), &EMPTY, "it keeps its shape");
    }

    #[test]
    fn a_mask_is_a_tint_and_a_frame_is_empty() {
        let mut sheet = Sheet::new((16, 8));
        sheet.bitmap.rectangle((4, 0), (7, 7), true);
        sheet.frame.left = 8;
        let marks = Marks {
            stamp: ((20, 4), 1),
            outline: vec![(0, 0), (2, 0)],
        };
        let canvas = |tint| Canvas {
            file: file(),
            frame: sheet.frame,
            tint,
        };
        let cut = |tint| Cut {
            part: part(0, 0, 24, 8),
            of: Of::Canvas(canvas(tint)),
        };
        let blue = plain(16, 8, [0, 0, 250]);
        let made = |tint| {
            composed(&cut(tint), &[&blue], Some(&sheet), (24, 8))
                .unwrap()
                .into_rgb8()
        };
        let tinted = made(Some(Tint { version: 1, marks }));
        assert_eq!(tinted.get_pixel(11, 4).0, [0, 0, 250]);
        assert_eq!(tinted.get_pixel(12, 4).0, mixed([0, 0, 250], 255));
        assert!(
            mixed([0, 0, 250], 255)[0] > 120 && mixed([0, 0, 250], 255)[2] > 100,
            "both are seen"
        );
        assert_eq!(tinted.get_pixel(21, 4).0, [255, 255, 255], "the stamp's edge");
        assert_eq!(tinted.get_pixel(1, 0).0, [255, 255, 255], "the outline");
        assert_eq!(
            tinted.get_pixel(4, 4).0,
            mixed(EMPTY.0, 255),
            "the frame is to be filled"
        );
        let bare = made(None);
        assert_eq!((bare.get_pixel(3, 3), bare.get_pixel(12, 4).0), (&EMPTY, [0, 0, 250]));
    }

    #[test]
    fn what_is_told_wrongly_does_no_harm() {
        let small = plain(4, 4, [1, 2, 3]);
        for part in [part(10, 10, 5, 5), part(0, 0, 100, 100), part(3, 3, 1, 1)] {
            for of in [Of::Picture(file()), pair(2, part).of] {
                let cut = Cut { part, of };
                composed(&cut, &[&small], None, (10, 10));
                composed(&cut, &[&small, &small], None, (0, 0));
            }
        }
    }
}
