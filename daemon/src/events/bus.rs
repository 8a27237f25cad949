//! Where events are published: numbered, remembered for a while, and handed to the mailbox of everybody who asked.
//!
//! The dispatcher publishes what rows say, the deliverer and a few verbs what they alone know. Who counts events is an [`Observer`]:
//! the bus knows neither metrics nor what is done with an event.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use darkroom_protocol::{Event, EventKind, EventName, JobId, Progress, Subject};
use tokio::sync::watch;

use super::packet::HISTORY;
use super::reader::{Reader, is_end};
use super::{Demand, Mailbox, Packet, Post, Subscription};

/// Who is told of every event before any reader, on the thread that publishes it: it must not wait.
pub trait Observer: fmt::Debug + Send + Sync {
    /// An event is published.
    fn published(&self, of: Subject, kind: &EventKind);
    /// A reader is hung up on, because it reads too slowly.
    fn reader_dropped(&self);
}

/// Numbers events, remembers the last of them and hands them to the mailboxes of those who asked.
#[derive(Debug)]
pub struct Bus {
    observer: Option<Arc<dyn Observer>>,
    inner: Mutex<Inner>,
    /// Stirs when somebody begins or ceases to want previews.
    demands: watch::Sender<()>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub seq: u64,
    pub history: VecDeque<Arc<Packet>>,
    /// How far each job is that runs, and each load.
    pub progress: HashMap<Subject, Arc<Packet>>,
    /// How everything else stands: the last of its kind about each subject.
    pub standing: HashMap<(Subject, EventName), Arc<Packet>>,
    /// The newest number that is not remembered.
    pub forgotten: u64,
    readers: HashMap<u64, Reader>,
    next_reader: u64,
}

impl Bus {
    /// A bus whose first event has the number after `seq`. A daemon takes one that no daemon before it has reached, so that a
    /// reader that comes back to another daemon is not told the wrong events.
    pub fn after(seq: u64) -> Self {
        let inner = Inner {
            seq,
            forgotten: seq,
            ..Inner::default()
        };
        Self {
            observer: None,
            inner: Mutex::new(inner),
            demands: watch::Sender::default(),
        }
    }

    /// The same, watched by `observer`.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Tells everybody. Returns the event's number.
    pub fn publish(&self, of: impl Into<Subject>, kind: EventKind) -> u64 {
        let of = of.into();
        if let Some(observer) = &self.observer {
            observer.published(of, &kind);
        }
        let mut inner = self.lock();
        inner.seq += 1;
        let seq = inner.seq;
        let packet = Packet::new(Event { seq, of, kind });
        inner.remember(&packet);
        let mut left = false;
        inner.readers.retain(|_, reader| {
            let open = !reader.mailbox.is_closed();
            let stays = reader.deliver(&packet) == Post::Taken;
            if open
                && !stays
                && let Some(observer) = &self.observer
            {
                observer.reader_dropped();
            }
            left |= !stays && reader.wants_previews();
            stays
        });
        if left {
            self.stir();
        }
        seq
    }

    /// How far a job is that runs; what it still takes as of now.
    pub fn progress(&self, job: JobId) -> Option<Progress> {
        let packet = self.lock().progress.get(&job.into()).cloned()?;
        let EventKind::Progress(progress) = &packet.event.kind else {
            return None;
        };
        let since = packet.at.elapsed().as_secs_f64();
        let eta_s = progress.eta_s.map(|eta| (eta - since).max(0.0));
        Some(Progress {
            eta_s,
            ..progress.clone()
        })
    }

    /// The jobs that somebody follows by name.
    pub fn followed(&self) -> Vec<JobId> {
        let inner = self.lock();
        let mut jobs: Vec<JobId> = inner.readers.values().flat_map(Reader::jobs).collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// The last number that was given.
    pub fn seq(&self) -> u64 {
        self.lock().seq
    }

    /// Everything from this number on is remembered.
    pub fn oldest(&self) -> u64 {
        self.lock().forgotten + 1
    }

    /// What its most demanding reader wants to see of a job.
    pub fn demand(&self, job: JobId) -> Demand {
        let inner = self.lock();
        let demands = inner.readers.values().map(|reader| reader.demand(job));
        demands.fold(Demand::default(), Demand::and)
    }

    /// Whether anybody follows everything and wants events of that kind.
    pub fn is_wanted(&self, name: EventName) -> bool {
        self.lock().readers.values().any(|reader| reader.wants_of_all(name))
    }

    /// Stirs when [`Self::demand`] may have changed.
    pub fn demands(&self) -> watch::Receiver<()> {
        self.demands.subscribe()
    }

    /// How many connections wait for events.
    pub fn subscribers(&self) -> usize {
        self.lock()
            .readers
            .values()
            .filter(|reader| reader.is_following())
            .count()
    }

    /// An interest in nothing yet, of the connection with that mailbox.
    pub fn subscription(self: &Arc<Self>, mailbox: Arc<Mailbox>) -> Subscription {
        let mut inner = self.lock();
        inner.next_reader += 1;
        let id = inner.next_reader;
        let (sender, follows) = watch::channel(false);
        inner.readers.insert(id, Reader::new(mailbox, sender));
        Subscription::new(self.clone(), id, follows)
    }

    /// Works on the reader of that number, if it is still there, and on everything remembered.
    pub(super) fn with_reader<T>(&self, id: u64, work: impl FnOnce(&mut Reader, &Inner) -> T) -> Option<T> {
        let mut inner = self.lock();
        let mut reader = inner.readers.remove(&id)?;
        let before = reader.wants_previews();
        let result = work(&mut reader, &inner);
        if before || reader.wants_previews() {
            self.stir();
        }
        inner.readers.insert(id, reader);
        Some(result)
    }

    /// Forgets a reader.
    pub(super) fn leave(&self, id: u64) {
        let reader = self.lock().readers.remove(&id);
        if reader.is_some_and(|reader| reader.wants_previews()) {
            self.stir();
        }
    }

    fn stir(&self) {
        self.demands.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn readers(&self) -> usize {
        self.lock().readers.len()
    }
}

impl Inner {
    fn remember(&mut self, packet: &Arc<Packet>) {
        let event = &packet.event;
        match &event.kind {
            EventKind::Progress(_) => drop(self.progress.insert(event.of, packet.clone())),
            EventKind::State(change) if !change.state.is_in_work() => drop(self.progress.remove(&event.of)),
            kind if is_end(kind) => drop(self.progress.remove(&event.of)),
            _ => {}
        }
        if event.kind.is_standing() {
            self.standing.insert((event.of, event.kind.name()), packet.clone());
        }
        if event.kind.is_transient() || event.kind.is_standing() {
            return;
        }
        if self.history.len() == HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.forgotten = oldest.event.seq;
        }
        self.history.push_back(packet.clone());
    }
}
