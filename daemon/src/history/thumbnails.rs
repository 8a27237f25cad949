//! Small pictures of pictures: JPEG files named by the hash of what they show, made once and in every size at one time. They are made
//! when a picture comes, and of others when somebody asks for one. One is made at a time, so that however many are asked for, memory
//! and processors stay free for pictures.

use std::fs;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_formats::input::{Picture, Problem};
use darkroom_formats::thumbnail::{shrink, small};
use darkroom_protocol::message::history::Thumbnail;
use darkroom_protocol::paths::Paths;
use image::codecs::jpeg::JpegEncoder;

use crate::{Error, Result};

/// JPEG's measure: not seen at these sizes, a fifth of the bytes of the best.
const QUALITY: u8 = 85;
/// No small picture has more bytes.
const MOST: u64 = 4 << 20;

/// Where small pictures are, and the right to make one. Clones share it.
#[derive(Clone, Debug)]
pub struct Thumbnails {
    folder: Arc<PathBuf>,
    turn: Arc<Mutex<()>>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum NoThumbnail {
    /// The picture's file is not there.
    #[error("its file is missing")]
    Missing,
    /// It is no picture that can be read.
    #[error("{0}")]
    Unreadable(Problem),
    /// Where small pictures are kept nothing can be written.
    #[error(transparent)]
    Unwritable(Error),
}

impl Thumbnails {
    /// Those of the data folder of `paths`. Nothing is made yet.
    pub fn of(paths: &Paths) -> Self {
        Self {
            folder: Arc::new(paths.thumbnails()),
            turn: Arc::default(),
        }
    }

    /// The one of the picture with this hash, `side` pixels wide or high, if it was made before. Blocks.
    pub fn made(&self, sha256: &str, side: u32) -> Option<Vec<u8>> {
        let path = self.path(sha256, side);
        let is_small = fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MOST);
        is_small.then(|| fs::read(path).ok()).flatten()
    }

    /// The same, made of the file at `picture` where it is not there. Blocks.
    ///
    /// # Errors
    /// Why there is none.
    pub fn make(&self, sha256: &str, side: u32, picture: &Path) -> Result<Vec<u8>, NoThumbnail> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever had the turn before may have made it.
        if let Some(made) = self.made(sha256, side) {
            return Ok(made);
        }
        let file = darkroom_protocol::files::open(picture).map_err(|_| NoThumbnail::Missing)?;
        let largest = Thumbnail::SIDES.into_iter().max().unwrap_or(side);
        let mut picture = small(BufReader::new(file), largest).map_err(NoThumbnail::Unreadable)?;
        let mut wanted = None;
        let mut sides = Thumbnail::SIDES;
        sides.sort_unstable_by(|a, b| b.cmp(a));
        for each in sides {
            picture = shrink(&picture, each);
            let bytes = jpeg(&picture).map_err(NoThumbnail::Unreadable)?;
            self.keep(&self.path(sha256, each), &bytes)
                .map_err(NoThumbnail::Unwritable)?;
            if each == side {
                wanted = Some(bytes);
            }
        }
        wanted.ok_or(NoThumbnail::Missing)
    }

    /// Makes those of a picture that has just come, so that nobody waits for them later. Blocks.
    pub fn prepare(&self, picture: &darkroom_protocol::Picture) {
        if let Err(error) = self.make(&picture.sha256, Thumbnail::SIDES[0], Path::new(&picture.path)) {
            tracing::debug!("no small picture of {}: {error}", picture.path);
        }
    }

    /// Removes all of a picture's.
    pub fn remove(&self, sha256: &str) {
        for side in Thumbnail::SIDES {
            drop(fs::remove_file(self.path(sha256, side)));
        }
    }

    fn path(&self, sha256: &str, side: u32) -> PathBuf {
        self.folder
            .join(sha256.get(..2).unwrap_or("xx"))
            .join(format!("{sha256}-{side}.jpg"))
    }

    /// Written whole or not at all. No fsync: one that is lost is made again.
    fn keep(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        let failed = |e| Error::io("write", path, e);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let beside = path.with_extension("new");
        let written = fs::File::create(&beside).and_then(|mut file| file.write_all(bytes));
        written.and_then(|()| fs::rename(&beside, path)).map_err(failed)
    }
}

fn jpeg(picture: &Picture) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    let (width, height) = picture.dimensions();
    let written = image::ImageEncoder::write_image(encoder, picture, width, height, image::ExtendedColorType::Rgb8);
    written.map_err(|e| Problem::Damaged(e.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_made_once_in_every_size() {
        let dir = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::of(&Paths::under(dir.path()));
        let file = dir.path().join("x.png");
        let picture = image::RgbImage::from_pixel(600, 300, image::Rgb([200, 50, 10]));
        picture.save(&file).unwrap();
        let sha256 = "0f".repeat(32);
        assert_eq!(thumbnails.made(&sha256, 256), None);
        let made = thumbnails.make(&sha256, 256, &file).unwrap();
        let read = image::load_from_memory(&made).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (256, 128));
        assert!(read.get_pixel(9, 9).0[0].abs_diff(200) < 5);
        // The others are there without the picture.
        fs::remove_file(&file).unwrap();
        let sizes = [64, 256, 1024].map(|side| {
            let made = thumbnails.make(&sha256, side, &file).unwrap();
            image::load_from_memory(&made).unwrap().width()
        });
        assert_eq!(sizes, [64, 256, 600]);
        thumbnails.remove(&sha256);
        assert!(matches!(thumbnails.make(&sha256, 64, &file), Err(NoThumbnail::Missing)));
    }
}
