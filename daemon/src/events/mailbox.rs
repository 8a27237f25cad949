//! What one connection has yet to be sent, replies and events in one order, under caps. Who posts never waits: progress and
//! previews give way to newer ones, and a reader that lets too much else gather is hung up on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::{Event, EventKind, EventName, Subject};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::Packet;
use super::packet::HISTORY;

/// Events that must arrive (states, pictures, notices) and have yet to be sent, at most: room for all that is remembered and
/// as much again. A reader that lets more gather is dropped.
const MAX_EVENTS: usize = 2 * HISTORY;
/// Progress and previews that have yet to be sent, at most, over all jobs. The oldest make room.
const MAX_TRANSIENT: usize = 128;
/// Replies that have yet to be sent, in bytes, beyond which no further request of that connection is read.
const MAX_REPLIES: usize = 1 << 20;

/// One thing to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Mail {
    /// An encoded reply, and its share of the memory for long ones.
    Bytes(Vec<u8>, Held),
    /// An event, with the size to which a preview is shrunk (0: as it is).
    Event(Arc<Packet>, u32),
    /// The last words, where there are any: the connection is closed after them.
    Bye(Option<String>),
}

/// What a long reply holds until it is sent.
#[derive(Clone, Debug, Default)]
pub struct Held(Option<Arc<OwnedSemaphorePermit>>);

impl Held {
    /// That share.
    pub fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(Some(Arc::new(permit)))
    }

    /// Whether others may wait for it.
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

impl PartialEq for Held {
    /// Replies are the same by their bytes.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What became of an event that was posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// It will be sent.
    Taken,
    /// The connection is closing; nothing more is taken.
    Closed,
}

/// What one connection has yet to be sent. Progress is latest-wins by job and phase, so that every phase is told; previews by
/// job, and only until the picture is there; how a worker or the queue stands by what it is about. Everything else stays in order. So what gathers for a reader that is slow is
/// bounded, and most of it is shared with other readers.
#[derive(Debug, Default)]
pub struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
    drained: Notify,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Mail>,
    events: usize,
    transient: usize,
    reply_bytes: usize,
    closed: bool,
}

impl Mailbox {
    /// Adds an encoded reply.
    pub fn reply(&self, bytes: Vec<u8>) {
        self.long_reply(bytes, Held::default());
    }

    /// Adds an encoded reply that holds a share of the memory for long ones until it is sent.
    pub fn long_reply(&self, bytes: Vec<u8>, held: Held) {
        self.with(|state| {
            if !state.closed {
                state.reply_bytes += bytes.len();
                state.queue.push_back(Mail::Bytes(bytes, held));
            }
        });
    }

    /// Adds an event. Too many that wait close the mailbox: what waits is thrown away and the reason is sent.
    pub fn event(&self, packet: &Arc<Packet>, max_px: u32) -> Post {
        let event = &packet.event;
        self.with(|state| {
            if state.closed {
                return Post::Closed;
            }
            if event.kind.is_standing() {
                state
                    .queue
                    .retain(|mail| !standing(mail).is_some_and(|older| event.replaces(older)));
            } else if event.kind.is_transient() {
                state.drop_transient(|older| event.replaces(older));
                if state.transient == MAX_TRANSIENT {
                    state.drop_oldest_transient();
                }
                state.transient += 1;
            } else if state.events >= MAX_EVENTS {
                state.overflow();
                self.closed.cancel();
                return Post::Closed;
            } else {
                if is_beyond_previews(&event.kind) {
                    state.drop_transient(|older| is_preview_of(event.of, older));
                }
                state.events += 1;
            }
            state.queue.push_back(Mail::Event(packet.clone(), max_px));
            Post::Taken
        })
    }

    /// Takes nothing more: what waits is sent.
    pub fn finish(&self) {
        self.end(None);
    }

    /// Closes it: what waits is sent, then the reason.
    pub fn close(&self, reason: &str) {
        self.end(Some(reason.to_owned()));
        self.closed.cancel();
    }

    fn end(&self, reason: Option<String>) {
        self.with(|state| {
            if !state.closed {
                state.closed = true;
                state.queue.push_back(Mail::Bye(reason));
            }
        });
    }

