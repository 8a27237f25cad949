//! What is added around a picture: its pixels to begin with, and the mask that lets them change. `mod.rs` puts it before everything else
//! that a mask goes through, so that the rest knows no frames. How far the mask grows into the picture is A1111's rule (its
//! `scripts/poor_mans_outpainting.py`): twice the blur, so that what is seen of the seam is new on both sides.

use darkroom_protocol::inpaint::Frame;
use image::{GrayImage, Luma, RgbImage};

use super::fit::stretched;

/// The picture with `frame` around it, which continues the colours of its edges.
pub fn extended(picture: RgbImage, frame: Frame) -> RgbImage {
    if frame.is_none() {
        return picture;
    }
    let (width, height) = picture.dimensions();
    let (wide, high) = frame.around((width, height));
    let at = |at: u32, before: u32, length: u32| at.saturating_sub(before).min(length - 1);
    RgbImage::from_fn(wide, high, |x, y| {
        *picture.get_pixel(at(x, frame.left, width), at(y, frame.top, height))
    })
}

/// The mask of a picture of `size`, for that picture with `frame` around it, white where that is and `overlap` pixels further in. A mask
/// of the picture's size lies on the picture, any other is one of the larger picture.
pub fn framed(mask: Option<GrayImage>, size: (u32, u32), frame: Frame, overlap: u32) -> GrayImage {
    let (wide, high) = frame.around(size);
    let mask = match mask {
        None => GrayImage::new(wide, high),
        Some(mask) if frame.is_none() => stretched(mask, wide, high),
        Some(mask) if mask.dimensions() == size => {
            let mut whole = GrayImage::new(wide, high);
            image::imageops::replace(&mut whole, &mask, frame.left.into(), frame.top.into());
            whole
        }
        Some(mask) => stretched(mask, wide, high),
    };
    if frame.is_none() {
        return mask;
    }
    let grown = |side: u32| if side > 0 { side.saturating_add(overlap) } else { 0 };
    let (left, top) = (grown(frame.left), grown(frame.top));
    let (right, bottom) = (
        wide.saturating_sub(grown(frame.right)),
        high.saturating_sub(grown(frame.bottom)),
    );
    let mut mask = mask;
    for (x, y, pixel) in mask.enumerate_pixels_mut() {
        if x < left || x >= right || y < top || y >= bottom {
            *pixel = Luma([255]);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        left: 2,
        top: 0,
        right: 0,
        bottom: 1,
    };

    #[test]
    fn edges_go_on() {
        let picture = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let found = extended(picture.clone(), FRAME);
        assert_eq!(found.dimensions(), (5, 3));
        assert_eq!(found.get_pixel(0, 0).0, [0, 0, 9]);
        assert_eq!(found.get_pixel(4, 2).0, [2, 1, 9]);
        assert_eq!(found.get_pixel(3, 1), picture.get_pixel(1, 1));
        assert_eq!(extended(picture.clone(), Frame::default()), picture);
    }

    #[test]
    fn a_frame_is_white_and_grows_in() {
        let row = |mask: &GrayImage, y: u32| (0..mask.width()).map(|x| mask.get_pixel(x, y).0[0]).collect::<Vec<_>>();
        let found = framed(None, (6, 5), FRAME, 1);
        assert_eq!(found.dimensions(), (8, 6));
        assert_eq!(row(&found, 0), [255, 255, 255, 0, 0, 0, 0, 0]);
        assert_eq!(row(&found, 3), [255, 255, 255, 0, 0, 0, 0, 0]);
        assert_eq!(row(&found, 4), [255; 8], "the bottom grows in by one, too");
        let mut own = GrayImage::new(6, 5);
        own.put_pixel(3, 2, Luma([77]));
        let found = framed(Some(own), (6, 5), FRAME, 0);
        assert_eq!(
            found.get_pixel(5, 2).0,
            [77],
            "a mask of the picture lies on the picture"
        );
        let whole = GrayImage::from_pixel(8, 6, Luma([9]));
        let found = framed(Some(whole), (6, 5), FRAME, 0);
        assert_eq!((found.get_pixel(2, 0).0, found.get_pixel(1, 0).0), ([9], [255]));
    }
}
