use std::path::{Path, PathBuf};
use std::time::Duration;

use darkroom_protocol::JobId;
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use crate::gallery::Gallery;
use crate::{Error, Result};

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause: so late a disk that has room again is noticed.
const LONGEST: Duration = Duration::from_secs(10);

/// The disk, a folder or the database takes nothing for now, so that nothing is started: that is no job's fault. The queue goes
/// on by itself when they do.
#[derive(Debug)]
pub struct Shortage {
    /// When it is tried again; `None` while all is well.
    pub until: Option<Instant>,
    pause: Duration,
    bytes: u64,
    /// The folder of pictures in which something could not be kept.
    folder: Option<PathBuf>,
    why: String,
    told: bool,
}

impl Default for Shortage {
    fn default() -> Self {
        Self {
            until: None,
            pause: FIRST,
            bytes: 0,
            folder: None,
            why: String::new(),
            told: false,
        }
    }
}

impl Shortage {
    /// Begins or goes on: at least so many `bytes` must fit before anything is started again. `true` when it is to be told: the
    /// first time, and when it is for another reason than before.
    fn note(&mut self, bytes: u64, why: &str, now: Instant) -> bool {
        self.bytes = self.bytes.max(bytes);
        if self.until.is_none() {
            self.put_off(now);
        }
        let news = !self.told || self.why != why;
        self.why = why.to_owned();
        self.told = true;
        news
    }

    fn put_off(&mut self, now: Instant) {
        self.until = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
    }

    /// Why nothing is started, and what to do; `None` while all is well.
    pub fn why(&self) -> Option<String> {
        self.until.map(|_| in_words(&self.why))
    }

    /// A job has ended as it should: all is well.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

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

fn in_words(why: &str) -> String {
    format!("{why} The queue waits and goes on by itself.")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_and_tried_ever_more_rarely() {
        let now = Instant::now();
        let mut shortage = Shortage::default();
        assert!(shortage.note(10, "full.", now) && !shortage.note(5, "full.", now));
        assert_eq!((shortage.bytes, shortage.until), (10, Some(now + FIRST)));
        assert!(shortage.note(5, "read-only.", now), "another reason is told");
        assert_eq!(
            shortage.why().unwrap(),
            "read-only. The queue waits and goes on by itself."
        );
        shortage.put_off(now);
        assert_eq!(shortage.until, Some(now + 2 * FIRST));
        for _ in 0..9 {
            shortage.put_off(now);
        }
        assert_eq!(shortage.until, Some(now + LONGEST));
        shortage.end();
        assert_eq!((shortage.until, shortage.why()), (None, None));
        assert!(shortage.note(1, "full.", now));
        assert_eq!(shortage.until, Some(now + FIRST));
    }
}