    /// Waits until it is closed for a reason; what waits may still be unsent.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// The next thing to send, once there is one.
    pub async fn next(&self) -> Mail {
        loop {
            let changed = self.changed.notified();
            if let Some(mail) = self.take() {
                return mail;
            }
            changed.await;
        }
    }

    /// The next thing to send, if there is one.
    pub fn take(&self) -> Option<Mail> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mail = state.queue.pop_front()?;
        match &mail {
            Mail::Bytes(bytes, _) => state.reply_bytes = state.reply_bytes.saturating_sub(bytes.len()),
            Mail::Event(packet, _) if packet.event.kind.is_transient() => state.transient -= 1,
            Mail::Event(packet, _) if packet.event.kind.is_standing() => {}
            Mail::Event(..) => state.events -= 1,
            Mail::Bye(_) => {}
        }
        drop(state);
        self.drained.notify_waiters();
        Some(mail)
    }

    /// Waits until so few replies wait that another request may be read.
    pub async fn room(&self) {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            if self.with_quietly(|state| state.reply_bytes < MAX_REPLIES || state.closed) {
                return;
            }
            drained.await;
        }
    }

    /// Whether it takes nothing more.
    pub fn is_closed(&self) -> bool {
        self.with_quietly(|state| state.closed)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = self.with_quietly(change);
        self.changed.notify_one();
        result
    }

    fn with_quietly<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn drop_transient(&mut self, worthless: impl Fn(&Event) -> bool) {
        if self.transient == 0 {
            return;
        }
        let before = self.queue.len();
        self.queue.retain(|mail| !transient(mail).is_some_and(&worthless));
        self.transient -= before - self.queue.len();
    }

    fn drop_oldest_transient(&mut self) {
        if let Some(at) = self.queue.iter().position(|mail| transient(mail).is_some()) {
            self.queue.remove(at);
            self.transient -= 1;
        }
    }

    fn overflow(&mut self) {
        self.closed = true;
        self.queue.clear();
        self.reply_bytes = 0;
        self.events = 0;
        self.transient = 0;
        let reason = format!("this connection read too slowly: {MAX_EVENTS} events were waiting. Connect again.");
        self.queue.push_back(Mail::Bye(Some(reason)));
    }
}

/// Whether previews of the job from before it show what is there, or never will be.
fn is_beyond_previews(kind: &EventKind) -> bool {
    match kind {
        EventKind::Picture(_) => true,
        EventKind::State(change) => change.state.is_final(),
        _ => false,
    }
}

fn is_preview_of(of: Subject, event: &Event) -> bool {
    event.of == of && event.kind.name() == EventName::Preview
}

fn transient(mail: &Mail) -> Option<&Event> {
    match mail {
        Mail::Event(packet, _) if packet.event.kind.is_transient() => Some(&packet.event),
        _ => None,
    }
}

