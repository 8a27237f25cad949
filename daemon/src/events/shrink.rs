use std::borrow::Cow;

use darkroom_protocol::Preview;

/// `preview` at most `max_px` wide and high: each pixel is the mean of a square of pixels. 0 leaves it as it is, as does a
/// preview whose bytes do not fit its size.
pub fn shrink(preview: &Preview, max_px: u32) -> Cow<'_, Preview> {
    let longest = preview.width.max(preview.height);
    let complete = preview.rgb.len() as u64 == 3 * u64::from(preview.width) * u64::from(preview.height);
    if max_px == 0 || longest <= max_px || !complete {
        return Cow::Borrowed(preview);
    }
    let factor = longest.div_ceil(max_px);
    let (width, height) = (preview.width.div_ceil(factor), preview.height.div_ceil(factor));
    let mut rgb = Vec::with_capacity(3 * width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            rgb.extend(mean(preview, x * factor, y * factor, factor));
        }
    }
    Cow::Owned(Preview {
        width,
        height,
        rgb,
        ..*preview
    })
}

/// The mean colour of the square of `side` pixels at (`left`, `top`), cut off at the picture's edge.
fn mean(preview: &Preview, left: u32, top: u32, side: u32) -> [u8; 3] {
    let (right, bottom) = ((left + side).min(preview.width), (top + side).min(preview.height));
    let mut sum = [0_u64; 3];
    for y in top..bottom {
        let row = y as usize * preview.width as usize;
        let pixels = &preview.rgb[3 * (row + left as usize)..3 * (row + right as usize)];
        for pixel in pixels.chunks_exact(3) {
            for (total, value) in sum.iter_mut().zip(pixel) {
                *total += u64::from(*value);
            }
        }
    }
    let count = u64::from(right - left) * u64::from(bottom - top);
    sum.map(|total| (total / count.max(1)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Preview {
        Preview {
            image: 0,
            step: 3,
            width,
            height,
            rgb: (0..width * height).flat_map(|i| [i as u8, 0, 255]).collect(),
        }
    }

    #[test]
    fn a_small_one_stays() {
        let preview = picture(4, 4);
        assert_eq!(*shrink(&preview, 4), preview);
        assert_eq!(*shrink(&preview, 0), preview);
    }

    #[test]
    fn squares_are_averaged() {
        let small = shrink(&picture(4, 2), 2).into_owned();
        assert_eq!((small.width, small.height, small.step), (2, 1, 3));
        assert_eq!(small.rgb, [(1 + 4 + 5) / 4, 0, 255, (2 + 3 + 6 + 7) / 4, 0, 255]);
    }

    #[test]
    fn what_does_not_divide_is_cut_at_the_edge() {
        let small = shrink(&picture(5, 3), 2).into_owned();
        assert_eq!((small.width, small.height), (2, 1));
        assert_eq!(small.rgb.len(), 6);
    }

    #[test]
    fn a_lying_size_is_left_alone() {
        let mut preview = picture(8, 8);
        preview.rgb.pop();
        assert_eq!(*shrink(&preview, 2), preview);
    }
}
