//! Commits, as the dispatcher follows them: its line first, then the events, then what a worker is to be told.
//!
//! Everything that rows say leaves the daemon here, in the order of commits. The dispatcher's own changes come back the same
//! way: whoever makes one catches up with it before going on, so that it never acts on what is older than what it did.

use darkroom_protocol::{Assignment, JobId, Order};
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use crate::store::{Coming, Committed};

/// So many changes are followed before those who read the events get a turn.
const AT_ONCE: usize = 128;

impl Dispatcher {
    /// Follows a change and those that are there already.
    pub async fn learn(&mut self, first: Committed) {
        self.follow(first);
        self.learn_all().await;
    }

    /// Follows every change that was committed before this.
    pub async fn learn_all(&mut self) {
        for followed in 1..=self.news.len() {
            let Ok(news) = self.news.try_recv() else { return };
            self.follow(news);
            give_way(followed).await;
        }
    }

    /// Follows changes up to the end or the return of `job`, which was just written.
    pub async fn learn_end(&mut self, job: JobId) {
        self.learn_until(|news| match news {
            Committed::Ended { job: other, .. } => *other == job,
            Committed::Waits(waiting, Coming::Returned) => waiting.job == job,
            _ => false,
        })
        .await;
    }

    /// Follows changes up to the one that is `own`: the store told it before it answered.
    pub async fn learn_until(&mut self, own: impl Fn(&Committed) -> bool) {
        let mut followed = 0;
        while let Ok(news) = self.news.try_recv() {
            let last = own(&news);
            self.follow(news);
            if last {
                return;
            }
            followed += 1;
            give_way(followed).await;
        }
    }

    fn follow(&mut self, news: Committed) {
        let upshot = self.floor.take(news);
        for (of, kind) in upshot.events {
            self.tools.bus.publish(of, kind);
        }
        if let Some((job, after_picture)) = upshot.cancel {
            self.cancel(job, after_picture);
        }
        if let Some(device) = upshot.device
            && !self.unsorted.contains(&device)
        {
            self.unsorted.push(device);
        }
    }

    /// Tells the worker of a running job to end it.
    fn cancel(&mut self, job: JobId, after_picture: bool) {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.job() == Some(job)) else {
            return;
        };
        if let Some(worker) = &slot.worker {
            worker.send(Order::Cancel {
                of: Assignment::Job(job),
                after_picture,
            });
        }
        if let Some(busy) = slot.busy() {
            busy.unwanted = true;
            if after_picture {
                busy.after_picture = true;
            } else {
                busy.cancelling.get_or_insert_with(Instant::now);
            }
        }
    }
}

async fn give_way(followed: usize) {
    if followed.is_multiple_of(AT_ONCE) {
        tokio::task::yield_now().await;
    }
}
