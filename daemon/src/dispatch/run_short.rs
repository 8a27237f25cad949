//! A fault of the environment is no job's fault: what the dispatcher does when a disk, a folder or the database takes nothing. It
//! starts nothing, tells everybody who watches, tries again ever more rarely ([`Shortage`](super::shortage::Shortage)), and goes on
//! by itself.

use std::path::{Path, PathBuf};

use darkroom_protocol::JobId;
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::shortage::in_words;
use crate::gallery::Gallery;
use crate::{Error, Result};

impl Dispatcher {
    /// Nothing is started until this `error` is gone and `bytes` fit on the disk. Whoever watches `job`, and whoever watches any
    /// other, is told; the same once until a job ends well.
    pub fn run_short(&mut self, job: Option<JobId>, bytes: u64, error: &Error) {
        let why = error.to_string();
        let why = why.trim_end();
        if let Error::Io { doing, path, .. } = error {
            let is_folder = *doing == "make the folder";
            self.shortage.folder = if is_folder { Some(path.as_path()) } else { path.parent() }.map(Path::to_owned);
        }
        if !self.shortage.note(bytes, why, Instant::now()) {
            return;
        }
        self.tell_short(job, why);
    }

    /// No worker can be started for this reason, while jobs wait.
    pub fn note_broken(&mut self, reason: String) {
        if self.broken.as_ref() != Some(&reason) {
            self.tell_short(None, &reason);
            self.broken = Some(reason);
        }
    }

    /// Why nothing is started, and what to do; `None` while all is well.
    pub fn short(&self) -> Option<String> {
        self.shortage.why().or_else(|| self.broken.as_deref().map(in_words))
    }

    fn tell_short(&self, job: Option<JobId>, why: &str) {
        tracing::warn!(?job, "nothing is started for now: {why}");
        let mut watched = self.tools.bus.followed();
        watched.extend(job.filter(|job| !watched.contains(job)));
        for job in watched {
            self.tell(job, in_words(why));
        }
    }

    /// Looks whether everything can be written again.
    pub async fn try_disk(&mut self) {
        let folder = self.shortage.folder.clone();
        let tried = match room(&self.tools.gallery, self.shortage.bytes, folder).await {
            Ok(()) => self.tools.store.try_write().await,
            Err(error) => Err(error),
        };
        match tried {
            Ok(()) => {
                tracing::info!("the queue goes on");
                self.shortage.until = None;
            }
            Err(error) => {
                tracing::debug!("still nothing is started: {error}");
                self.run_short(None, 0, &error);
                self.shortage.put_off(Instant::now());
            }
        }
    }

    /// Sees to it that a worker has its tray before it is given a job. `false` when that cannot be: the line waits then.
    pub fn has_tray(&mut self, at: usize, job: JobId) -> bool {
        let Some(tray) = &self.slots[at].tray else { return true };
        match tray.mend() {
            Ok(mended) => {
                if mended {
                    tracing::warn!("a worker's folder was taken away and is made again");
                }
                true
            }
            Err(error) => {
                self.run_short(Some(job), 0, &error);
                false
            }
        }
    }
}

/// Whether pictures can be kept, one of so many bytes and those in `folder` too; see [`Gallery::try_all`].
///
/// # Errors
/// Why not; what passes by itself or with a person's help, see [`Error::may_pass`].
pub async fn room(gallery: &Gallery, bytes: u64, folder: Option<PathBuf>) -> Result<()> {
    let gallery = gallery.clone();
    let tried = tokio::task::spawn_blocking(move || gallery.try_all(bytes, folder.as_deref())).await;
    // A trial that was lost says nothing against the disk.
    tried.unwrap_or(Ok(()))
}
