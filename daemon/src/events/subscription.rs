//! A connection's interest in events, held by its session. It adds and changes what the bus keeps of it (`reader`), and ends it
//! when it is dropped.

use std::sync::Arc;

use darkroom_protocol::{Event, EventKind, EventName, JobId, JobState};
use tokio::sync::watch;

use super::bus::Inner;
use super::reader::{Held, Reader, is_end};
use super::{Bus, Filter, Packet};

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
    follows: watch::Receiver<bool>,
}

impl Subscription {
    pub(super) fn new(bus: Arc<Bus>, id: u64, follows: watch::Receiver<bool>) -> Self {
        Self { bus, id, follows }
    }

    /// Sends what `filter` wants: first what is remembered from number `from` on, how far each job is, and how everything else
    /// stands, then what happens.
    pub fn follow(&self, filter: &Filter, from: Option<u64>) {
        self.bus
            .with_reader(self.id, |reader, inner| replay(reader, inner, filter, from));
    }

    /// The same, but only when everything from number `from` on is remembered: it is not older than the history, nor of an
    /// earlier daemon. Returns whether it is.
    pub fn resume(&self, filter: &Filter, from: u64) -> bool {
        let resumed = self.bus.with_reader(self.id, |reader, inner| {
            let remembered = from > inner.forgotten && from <= inner.seq + 1;
            if remembered {
                replay(reader, inner, filter, Some(from));
            }
            remembered
        });
        // A reader that was dropped is told nothing in either case.
        resumed.unwrap_or(true)
    }

    /// Holds a job's events back until [`Self::release`], so that the reader can first be told how the job stands.
    pub fn hold(&self, job: JobId, filter: &Filter) {
        let filter = Filter {
            of: Some(job.into()),
            ..filter.clone()
        };
        self.bus.with_reader(self.id, |reader, inner| {
            let held = Held {
                since: inner.seq,
                packets: Vec::new(),
            };
            reader.watch(&filter, Some(held));
        });
    }

    /// Tells `standing` and how far the job is, then what happened since [`Self::hold`] and is not `known` from it, then what
    /// happens.
    pub fn release(&self, job: JobId, standing: Vec<EventKind>, known: &Known) {
        self.bus.with_reader(self.id, |reader, inner| {
            let Some((Held { since, packets }, filter)) = reader.take_held(job) else {
                return;
            };
            let of = job.into();
            let numbered = |seq: u64, kind| Packet::new(Event { seq, of, kind });
            let standing = standing.into_iter().map(|kind| numbered(since, kind));
            let progress = inner.progress.get(&of).map(|packet| {
                let event = &packet.event;
                numbered(event.seq.max(since), event.kind.clone())
            });
            let wanted = |packet: &Arc<Packet>| filter.wants(packet.event.kind.name());
            for packet in standing.filter(wanted) {
                reader.mailbox.event(&packet, filter.max_px);
            }
            let mut rest: Vec<_> = progress.into_iter().chain(news(packets, known)).collect();
            rest.sort_by_key(|packet| packet.event.seq);
            for packet in rest {
                reader.deliver(&packet);
            }
            if known.state.is_final() {
                reader.forget(of);
            }
        });
    }

    /// Tells it alone something of a job that it follows.
    pub fn tell(&self, job: JobId, kind: EventKind) {
        self.bus.with_reader(self.id, |reader, inner| {
            let seq = inner.seq;
            let of = job.into();
            reader.deliver(&Packet::new(Event { seq, of, kind }));
        });
    }

    /// The connection has seen the last preview.
    pub fn seen(&self) {
        self.bus.with_reader(self.id, |reader, _| reader.seen());
    }

    /// Waits until it follows nothing: every job that it followed has ended.
    pub async fn over(&self) {
        let mut follows = self.follows.clone();
        // The other end goes with the reader: then it follows nothing either.
        let _ = follows.wait_for(|follows| !follows).await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.bus.leave(self.id);
    }
}

/// Sends what `filter` wants of the past, in order, and follows it, unless it is a job or load that has ended.
fn replay(reader: &mut Reader, inner: &Inner, filter: &Filter, from: Option<u64>) {
    let concerns = |packet: &&Arc<Packet>| filter.of.is_none_or(|of| of == packet.event.of);
    let past = inner.history.iter().filter(concerns);
    let missed = past.clone().filter(|p| from.is_some_and(|from| p.event.seq >= from));
    let standing = inner.standing.values().filter(concerns);
    let standing = standing.filter(|p| from.is_none_or(|from| p.event.seq >= from));
    let progress = inner.progress.values().filter(concerns);
    let mut told: Vec<_> = missed
        .chain(progress)
        .chain(standing)
        .filter(|packet| filter.wants(packet.event.kind.name()))
        .collect();
    told.sort_by_key(|packet| packet.event.seq);
    for packet in told {
        reader.mailbox.event(packet, filter.max_px);
    }
    let is_state = |p: &&&Arc<Packet>| matches!(p.event.kind.name(), EventName::State | EventName::Load);
    let last = past.rev().find(|p| is_state(&p));
    let ended = filter.of.is_some() && last.is_some_and(|p| is_end(&p.event.kind));
    if !ended {
        reader.watch(filter, None);
    }
}

/// The events of `held` that say more than `known`. A state that was already told ends what the telling covered.
fn news(held: Vec<Arc<Packet>>, known: &Known) -> Vec<Arc<Packet>> {
    let state = |p: &Arc<Packet>| match &p.event.kind {
        EventKind::State(change) => Some(change.state),
        _ => None,
    };
    let told = held.iter().position(|p| state(p) == Some(known.state));
    let is_news = |at: usize, packet: &Arc<Packet>| match &packet.event.kind {
        EventKind::State(_) => told.is_none_or(|told| at > told),
        EventKind::Picture(picture) => !known.pictures.contains(&picture.index),
        _ => true,
    };
    let numbered = held.into_iter().enumerate();
    numbered.filter(|(at, p)| is_news(*at, p)).map(|(_, p)| p).collect()
}
