//! To change a part of a picture: what the mask says of its pixels, in A1111's order, before anything is encoded; and the new part put
//! back into the picture, of which every pixel that the mask leaves black is the same byte as before. `prepare.rs` makes a [`Part`] of
//! the task's files and encodes what it shows; the loop itself keeps the rest (`sampling/kept.rs`); `pictures.rs` puts it back.

mod fill;
mod frame;
mod mask;
mod region;

use darkroom_protocol::{Inpaint, InpaintArea, InpaintFill, MaskMode, ResizeMode};
use image::imageops;
use image::{GrayImage, RgbImage};
use tch::Tensor;

use super::encode::Rgb8;
use super::fit;
use region::Region;

/// A part of a picture to change.
#[derive(Debug)]
pub struct Part {
    /// What the new picture is made of, at the task's size: all of the given one, or the mask's surroundings.
    pub picture: RgbImage,
    /// Where that may change, softened, at the same size.
    mask: GrayImage,
    /// The given picture where the new one is put into it.
    given: RgbImage,
    /// How much of the new one is seen there: 255 is all of it.
    share: GrayImage,
    /// Where that is, unless it is everywhere.
    region: Option<Region>,
    soft: bool,
}

impl Part {
    /// The part of `given` that `mask` shows, and what is added around it, at `width`×`height`; where that is all of it, both are brought there as `mode` says. `None` where the mask is all black: there is nothing to change.
    pub fn new(
        given: RgbImage,
        mask: Option<GrayImage>,
        (asked, mode): (&Inpaint, ResizeMode),
        (width, height): (u32, u32),
    ) -> Option<Self> {
        let mask = mask.map(|mask| match asked.mode() {
            MaskMode::Masked => mask,
            MaskMode::NotMasked => mask::inverted(mask),
        });
        let (frame, size) = (asked.frame(), given.dimensions());
        let mask = frame::framed(mask, size, frame, 2 * asked.blur());
        let given = frame::extended(given, frame);
        let mask = mask::blurred(mask, asked.blur());
        let bounds = mask::bounds(&mask)?;
        let mut part = match asked.area() {
            InpaintArea::Whole => {
                let (picture, mask) = (
                    fit::fitted(given, width, height, mode),
                    fit::fitted(mask, width, height, mode),
                );
                Self {
                    given: picture.clone(),
                    share: mask::doubled(mask.clone()),
                    region: None,
                    soft: asked.soft(),
                    picture,
                    mask,
                }
            }
            InpaintArea::Masked => {
                let size = given.dimensions();
                let region = bounds.padded(asked.padding(), size).shaped((width, height), size);
                Self {
                    picture: fit::inside(&cut(&given, region), width, height),
                    mask: fit::inside(&cut(&mask, region), width, height),
                    given,
                    share: mask,
                    region: Some(region),
                    soft: asked.soft(),
                }
            }
        };
        if asked.fill() == InpaintFill::Fill {
            part.picture = fill::filled(&part.picture, &part.mask);
        }
        Some(part)
    }

    /// How far each latent may change, [1, 1, h, w] in 0..1, f32, on the CPU; `factor` pixels a side are one latent.
    pub fn map(&self, factor: u32) -> Tensor {
        mask::for_latents(&self.mask, factor, self.soft)
    }

    /// Whether greys of the map count.
    pub fn is_soft(&self) -> bool {
        self.soft
    }

    /// What is masked altogether and what not at all, [1, 1, H, W] of 0 and 1, f32, on the CPU: what models for inpainting are told.
    pub fn hard(&self) -> Tensor {
        mask::tensor(&mask::cut(self.mask.clone()))
    }

    /// Whether what is made is all of the picture, and not a part of it that is made at a size of its own.
    pub fn is_whole(&self) -> bool {
        self.region.is_none()
    }

    /// The given picture with the new one where it may change; `None` where that is not of the size for it.
    pub fn put_back(&self, made: &Rgb8) -> Option<Rgb8> {
        let made = RgbImage::from_raw(made.width(), made.height(), made.pixels().to_vec())?;
        if self.region.is_none() && made.dimensions() != self.given.dimensions() {
            return None;
        }
        let (made, at) = match self.region {
            None => (made, (0, 0)),
            Some(region) => (fit::cover(made, region.width, region.height), (region.x, region.y)),
        };
        let mut whole = self.given.clone();
        for (x, y, new) in made.enumerate_pixels() {
            let (x, y) = (x + at.0, y + at.1);
            let share = u32::from(self.share.get_pixel(x, y).0[0]);
            let old = whole.get_pixel_mut(x, y);
            for (old, new) in old.0.iter_mut().zip(new.0) {
                *old = ((u32::from(new) * share + u32::from(*old) * (255 - share) + 127) / 255) as u8;
            }
        }
        let (width, height) = whole.dimensions();
        Rgb8::new(width, height, whole.into_raw())
    }
}

