//! Previews made smaller for readers that want them so, once a size.

use darkroom_protocol::Preview;

/// How many pixels of `preview` come to one along each side, so that it is at most `max_px` wide and high: 1 for one that is
/// small enough, for a `max_px` of 0, and for one whose bytes do not fit its size.
pub(super) fn factor(preview: &Preview, max_px: u32) -> u32 {
    let longest = preview.width.max(preview.height);
    let complete = preview.rgb.len() as u64 == 3 * u64::from(preview.width) * u64::from(preview.height);
    if max_px == 0 || longest <= max_px || !complete {
        return 1;
    }
    longest.div_ceil(max_px)
}

/// `preview` with the mean of each square of `factor` × `factor` pixels as one.
pub(super) fn shrink(preview: &Preview, factor: u32) -> Preview {
    let (width, height) = (preview.width.div_ceil(factor), preview.height.div_ceil(factor));
    let mut rgb = Vec::with_capacity(3 * width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            rgb.extend(mean(preview, x * factor, y * factor, factor));
        }
    }
    Preview {
        width,
        height,
        rgb,
        ..*preview
    }
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
    fn factors() {
        let of = |width, height, max_px| factor(&picture(width, height), max_px);
        assert_eq!(
            [of(4, 4, 4), of(4, 4, 0), of(4, 4, 3), of(5, 3, 2), of(1, 9, 1)],
            [1, 1, 2, 3, 9]
        );
    }

    #[test]
    fn squares_are_averaged() {
        let small = shrink(&picture(4, 2), 2);
        assert_eq!((small.width, small.height, small.step), (2, 1, 3));
        assert_eq!(small.rgb, [(1 + 4 + 5) / 4, 0, 255, (2 + 3 + 6 + 7) / 4, 0, 255]);
    }

    #[test]
    fn what_does_not_divide_is_cut_at_the_edge() {
        let small = shrink(&picture(5, 3), 3);
        assert_eq!((small.width, small.height, small.rgb.len()), (2, 1, 6));
    }

    #[test]
    fn a_lying_size_is_left_alone() {
        let mut preview = picture(8, 8);
        preview.rgb.pop();
        assert_eq!(factor(&preview, 2), 1);
    }
}
