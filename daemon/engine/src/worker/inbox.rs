use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::codec::frame;
use darkroom_protocol::{JobId, Order, Report};

use super::end;
use super::outbox::Outbox;
use super::previews::Wanted;
use crate::Cancel;
use crate::pipeline::preview::Wish;

/// Orders for the computing thread, and the flags of those that were cancelled meanwhile.
pub struct Inbox {
    /// In the order in which they came; cancels, pings and wishes for previews are dealt with already.
    pub orders: Receiver<Order>,
    /// Flags by job.
    pub cancels: Cancels,
    /// The previews that are wanted.
    pub wanted: Wanted,
}

/// Reads `channel` on a thread of its own. At its end the process ends: the daemon is gone, and nobody wants the result.
pub fn start(mut channel: UnixStream, outbox: Outbox) -> Inbox {
    let (orders, receiver) = mpsc::channel();
    let cancels = Cancels::default();
    let flags = cancels.clone();
    let wanted = Wanted::default();
    let wish = wanted.clone();
    std::thread::spawn(move || {
        loop {
            match frame::read::<Order>(&mut channel) {
                Ok(Some(Order::Cancel { job, after_picture })) => flags.raise(job, after_picture),
                Ok(Some(Order::Ping { n })) => outbox.send(Report::Pong { n }),
                Ok(Some(Order::Previews { max_fps, max_px })) => wish.set(Wish { max_fps, max_px }),
                Ok(Some(order)) => {
                    if let Order::Run { job, .. } | Order::Load { job, .. } = &order {
                        flags.prepare(*job);
                    }
                    if orders.send(order).is_err() {
                        return;
                    }
                }
                Ok(None) => end::at_once(),
                Err(e) => {
                    eprintln!("darkroom-worker: the daemon sent what cannot be read: {e}");
                    end::at_once();
                }
            }
        }
    });
    Inbox {
        orders: receiver,
        cancels,
        wanted,
    }
}

/// Cancel flags by job. A flag is made when the order to run is read, before the computing thread sees it, so that a cancel
/// that follows at once is not lost.
#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<HashMap<JobId, Cancel>>>);

impl Cancels {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<JobId, Cancel>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn prepare(&self, job: JobId) {
        self.with(|flags| flags.insert(job, Cancel::new()));
    }

    fn raise(&self, job: JobId, after_picture: bool) {
        let raise = if after_picture {
            Cancel::raise_after_picture
        } else {
            Cancel::raise
        };
        self.with(|flags| flags.get(&job).map(raise));
    }

    /// The flag of a job that begins now.
    pub fn watch(&self, job: JobId) -> Cancel {
        self.with(|flags| flags.entry(job).or_default().clone())
    }

    /// Forgets the flag of a job that has ended.
    pub fn forget(&self, job: JobId) {
        self.with(|flags| flags.remove(&job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_before_the_start_is_kept() {
        let cancels = Cancels::default();
        let job = JobId::new();
        cancels.prepare(job);
        cancels.raise(job, false);
        assert!(cancels.watch(job).is_raised());
    }

    #[test]
    fn a_cancel_reaches_the_running_job_only() {
        let cancels = Cancels::default();
        let (first, second) = (JobId::new(), JobId::new());
        cancels.prepare(first);
        let flag = cancels.watch(first);
        cancels.prepare(second);
        cancels.raise(second, true);
        cancels.raise(second, false);
        assert!(!flag.is_raised());
        cancels.raise(first, true);
        assert!(!flag.is_raised() && flag.check_between_pictures().is_err());
        cancels.raise(first, false);
        assert!(flag.is_raised());
    }
}
