//! The thread that reads the daemon's orders, and the cancel flags. Cancels, pings and wishes for previews are done here at once,
//! even while a task computes; `worker/mod.rs` takes the others and hands them to `executor.rs`. Reports leave by `outbox.rs`,
//! and what a raised flag ends is up to whoever looks at it.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::codec::frame;
use darkroom_protocol::{Assignment, Order, Report};

use super::end;
use super::outbox::Outbox;
use super::previews::Wanted;
use crate::Cancel;
use crate::pipeline::preview::Wish;

/// Orders for the computing thread, and the flags of those that were cancelled meanwhile.
pub struct Inbox {
    /// In the order in which they came; cancels, pings and wishes for previews are dealt with already.
    pub orders: Receiver<Order>,
    /// Flags by what they end.
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
                Ok(Some(Order::Cancel { of, after_picture })) => flags.raise(of, after_picture),
                Ok(Some(Order::Ping { n })) => outbox.send(Report::Pong { n }),
                Ok(Some(Order::Previews { max_fps, max_px })) => wish.set(Wish { max_fps, max_px }),
                Ok(Some(order)) => {
                    match &order {
                        Order::Run { job, .. } => flags.prepare(Assignment::Job(*job)),
                        Order::Load { load, .. } => flags.prepare(Assignment::Load(*load)),
                        _ => {}
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

/// Cancel flags by what they end. A flag is made when the order to run is read, before the computing thread sees it, so that a cancel
/// that follows at once is not lost.
#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<HashMap<Assignment, Cancel>>>);

impl Cancels {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<Assignment, Cancel>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn prepare(&self, of: Assignment) {
        self.with(|flags| flags.insert(of, Cancel::new()));
    }

    fn raise(&self, of: Assignment, after_picture: bool) {
        let raise = if after_picture {
            Cancel::raise_after_picture
        } else {
            Cancel::raise
        };
        self.with(|flags| flags.get(&of).map(raise));
    }

    /// The flag of what begins now.
    pub fn watch(&self, of: Assignment) -> Cancel {
        self.with(|flags| flags.entry(of).or_default().clone())
    }

    /// Forgets the flag of what has ended.
    pub fn forget(&self, of: Assignment) {
        self.with(|flags| flags.remove(&of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{JobId, LoadId};

    #[test]
    fn a_cancel_before_the_start_is_kept() {
        let cancels = Cancels::default();
        let job = Assignment::Job(JobId::new());
        cancels.prepare(job);
        cancels.raise(job, false);
        assert!(cancels.watch(job).is_raised());
    }

    #[test]
    fn a_cancel_reaches_the_running_job_only() {
        let cancels = Cancels::default();
        let (first, second) = (Assignment::Job(JobId::new()), Assignment::Load(LoadId::new()));
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
