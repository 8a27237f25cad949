//! A rectangle of a picture, and the one around a mask that is computed where not all of the picture is: A1111's `get_crop_region_v2`
//! and `expand_crop_region` (its `modules/masking.py`), number for number. Pure arithmetic; `mod.rs` cuts pictures by it.

/// A rectangle of at least one pixel, all of it inside its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Pixels from the left.
    pub x: u32,
    /// Pixels from the top.
    pub y: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl Region {
    /// The smallest that holds this one and the pixel at `x`, `y`.
    pub fn with(self, x: u32, y: u32) -> Self {
        let (left, top) = (self.x.min(x), self.y.min(y));
        Self {
            x: left,
            y: top,
            width: (self.x + self.width).max(x + 1) - left,
            height: (self.y + self.height).max(y + 1) - top,
        }
    }

    /// The same with `padding` pixels more on each side, as far as the picture of that size goes.
    pub fn padded(self, padding: u32, (width, height): (u32, u32)) -> Self {
        let (left, top) = (self.x.saturating_sub(padding), self.y.saturating_sub(padding));
        Self {
            x: left,
            y: top,
            width: (self.x + self.width).saturating_add(padding).min(width) - left,
            height: (self.y + self.height).saturating_add(padding).min(height) - top,
        }
    }

    /// Grown along one axis to the shape of `target`, as far as the picture of `size` goes; moved inside where it would stand out.
    pub fn shaped(self, target: (u32, u32), size: (u32, u32)) -> Self {
        let ratio = |width: u32, height: u32| f64::from(width) / f64::from(height.max(1));
        let (own, wanted) = (ratio(self.width, self.height), ratio(target.0, target.1));
        if own > wanted {
            let (y, height) = grown((self.y, self.height), f64::from(self.width) / wanted, size.1);
            Self { y, height, ..self }
        } else {
            let (x, width) = grown((self.x, self.width), f64::from(self.height) * wanted, size.0);
            Self { x, width, ..self }
        }
    }
}

/// A stretch of a line of `length`, grown to `wanted` about its middle.
fn grown((from, extent): (u32, u32), wanted: f64, length: u32) -> (u32, u32) {
    let (from, extent, length) = (i64::from(from), i64::from(extent), i64::from(length));
    let more = (wanted - extent as f64) as i64;
    let (mut begin, mut end) = (from - more / 2, from + extent + more - more / 2);
    if end >= length {
        begin -= end - length;
        end = length;
    }
    if begin < 0 {
        end -= begin;
        begin = 0;
    }
    let end = end.min(length);
    (begin as u32, (end - begin) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn region([x, y, width, height]: [u32; 4]) -> Region {
        Region { x, y, width, height }
    }

    /// A1111's functions gave these.
    #[rstest]
    #[case([10, 10, 20, 20], 0, (64, 64), (100, 100), [10, 10, 20, 20])]
    #[case([10, 10, 40, 20], 0, (64, 64), (100, 100), [10, 0, 40, 40])]
    #[case([10, 70, 40, 21], 4, (64, 64), (100, 100), [6, 52, 48, 48])]
    #[case([0, 50, 10, 50], 8, (128, 64), (100, 90), [0, 42, 96, 48])]
    #[case([90, 3, 10, 90], 32, (64, 64), (100, 100), [0, 0, 100, 100])]
    #[case([5, 5, 90, 10], 3, (64, 128), (100, 60), [2, 0, 96, 60])]
    fn it_is_a1111s(
        #[case] bounds: [u32; 4],
        #[case] padding: u32,
        #[case] target: (u32, u32),
        #[case] size: (u32, u32),
        #[case] expected: [u32; 4],
    ) {
        let found = region(bounds).padded(padding, size).shaped(target, size);
        assert_eq!(found, region(expected));
    }

    proptest! {
        #[test]
        fn it_stays_inside_and_holds_what_it_held(
            size in (1u32..3000, 1u32..3000), at in (0.0f64..1.0, 0.0f64..1.0), of in (0.0f64..1.0, 0.0f64..1.0),
            padding in 0u32..600, target in (8u32..8192, 8u32..8192),
        ) {
            let x = (f64::from(size.0 - 1) * at.0) as u32;
            let y = (f64::from(size.1 - 1) * at.1) as u32;
            let width = 1 + (f64::from(size.0 - x - 1) * of.0) as u32;
            let height = 1 + (f64::from(size.1 - y - 1) * of.1) as u32;
            let found = Region { x, y, width, height }.padded(padding, size).shaped(target, size);
            prop_assert!(found.x <= x && found.y <= y);
            prop_assert!(found.x + found.width >= x + width && found.y + found.height >= y + height);
            prop_assert!(found.x + found.width <= size.0 && found.y + found.height <= size.1);
        }
    }
}
