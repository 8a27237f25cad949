//! Pictures that are put together before the terminal gets them: a part of one, two beside each other, one with a mask and a frame
//! around it. Named here by what they show, so that they can be kept and compared; `compose.rs` makes their pixels.

use darkroom_protocol::history::Entry;

use crate::app::pictures::zoom::Part;

/// A picture's file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct File {
    /// What names it.
    pub sha256: String,
    /// Where the daemon has it.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
}

impl From<&Entry> for File {
    fn from(entry: &Entry) -> Self {
        Self {
            sha256: entry.sha256.clone(),
            path: entry.path.clone(),
            bytes: entry.bytes,
        }
    }
}

/// A part of something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Which part.
    pub part: Part,
    /// Of what.
    pub of: Of,
}

/// What a part is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Of {
    /// A picture.
    Picture(File),
    /// Two, one left and one right of a border.
    Pair {
        /// It gives the frame.
        first: File,
        /// It is fitted into the frame, its shape kept.
        second: File,
        /// The border's column in pixels of the first: what is left of it is the first's.
        border: u32,
    },
    /// A picture in a frame of empty space.
    Canvas(Canvas),
}

/// A picture that is painted on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Canvas {
    /// The picture.
    pub file: File,
    /// The space around it.
    pub frame: Frame,
    /// The mask over it, where it is drawn in the picture.
    pub tint: Option<Tint>,
}

impl Of {
    /// The file that it is known by.
    pub fn file(&self) -> &File {
        match self {
            Self::Picture(file) | Self::Pair { first: file, .. } | Self::Canvas(Canvas { file, .. }) => file,
        }
    }
}

/// Empty space around a picture, in its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "names that say it")]
pub struct Frame {
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
}

impl Frame {
    /// The size of a picture with it.
    pub fn around(self, (width, height): (u32, u32)) -> (u32, u32) {
        (width + self.left + self.right, height + self.top + self.bottom)
    }

    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// A mask as it was at one moment; its pixels come with the effect that draws them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tint {
    /// The number of the moment.
    pub version: u64,
    /// What is drawn over it.
    pub marks: Marks,
}

/// What shows where one paints, in pixels of the picture with its frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks {
    /// The middle of the stamp, and its radius.
    pub stamp: ((i32, i32), u32),
    /// An outline that is not finished.
    pub outline: Vec<(i32, i32)>,
}
