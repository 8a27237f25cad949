//! The memory that messages of all connections share: long ones being read, submits on their way, long answers. Small messages need
//! none of it. Whoever finds none waits, or is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bytes of one message that need no permit.
const FREE: usize = 16 * 1024;
/// Bytes that one permit covers.
const UNIT: usize = 16 * 1024;
/// Bytes of long messages that are held at one time, over all connections.
const TOTAL: usize = 24 << 20;
/// Long messages that are parsed at one time.
const PARSED: usize = 2;
/// Bytes of submits that wait for the disk, over all connections. One takes about four times its message: the request, and the
/// task with its prompts twice.
const STORED: usize = 16 << 20;
/// Answers of some megabytes that are made or sent at one time, over all connections.
const ANSWERS: usize = 16;

/// Memory for long messages, shared by all connections.
#[derive(Clone, Debug)]
pub struct Budget {
    permits: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    stored: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

/// A message's share of the budget. Given back with this value.
#[derive(Debug, Default)]
pub struct Share {
    permit: Option<OwnedSemaphorePermit>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(TOTAL / UNIT)),
            turns: Arc::new(Semaphore::new(PARSED)),
            stored: Arc::new(Semaphore::new(STORED / UNIT)),
            answers: Arc::new(Semaphore::new(ANSWERS)),
        }
    }
}

impl Budget {
    /// Makes `share` cover a message of `bytes`. `false` when others held the memory for all of `patience`.
    pub async fn cover(&self, share: &mut Share, bytes: usize, patience: Duration) -> bool {
        let needed = bytes.saturating_sub(FREE).div_ceil(UNIT);
        let held = share.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if needed <= held {
            return true;
        }
        let more = u32::try_from(needed - held).unwrap_or(u32::MAX);
        let Ok(Ok(permit)) = timeout(patience, self.permits.clone().acquire_many_owned(more)).await else {
            return false;
        };
        match &mut share.permit {
            Some(held) => held.merge(permit),
            None => share.permit = Some(permit),
        }
        true
    }

    /// A turn to parse a long message; it ends with the value.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.turns.clone().acquire_owned().await.ok()
    }

    /// Room for a submit of so many bytes on its way to the disk.
    pub async fn stored(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let needed = bytes.div_ceil(UNIT).clamp(1, STORED / UNIT);
        let needed = u32::try_from(needed).unwrap_or(u32::MAX);
        self.stored.clone().acquire_many_owned(needed).await.ok()
    }

    /// Room for a long answer, from before it is made until it is sent.
    pub async fn answer(&self) -> Option<OwnedSemaphorePermit> {
        self.answers.clone().acquire_owned().await.ok()
    }

    /// Permits that nobody holds.
    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.permits.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn short_messages_are_free_and_long_ones_share() {
        let budget = Budget::default();
        let patience = Duration::from_secs(1);
        let (mut hog, mut short, mut long) = (Share::default(), Share::default(), Share::default());
        assert!(budget.cover(&mut hog, TOTAL + FREE, patience).await);
        assert!(budget.cover(&mut short, FREE, patience).await);
        assert!(!budget.cover(&mut long, FREE + 1, patience).await);
        drop(hog);
        assert!(budget.cover(&mut long, FREE + 1, patience).await);
        assert!(budget.cover(&mut long, FREE + UNIT, patience).await);
        assert!(budget.cover(&mut long, FREE + UNIT + 1, patience).await);
        drop(long);
        assert_eq!(budget.permits.available_permits(), TOTAL / UNIT);
    }
}
