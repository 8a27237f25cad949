//! One connection as the bus sees it: what it follows, and what is kept back while it is told how a job stands.
//! [`Subscription`](super::Subscription) is the same from the connection's side.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use darkroom_protocol::{EventKind, EventName, JobId, Subject};
use tokio::sync::watch;

use super::pace::Pace;
use super::{Demand, Filter, Mailbox, Packet, Post};

/// A preview that nobody has seen after so long gave way to something newer, and nothing waits for it any more.
const LOST: Duration = Duration::from_secs(10);

/// One connection, as the bus sees it.
#[derive(Debug)]
pub(super) struct Reader {
    pub mailbox: Arc<Mailbox>,
    all: Option<Watch>,
    subjects: HashMap<Subject, Watch>,
    /// When it was sent a preview that it has not said to have seen.
    unseen: Option<Instant>,
    /// Whether it follows anything.
    follows: watch::Sender<bool>,
}

/// An interest in one subject or in all.
#[derive(Debug)]
struct Watch {
    filter: Filter,
    pace: Pace,
    held: Option<Held>,
}

/// What happened while the reader was being told how things stand.
#[derive(Debug)]
pub(super) struct Held {
    /// The number before it.
    pub since: u64,
    /// All but what is transient.
    pub packets: Vec<Arc<Packet>>,
}

impl Reader {
    /// A reader of nothing; `follows` is kept true while that is otherwise.
    pub fn new(mailbox: Arc<Mailbox>, follows: watch::Sender<bool>) -> Self {
        Self {
            mailbox,
            all: None,
            subjects: HashMap::new(),
            unseen: None,
            follows,
        }
    }

    /// Follows what `filter` wants; with `held`, keeps it back until [`Self::take_held`].
    pub fn watch(&mut self, filter: &Filter, held: Option<Held>) {
        let watch = Watch {
            filter: filter.clone(),
            pace: Pace::default(),
            held,
        };
        match filter.of {
            Some(of) => drop(self.subjects.insert(of, watch)),
            None => self.all = Some(watch),
        }
        self.follows.send_replace(true);
    }

    /// The jobs that it follows by name.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.subjects.keys().filter_map(|of| of.job())
    }

    /// Whether it waits for anything.
    pub fn is_following(&self) -> bool {
        *self.follows.borrow()
    }

    /// Follows a subject no longer.
    pub fn forget(&mut self, of: Subject) {
        if self.subjects.remove(&of).is_some() {
            self.follows
                .send_replace(self.all.is_some() || !self.subjects.is_empty());
        }
    }

    /// It has seen the last preview.
    pub fn seen(&mut self) {
        self.unseen = None;
    }

    /// What was kept back of a job, with its filter. From now on nothing is.
    pub fn take_held(&mut self, job: JobId) -> Option<(Held, Filter)> {
        let watch = self.subjects.get_mut(&Subject::Job(job))?;
        Some((watch.held.take()?, watch.filter.clone()))
    }

    /// Puts an event that is wanted into the mailbox.
    pub fn deliver(&mut self, packet: &Arc<Packet>) -> Post {
        if self.mailbox.is_closed() {
            return Post::Closed;
        }
        let event = &packet.event;
        let own = self.subjects.get_mut(&event.of);
        if let Some(held) = own.and_then(|watch| watch.held.as_mut()) {
            if !event.kind.is_transient() {
                held.packets.push(packet.clone());
            }
            return Post::Taken;
        }
        let post = match self.wish(event.of, event.kind.name()) {
            Some(max_px) => self.mailbox.event(packet, max_px),
            None => Post::Taken,
        };
        if is_end(&event.kind) {
            self.forget(event.of);
        }
        post
    }

    /// The most that it wants to see of a job.
    pub fn demand(&self, job: JobId) -> Demand {
        let watches = [self.subjects.get(&Subject::Job(job)), self.all.as_ref()]
            .into_iter()
            .flatten();
        let watch = watches.into_iter().find(|watch| watch.filter.wants(EventName::Preview));
        watch.map_or(Demand::default(), |watch| Demand {
            max_fps: watch.filter.max_fps,
            max_px: watch.filter.max_px,
        })
    }

    /// Whether it wants previews of anything.
    pub fn wants_previews(&self) -> bool {
        self.watches().any(|watch| watch.filter.wants(EventName::Preview))
    }

    /// Whether it follows everything and wants events of that kind.
    pub fn wants_of_all(&self, name: EventName) -> bool {
        self.all.as_ref().is_some_and(|watch| watch.filter.wants(name))
    }

    fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.subjects.values().chain(&self.all)
    }

    /// Whether an event of that kind is wanted now, by either interest, and previews at most how large.
    fn wish(&mut self, of: Subject, name: EventName) -> Option<u32> {
        let mut watches = self.subjects.get_mut(&of).into_iter().chain(&mut self.all);
        let watch = watches.find(|watch| watch.filter.wants(name))?;
        let max_px = watch.filter.max_px;
        if name != EventName::Preview {
            return Some(max_px);
        }
        let now = Instant::now();
        let waits = watch.filter.paced && self.unseen.is_some_and(|since| now - since < LOST);
        if waits || !watch.pace.pass(now, watch.filter.max_fps) {
            return None;
        }
        self.unseen = Some(now);
        Some(max_px)
    }
}

/// Whether nothing more is said of the job or load after it.
pub(super) fn is_end(kind: &EventKind) -> bool {
    match kind {
        EventKind::State(change) => change.state.is_final(),
        EventKind::Load(change) => change.state.is_final(),
        _ => false,
    }
}
