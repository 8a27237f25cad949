//! What is kept of a pull on disk, a small JSON file each: what was asked, what it consists of, how far its state is. Written wholly
//! (beside, fsync, rename) before what it tells of happens. How much of the files is here stands in their marks; tokens stand nowhere.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use darkroom_protocol::files;
use darkroom_protocol::message::pull::{Pull, PullState};
use serde::{Deserialize, Serialize};

use super::what::What;
use crate::{Error, Result};

/// A larger file is none of ours.
const MAX_BYTES: u64 = 32 << 20;
/// Ended pulls that are remembered.
const REMEMBERED: usize = 50;

/// What is kept of a pull.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub id: String,
    /// As it was asked for.
    pub what: String,
    pub to: Option<String>,
    /// Whether its licence was accepted.
    pub accept: bool,
    /// The hubs that were asked, where the command named them.
    pub hub: Option<String>,
    pub civitai: Option<String>,
    pub state: PullState,
    /// Whether it failed before, so that the hub is asked anew.
    pub again: bool,
    pub plan: Option<Plan>,
    /// Of the plan's files, those that are whole and right.
    pub checked: Vec<bool>,
    pub notice: Option<String>,
    pub problem: Option<String>,
    pub created_ms: i64,
}

/// What a pull consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Plan {
    /// The name that it has where it comes from.
    pub name: String,
    /// Whether the files are a folder together; else it is one file.
    pub folder: bool,
    /// What it is.
    pub kind: Kind,
    pub licence: String,
    /// What the licence wants, where it wants to be accepted.
    pub terms: Option<String>,
    pub notice: Option<String>,
    /// Where it goes.
    pub target: PathBuf,
    pub files: Vec<Piece>,
}

/// Which folder is its.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    Model,
    Lora,
    Embedding,
    Upscaler,
    Vae,
    ControlNet,
}

/// A file of a pull.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Piece {
    /// Where it is.
    pub url: String,
    /// Where it goes, in the pull's folder.
    pub path: String,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub etag: Option<String>,
}

impl Plan {
    /// All bytes, where all are known.
    pub fn bytes(&self) -> Option<u64> {
        self.files
            .iter()
            .try_fold(0u64, |sum, file| Some(sum.saturating_add(file.size?)))
    }
}

impl Record {
    /// As lists show it, without how far it is.
    pub fn shown(&self) -> Pull {
        let plan = self.plan.as_ref();
        let asked = plan
            .and_then(|plan| plan.terms.clone())
            .filter(|_| self.state == PullState::Asks);
        let bytes = plan.and_then(Plan::bytes);
        Pull {
            id: self.id.clone(),
            what: What::shown(&self.what),
            state: self.state,
            to: plan
                .map(|plan| plan.target.to_string_lossy().into_owned())
                .unwrap_or_default(),
            files: plan.map_or(0, |plan| plan.files.len() as u32),
            bytes,
            done: if self.state == PullState::Done {
                bytes.unwrap_or(0)
            } else {
                0
            },
            licence: plan.map(|plan| plan.licence.clone()).unwrap_or_default(),
            notice: asked
                .or_else(|| self.notice.clone())
                .or_else(|| plan.and_then(|plan| plan.notice.clone())),
            problem: self.problem.clone(),
            created_ms: self.created_ms,
            ..Pull::default()
        }
    }

    /// The folder in which its files grow: on the disk where they are to be.
    pub fn workshop(&self) -> Option<PathBuf> {
        let parent = self.plan.as_ref()?.target.parent()?;
        Some(parent.join(format!(".pull-{}", self.id)))
    }

    /// Writes it, so that it outlives a power cut.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, folder: &Path) -> Result<()> {
        let path = folder.join(format!("{}.json", self.id));
        let beside = folder.join(format!(".{}.json", self.id));
        let write = || {
            fs::create_dir_all(folder)?;
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|e| Error::io("write", &path, e))
    }

    /// Removes it.
    pub fn remove(&self, folder: &Path) {
        let _ = fs::remove_file(folder.join(format!("{}.json", self.id)));
    }
}

/// All that are kept, the oldest first. One that cannot be read is told and left out; of ended ones the newest stay.
pub(super) fn load(folder: &Path) -> Vec<Record> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let ours = paths.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.ends_with(".json") && !name.starts_with('.')
    });
    let read = |path: PathBuf| {
        let bytes = files::read(&path, MAX_BYTES).map_err(|e| e.to_string());
        let record = bytes.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).map_err(|e| e.to_string()));
        match record {
            Ok(record) if path.file_stem().is_some_and(|stem| *stem == *record.id) && !record.id.is_empty() => {
                Some(record)
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!("{} tells of no pull: {error}", crate::error::shown(&path));
                None
            }
        }
    };
    let mut records: Vec<Record> = ours.filter_map(read).collect();
    records.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
    records
}

/// The ended ones that are too many; the oldest.
pub(super) fn surplus(records: &[Record]) -> Vec<Record> {
    let ended = records
        .iter()
        .filter(|record| matches!(record.state, PullState::Done | PullState::Cancelled));
    let ended: Vec<&Record> = ended.collect();
    ended
        .iter()
        .take(ended.len().saturating_sub(REMEMBERED))
        .map(|record| (*record).clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_nonsense_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut record = Record {
            id: "0a1b2c3d".into(),
            what: "https://x.org/a.safetensors?key=1".into(),
            created_ms: 7,
            ..Record::default()
        };
        record.save(dir.path()).unwrap();
        record.state = PullState::Fetching;
        record.save(dir.path()).unwrap();
        fs::write(dir.path().join("zz.json"), "nonsense").unwrap();
        fs::write(dir.path().join("other.json"), serde_json::to_vec(&record).unwrap()).unwrap();
        assert_eq!(load(dir.path()), [record.clone()]);
        assert!(!record.shown().what.contains("key"));
        record.remove(dir.path());
        assert_eq!(load(dir.path()), []);
    }
}
