//! A picture as history keeps it: what lists show of it ([`Entry`]), and all that there is ([`EntryDetail`]). Every picture that was
//! made has one, and every picture that was imported; it stays when its job goes, and when its file is away.

use serde::{Deserialize, Serialize};

use crate::{GenerateRequest, JobId};

/// Characters of a prompt that a list has.
pub const PROMPT_SHOWN: usize = 400;

/// A picture in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, which no other picture has or will have.
    pub id: u64,
    /// The job that made it; `None` where it was imported. The job may have been cleared.
    pub job: Option<JobId>,
    /// Its place in the job, from 0.
    pub index: u32,
    /// Its file on the daemon's machine.
    pub path: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// When it was made, in milliseconds since 1970; of an imported one when its file was written.
    pub created_ms: u64,
    /// What it was to show: the first [`PROMPT_SHOWN`] characters.
    pub prompt: String,
    /// The model's name; empty where it is not known.
    pub model: String,
    /// The seed that makes this picture alone.
    pub seed: Option<u64>,
    /// Whether somebody has marked it.
    pub starred: bool,
    /// Its tags, in order of the alphabet.
    pub tags: Vec<String>,
    /// When it was put into the trash, in milliseconds since 1970.
    pub trashed_ms: Option<u64>,
    /// Whether its file was not where it belongs when somebody last looked.
    pub missing: bool,
    /// The program that wrote it, where it was imported.
    pub writer: Option<String>,
}

/// All that is kept of a picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EntryDetail {
    /// As lists have it, but with its whole prompt.
    pub entry: Entry,
    /// What makes one like it, and it alone. Of an imported picture what is known of it.
    pub request: GenerateRequest,
    /// What makes it once more: with the same build, device and threads, the same bytes.
    pub again: GenerateRequest,
    /// What its file says beside that, in its writer's words.
    pub others: Vec<(String, String)>,
    /// From the start of its computation to its file, in milliseconds.
    pub elapsed_ms: Option<u64>,
    /// The model's files as they were.
    pub model_file: Option<ModelFile>,
}

/// Which files a model was, so that another of that name can be told from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Where it was.
    pub path: String,
    /// Bytes of its weights.
    pub bytes: u64,
    /// When the newest of its files was written, in milliseconds since 1970.
    pub changed_ms: u64,
}

/// Rows of history changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryChange {
    /// What happened to them.
    pub what: What,
    /// Their numbers; at most a thousand at one time.
    pub pictures: Vec<u64>,
}

/// What may happen to a picture's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is new, or was made anew.
    Added,
    /// Its mark, its tags, whether it is in the trash, or where its file is.
    Changed,
    /// It is gone for good.
    Removed,
}
