use std::time::Duration;

use darkroom_protocol::JobId;
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use crate::gallery::Gallery;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause: so late a disk that has room again is noticed.
const LONGEST: Duration = Duration::from_secs(10);

/// The disk or the database takes nothing for now, so that nothing is started. The queue goes on by itself when they do.
#[derive(Debug)]
pub struct Shortage {
    /// When the disk is tried again; `None` while all is well.
    pub until: Option<Instant>,
    pause: Duration,
    bytes: u64,
    told: bool,
}

impl Default for Shortage {
    fn default() -> Self {
        Self {
            until: None,
            pause: FIRST,
            bytes: 0,
            told: false,
        }
    }
}

impl Shortage {
    /// Begins or goes on: at least so many `bytes` must fit before anything is started again. `true` the first time, when it
    /// is to be told.
    fn note(&mut self, bytes: u64, now: Instant) -> bool {
        self.bytes = self.bytes.max(bytes);
        if self.until.is_none() {
            self.put_off(now);
        }
        !std::mem::replace(&mut self.told, true)
    }

    fn put_off(&mut self, now: Instant) {
        self.until = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
    }

    /// A job has ended as it should: all is well.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

impl Dispatcher {
    /// Nothing is started until `bytes` fit on the disk. Whoever watches `job` is told `why`, once until a job ends well.
    pub fn run_short(&mut self, job: JobId, bytes: u64, why: &str) {
        if self.shortage.note(bytes, Instant::now()) {
            tracing::warn!(%job, "nothing is started for now: {why}");
            self.tell(
                job,
                format!("{} The queue waits and goes on by itself.", why.trim_end()),
            );
        }
    }

    /// Looks whether the disk has room again.
    pub async fn try_disk(&mut self) {
        match room(&self.tools.gallery, self.shortage.bytes).await {
            Ok(()) => self.shortage.until = None,
            Err(error) => {
                tracing::debug!("still nothing is started: {error}");
                self.shortage.put_off(Instant::now());
            }
        }
    }
}

/// Whether a file of so many bytes fits into the staging folder.
///
/// # Errors
/// Why not; what passes by itself or with a person's help, see [`crate::Error::may_pass`].
pub async fn room(gallery: &Gallery, bytes: u64) -> crate::Result<()> {
    let gallery = gallery.clone();
    let tried = tokio::task::spawn_blocking(move || gallery.try_room(bytes)).await;
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
        assert!(shortage.note(10, now) && !shortage.note(5, now));
        assert_eq!((shortage.bytes, shortage.until), (10, Some(now + FIRST)));
        shortage.put_off(now);
        assert_eq!(shortage.until, Some(now + 2 * FIRST));
        for _ in 0..9 {
            shortage.put_off(now);
        }
        assert_eq!(shortage.until, Some(now + LONGEST));
        shortage.end();
        assert_eq!(shortage.until, None);
        assert!(shortage.note(1, now));
        assert_eq!(shortage.until, Some(now + FIRST));
    }
}