/// That rectangle of a picture.
fn cut<P: image::Pixel<Subpixel = u8> + 'static>(picture: &fit::Of<P>, region: Region) -> fit::Of<P> {
    imageops::crop_imm(picture, region.x, region.y, region.width, region.height).to_image()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn given(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]))
    }

    fn square(width: u32, height: u32, of: std::ops::Range<u32>) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| {
            image::Luma([if of.contains(&x) && of.contains(&y) { 255 } else { 0 }])
        })
    }

    fn asked(area: InpaintArea, mode: MaskMode) -> Inpaint {
        Inpaint {
            mask: Some(String::new()),
            area: Some(area),
            mode: Some(mode),
            blur: Some(2),
            padding: Some(4),
            ..Inpaint::default()
        }
    }

    #[rstest]
    fn what_the_mask_leaves_is_the_same_to_the_byte(
        #[values(InpaintArea::Whole, InpaintArea::Masked)] area: InpaintArea,
        #[values(MaskMode::Masked, MaskMode::NotMasked)] mode: MaskMode,
    ) {
        let given = given(96, 64);
        let part = Part::new(
            given.clone(),
            Some(square(96, 64, 24..40)),
            (&asked(area, mode), ResizeMode::Crop),
            (96, 64),
        )
        .unwrap();
        let made = Rgb8::new(96, 64, vec![200; 96 * 64 * 3]).unwrap();
        let back = part.put_back(&made).unwrap();
        let back = RgbImage::from_raw(back.width(), back.height(), back.pixels().to_vec()).unwrap();
        assert_eq!(back.dimensions(), (96, 64));
        let inner = mode == MaskMode::Masked;
        for (x, y, pixel) in given.enumerate_pixels() {
            // The blur reaches five pixels.
            let far = !(19..45).contains(&x) || !(19..45).contains(&y);
            let deep = (30..34).contains(&x) && (30..34).contains(&y);
            if (inner && far) || (!inner && deep) {
                assert_eq!(back.get_pixel(x, y), pixel, "{x}, {y}");
            }
            if (inner && deep) || (!inner && far) {
                assert_eq!(back.get_pixel(x, y).0, [200; 3], "{x}, {y}");
            }
        }
    }

    #[test]
    fn only_the_surroundings_are_computed_and_the_picture_keeps_its_size() {
        let part = Part::new(
            given(200, 120),
            Some(square(200, 120, 40..60)),
            (&asked(InpaintArea::Masked, MaskMode::Masked), ResizeMode::Crop),
            (64, 64),
        )
        .unwrap();
        let region = part.region.unwrap();
        assert_eq!(
            (region.width, region.height),
            (38, 38),
            "20, the blur's 5 and 4 more on each side"
        );
        assert_eq!(part.picture.dimensions(), (64, 64));
        assert_eq!(part.map(8).size(), [1, 1, 8, 8]);
        let back = part
            .put_back(&Rgb8::new(64, 64, vec![9; 64 * 64 * 3]).unwrap())
            .unwrap();
        assert_eq!((back.width(), back.height()), (200, 120));
    }

    #[test]
    fn a_black_mask_changes_nothing() {
        let asked = asked(InpaintArea::Whole, MaskMode::Masked);
        assert!(
            Part::new(
                given(64, 64),
                Some(GrayImage::new(64, 64)),
                (&asked, ResizeMode::Crop),
                (64, 64)
            )
            .is_none()
        );
    }

    #[test]
    fn a_mask_of_another_size_is_scaled() {
        let part = Part::new(
            given(64, 64),
            Some(square(32, 32, 8..24)),
            (&asked(InpaintArea::Whole, MaskMode::Masked), ResizeMode::Crop),
            (64, 64),
        )
        .unwrap();
        let map = part.map(8);
        assert_eq!(map.sum(tch::Kind::Float).double_value(&[]), 16.0, "{map}");
    }
}
