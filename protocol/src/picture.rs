//! Finished pictures.

use serde::{Deserialize, Serialize};

use crate::JobId;
use crate::sampler::Named;

/// The file format of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lossless, 8 bits a channel.
    #[default]
    Png,
    /// Lossy, quality 95.
    Jpg,
    /// Lossless WebP.
    Webp,
}

impl Named for Format {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Png, "png", &[]),
        (Self::Jpg, "jpg", &["jpeg"]),
        (Self::Webp, "webp", &[]),
    ];
}

/// A picture that is on disk and in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// The job that made it.
    pub job: JobId,
    /// Its place in the job, from 0.
    pub index: u32,
    /// Where the daemon keeps it.
    pub path: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The seed that makes this picture alone.
    pub seed: u64,
    /// From the start of its computation to its file, in milliseconds.
    pub elapsed_ms: u64,
}