fn standing(mail: &Mail) -> Option<&Event> {
    match mail {
        Mail::Event(packet, _) if packet.event.kind.is_standing() => Some(&packet.event),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::event::StateChange;
    use darkroom_protocol::{JobId, JobState, Phase, Preview, Progress};

    fn progress(job: JobId, seq: u64) -> Arc<Packet> {
        progress_in(Phase::Denoise, job, seq)
    }

    fn progress_in(phase: Phase, job: JobId, seq: u64) -> Arc<Packet> {
        let progress = Progress {
            phase,
            image: 0,
            images: 1,
            step: seq as u32,
            steps: 9,
            sigma: None,
            step_s: None,
            eta_s: None,
        };
        Packet::new(Event {
            seq,
            of: job.into(),
            kind: EventKind::Progress(progress),
        })
    }

    fn notice(job: JobId, seq: u64) -> Arc<Packet> {
        Packet::new(Event {
            seq,
            of: job.into(),
            kind: EventKind::Notice("n".to_owned()),
        })
    }

    fn numbers(mailbox: &Mailbox) -> Vec<u64> {
        std::iter::from_fn(|| mailbox.take())
            .map(|mail| match mail {
                Mail::Event(packet, _) => packet.event.seq,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_latest_progress_of_each_job_wins_and_keeps_its_place_in_time() {
        let (mailbox, a, b) = (Mailbox::default(), JobId::new(), JobId::new());
        for event in [
            progress(a, 1),
            progress(b, 2),
            notice(a, 3),
            progress(a, 4),
            progress(a, 5),
        ] {
            assert_eq!(mailbox.event(&event, 0), Post::Taken);
        }
        assert_eq!(numbers(&mailbox), [2, 3, 5]);
    }

    #[test]
    fn every_phase_is_told() {
        let (mailbox, job) = (Mailbox::default(), JobId::new());
        let phases = [
            Phase::Load,
            Phase::Encode,
            Phase::Denoise,
            Phase::Denoise,
            Phase::Decode,
        ];
        for (seq, phase) in (1..).zip(phases) {
            mailbox.event(&progress_in(phase, job, seq), 0);
        }
        assert_eq!(numbers(&mailbox), [1, 2, 4, 5]);
    }

    #[test]
    fn progress_never_fills_it() {
        let (mailbox, job) = (Mailbox::default(), JobId::new());
        for seq in 0..100_000 {
            assert_eq!(mailbox.event(&progress(job, seq), 0), Post::Taken);
        }
        assert_eq!(numbers(&mailbox), [99_999]);
    }

    #[test]
    fn the_progress_of_many_jobs_is_bounded() {
        let mailbox = Mailbox::default();
        let jobs = MAX_TRANSIENT as u64 + 5;
        for seq in 0..jobs {
            mailbox.event(&progress(JobId::new(), seq), 0);
        }
        assert_eq!(numbers(&mailbox), (5..jobs).collect::<Vec<_>>());
    }

    #[test]
    fn a_preview_is_not_sent_after_its_picture() {
        let (mailbox, job, other) = (Mailbox::default(), JobId::new(), JobId::new());
        let of = |job: JobId, seq, kind| {
            let of = job.into();
            Packet::new(Event { seq, of, kind })
        };
        let preview = Preview {
            image: 0,
            step: 1,
            width: 1,
            height: 1,
            rgb: vec![1, 2, 3],
        };
        for job in [job, other] {
            mailbox.event(&of(job, 1, EventKind::Preview(preview.clone())), 0);
        }
        let change = StateChange {
            state: JobState::Cancelled,
            failure: None,
        };
        mailbox.event(&of(job, 2, EventKind::State(change)), 0);
        let kinds: Vec<_> = std::iter::from_fn(|| mailbox.take())
            .map(|mail| match mail {
                Mail::Event(packet, _) => (packet.event.job().unwrap(), packet.event.kind.name()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds, [(other, EventName::Preview), (job, EventName::State)]);
    }

    #[test]
    fn a_reader_that_is_too_slow_is_told_so_and_nothing_else() {
        let (mailbox, job) = (Mailbox::default(), JobId::new());
        for seq in 0..MAX_EVENTS as u64 {
            assert_eq!(mailbox.event(&notice(job, seq), 0), Post::Taken);
        }
        assert_eq!(mailbox.event(&notice(job, 0), 0), Post::Closed);
        assert!(mailbox.is_closed());
        assert!(matches!(mailbox.take(), Some(Mail::Bye(Some(reason))) if reason.contains("too slowly")));
        assert_eq!(mailbox.take(), None);
    }

    #[test]
    fn closing_sends_what_waits_first() {
        let (mailbox, job) = (Mailbox::default(), JobId::new());
        mailbox.event(&notice(job, 1), 0);
        mailbox.close("the daemon ends");
        assert_eq!(mailbox.event(&notice(job, 2), 0), Post::Closed);
        assert!(matches!(mailbox.take(), Some(Mail::Event(..))));
        assert_eq!(mailbox.take(), Some(Mail::Bye(Some("the daemon ends".to_owned()))));
    }

    #[tokio::test]
    async fn replies_that_nobody_reads_stop_the_requests() {
        let mailbox = Arc::new(Mailbox::default());
        mailbox.room().await;
        mailbox.reply(vec![0; MAX_REPLIES]);
        let waiting = tokio::spawn({
            let mailbox = mailbox.clone();
            async move { mailbox.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(mailbox.take().is_some());
        waiting.await.unwrap();
    }
}
