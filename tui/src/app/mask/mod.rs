//! A mask: which pixels of a picture are to be changed, and what surrounds it. `bitmap` holds the pixels, `paint` and `morph` change them,
//! `feather` softens them for the eye and for the file, `file` reads and writes that, `past` is what can be undone. All but `file` is
//! pure; who sits at the keys is `screens::mask`.

mod bitmap;
mod feather;
pub mod file;
mod marks;
mod morph;
mod paint;
mod past;
pub mod task;

pub use bitmap::Bitmap;
pub use feather::coverage;
pub use marks::dots_of;
pub use paint::Points;
pub use past::Past;

use crate::app::pictures::cut::Frame;

/// The widest brush, in pixels from its middle.
pub const MAX_RADIUS: u32 = 1024;
/// The softest edge, as the sigma of its Gaussian in pixels.
pub const MAX_FEATHER: u32 = 64;
/// The farthest that a mask is grown or shrunk at once, in pixels.
pub const MAX_GROWTH: u32 = 256;

/// All that a mask is.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// The pixels of the picture that are to be changed.
    pub bitmap: Bitmap,
    /// The empty space around the picture, which is to be filled.
    pub frame: Frame,
    /// How soft its edges are: the sigma of a Gaussian in pixels, 0 where they are hard.
    pub feather: u32,
}

impl Sheet {
    /// An empty one for a picture of that size.
    pub fn new((width, height): (u32, u32)) -> Self {
        Self {
            bitmap: Bitmap::new(width, height),
            frame: Frame::default(),
            feather: 0,
        }
    }

    /// The size of the picture with its frame.
    pub fn size(&self) -> (u32, u32) {
        self.frame.around(self.bitmap.size())
    }
}

/// A change of the pixels that may take long, and is therefore made beside the keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// One of those that are made at once, where it is so large that it is not.
    Touch(Touch),
    /// Paint inside of an outline, or erase there.
    Lasso(Points, bool),
    /// Paint what is not painted, from a pixel up to painted lines.
    Fill((i32, i32)),
    /// Paint what is not, and erase what is.
    Invert,
    /// Paint all within so many pixels of what is painted.
    Grow(u32),
    /// Erase all within so many pixels of what is not painted.
    Shrink(u32),
}

impl Work {
    /// Makes it.
    pub fn on(&self, bitmap: &mut Bitmap) {
        match self {
            Self::Touch(touch) => touch.on(bitmap),
            Self::Lasso(points, value) => paint::lasso(bitmap, points, *value),
            Self::Fill(at) => morph::fill(bitmap, *at),
            Self::Invert => bitmap.invert(),
            Self::Grow(by) => morph::grow(bitmap, *by),
            Self::Shrink(by) => morph::shrink(bitmap, *by),
        }
    }
}

/// Rows and tiles of a stroke that are painted while a key waits: some milliseconds.
const MOST_AT_ONCE: u64 = 50_000;

/// A change of the pixels that is made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// A round stamp moved from one pixel to another, of that radius; painted, or erased.
    Stroke((i32, i32), (i32, i32), u32, bool),
    /// All between two corners; painted, or erased.
    Rectangle((i32, i32), (i32, i32), bool),
    /// Nothing is painted any more.
    Clear,
}

impl Touch {
    /// Whether a key would wait for it: a long way of a wide brush over a large picture.
    pub fn is_large(self) -> bool {
        let Self::Stroke(from, to, radius, _) = self else {
            return false;
        };
        let off = |from: i32, to: i32| u64::from(from.abs_diff(to));
        let (across, down) = (off(from.0, to.0), off(from.1, to.1));
        let wide = 2 * u64::from(radius) + 1;
        let rows = down + wide;
        rows + (across.max(down) * wide + wide * wide) / 128 > MOST_AT_ONCE
    }

    /// Makes it.
    pub fn on(self, bitmap: &mut Bitmap) {
        match self {
            Self::Stroke(from, to, radius, value) => paint::stroke(bitmap, from, to, radius, value),
            Self::Rectangle(a, b, value) => bitmap.rectangle(a, b, value),
            Self::Clear => {
                let (width, height) = bitmap.size();
                *bitmap = Bitmap::new(width, height);
            }
        }
    }
}
