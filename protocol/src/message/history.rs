//! What is asked of history, and answered: pages of pictures, small pictures of them, and what a walk through folders found. The
//! methods themselves stand with all others in `client.rs`; a picture as such is in `crate::history`.

use serde::{Deserialize, Serialize};

use crate::history::Entry;

/// Which pictures to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// What to search for: see [`crate::history::Query`]. Empty for all.
    #[serde(default)]
    pub query: String,
    /// The searcher's time zone, which says when a day begins; the daemon's when absent.
    #[serde(default)]
    pub zone: Option<String>,
    /// Where the page begins: the `next` of the page before. Pictures that are added meanwhile move nothing.
    #[serde(default)]
    pub before: Option<String>,
    /// At most so many, up to [`Look::MOST`].
    pub limit: u32,
    /// Whether to count all that are found, which takes longer than to find the first.
    #[serde(default)]
    pub count: bool,
}

impl Look {
    /// The most pictures of a page.
    pub const MOST: u32 = 200;
}

/// A page of pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Album {
    /// The newest first.
    pub pictures: Vec<Entry>,
    /// Where the next page begins, for `before`; `None` when the list ends here.
    pub next: Option<String>,
    /// How many there are in all, where that was asked.
    pub total: Option<u64>,
}

/// Which small picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thumbnail {
    /// SHA-256 of the picture's file, lower-case hexadecimal.
    pub sha256: String,
    /// Its longer side in pixels: one of [`Thumbnail::SIDES`].
    pub side: u32,
}

impl Thumbnail {
    /// The sizes that there are.
    pub const SIDES: [u32; 3] = [64, 256, 1024];
}

/// Bytes as one string in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Base64 in JSON.
    #[serde(with = "crate::codec::blob")]
    pub bytes: Vec<u8>,
}

/// What a part of a walk through folders found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// Pictures that are new in history.
    pub added: u64,
    /// Pictures whose file was away and is found, at another place or at its own.
    pub found: u64,
    /// Pictures whose file is away since the last look.
    pub missing: u64,
    /// Pictures that are where they were.
    pub kept: u64,
    /// Files that are no picture, or none that can be read, and why: the first few of them.
    pub unreadable: Vec<(String, String)>,
    /// How many of these there are.
    pub unreadable_all: u64,
    /// Where the walk goes on; `None` when it is over.
    pub next: Option<String>,
}

impl Scanned {
    /// The most files that one answer names as unreadable.
    pub const NAMED: usize = 20;

    /// The same and what another part found, which goes on from there.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.unreadable.extend(other.unreadable);
        self.unreadable.truncate(Self::NAMED);
        Self {
            added: self.added + other.added,
            found: self.found + other.found,
            missing: self.missing + other.missing,
            kept: self.kept + other.kept,
            unreadable: self.unreadable,
            unreadable_all: self.unreadable_all + other.unreadable_all,
            next: other.next,
        }
    }
}
