use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use darkroom_protocol::{Event, EventKind, JobId, JobState};

use super::mailbox::is_transient;
use super::{Mailbox, Post};

/// Events that are remembered for those who come back.
const HISTORY: usize = 1024;

/// Numbers events, remembers the last of them and hands them to the mailboxes of those who asked.
#[derive(Debug, Default)]
pub struct Bus {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seq: u64,
    history: VecDeque<Arc<Event>>,
    /// The newest number that has left the history.
    forgotten: u64,
    readers: HashMap<u64, Reader>,
    next_reader: u64,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this job's; everybody's when absent.
    pub job: Option<JobId>,
    /// Previews a second at most; 0 for none.
    pub max_fps: u32,
    /// Previews at most so wide and high; 0 for as they are.
    pub max_px: u32,
}

/// What a reader has just been told of a job: events that say the same are not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The state.
    pub state: JobState,
    /// The pictures, by their place.
    pub pictures: Vec<u32>,
}

/// One connection's interest. It ends with this value.
#[derive(Debug)]
pub struct Subscription {
    bus: Arc<Bus>,
    id: u64,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug)]
struct Reader {
    mailbox: Arc<Mailbox>,
    all: Option<Watch>,
    jobs: HashMap<JobId, Watch>,
}

#[derive(Debug)]
struct Watch {
    max_fps: u32,
    max_px: u32,
    last_preview: Option<Instant>,
    /// While the reader is being told how things stand: what happened meanwhile.
    held: Option<Vec<Arc<Event>>>,
}

impl Bus {
    /// Tells everybody. Returns the event's number.
    pub fn publish(&self, job: JobId, kind: EventKind) -> u64 {
        let mut inner = self.lock();
        inner.seq += 1;
        let seq = inner.seq;
        let event = Arc::new(Event { seq, job, kind });
        if !is_transient(&event.kind) {
            inner.remember(&event);
        }
        inner.readers.retain(|_, reader| reader.deliver(&event) == Post::Taken);
        seq
    }

    /// The last number that was given.
    pub fn seq(&self) -> u64 {
        self.lock().seq
    }

    /// An interest in nothing yet, of the connection with that mailbox.
    pub fn subscription(self: &Arc<Self>, mailbox: Arc<Mailbox>) -> Subscription {
        let mut inner = self.lock();
        inner.next_reader += 1;
        Subscription {
            bus: self.clone(),
            id: inner.next_reader,
            mailbox,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Sends what `filter` wants: first what is remembered from number `from` on, then what happens.
    pub fn follow(&self, filter: &Filter, from: Option<u64>) {
        let mut inner = self.bus.lock();
        if let Some(from) = from {
            let wanted = |e: &&Arc<Event>| e.seq >= from && filter.job.is_none_or(|job| job == e.job);
            for event in inner.history.iter().filter(wanted) {
                self.mailbox.event(event, filter.max_px);
            }
        }
        self.reader(&mut inner).watch(filter, None);
    }

    /// Holds a job's events back until [`Self::release`], so that the reader can first be told how the job stands.
    pub fn hold(&self, job: JobId, filter: &Filter) {
        let filter = Filter {
            job: Some(job),
            ..filter.clone()
        };
        self.reader(&mut self.bus.lock()).watch(&filter, Some(Vec::new()));
    }

    /// Tells `standing`, then what happened since [`Self::hold`] and is not `known` from it, then what happens.
    pub fn release(&self, job: JobId, standing: Vec<EventKind>, known: &Known) {
        let mut inner = self.bus.lock();
        let seq = inner.seq;
        for kind in standing {
            self.mailbox.event(&Arc::new(Event { seq, job, kind }), 0);
        }
        let reader = self.reader(&mut inner);
        let held = reader.jobs.get_mut(&job).and_then(|watch| watch.held.take());
        for event in news(held.unwrap_or_default(), known) {
            reader.deliver(&event);
        }
        if known.state.is_final() {
            reader.jobs.remove(&job);
        }
    }

    /// Whether every event from number `from` on is still remembered: it is not older than the history, nor of an earlier
    /// daemon.
    pub fn remembers(&self, from: u64) -> bool {
        let inner = self.bus.lock();
        from > inner.forgotten && from <= inner.seq + 1
    }

    fn reader<'a>(&self, inner: &'a mut Inner) -> &'a mut Reader {
        inner.readers.entry(self.id).or_insert_with(|| Reader {
            mailbox: self.mailbox.clone(),
            all: None,
            jobs: HashMap::new(),
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.bus.lock().readers.remove(&self.id);
    }
}

impl Inner {
    fn remember(&mut self, event: &Arc<Event>) {
        if self.history.len() == HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.forgotten = oldest.seq;
        }
        self.history.push_back(event.clone());
    }
}

impl Reader {
    fn watch(&mut self, filter: &Filter, held: Option<Vec<Arc<Event>>>) {
        let watch = Watch {
            max_fps: filter.max_fps,
            max_px: filter.max_px,
            last_preview: None,
            held,
        };
        match filter.job {
            Some(job) => drop(self.jobs.insert(job, watch)),
            None => self.all = Some(watch),
        }
    }

    fn deliver(&mut self, event: &Arc<Event>) -> Post {
        let Some(watch) = self.jobs.get_mut(&event.job).or(self.all.as_mut()) else {
            return if self.mailbox.is_closed() {
                Post::Closed
            } else {
                Post::Taken
            };
        };
        if let Some(held) = &mut watch.held {
            if !is_transient(&event.kind) {
                held.push(event.clone());
            }
            return Post::Taken;
        }
        if matches!(event.kind, EventKind::Preview(_)) && !watch.due() {
            return Post::Taken;
        }
        let post = self.mailbox.event(event, watch.max_px);
        // A job that has ended says nothing more.
        if matches!(&event.kind, EventKind::State(change) if change.state.is_final()) {
            self.jobs.remove(&event.job);
        }
        post
    }
}

impl Watch {
    /// Whether another preview may be sent now.
    fn due(&mut self) -> bool {
        if self.max_fps == 0 {
            return false;
        }
        let now = Instant::now();
        let pause = Duration::from_secs(1) / self.max_fps;
        let due = self.last_preview.is_none_or(|last| now.duration_since(last) >= pause);
        if due {
            self.last_preview = Some(now);
        }
        due
    }
}

/// The events of `held` that say more than `known`. A state that was already told ends what the telling covered.
fn news(held: Vec<Arc<Event>>, known: &Known) -> Vec<Arc<Event>> {
    let state = |e: &Arc<Event>| match &e.kind {
        EventKind::State(change) => Some(change.state),
        _ => None,
    };
    let told = held.iter().position(|e| state(e) == Some(known.state));
    let is_news = |at: usize, event: &Arc<Event>| match &event.kind {
        EventKind::State(_) => told.is_none_or(|told| at > told),
        EventKind::Picture(picture) => !known.pictures.contains(&picture.index),
        _ => true,
    };
    let numbered = held.into_iter().enumerate();
    numbered.filter(|(at, e)| is_news(*at, e)).map(|(_, e)| e).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
