use super::*;
use crate::events::Mail;
use darkroom_protocol::event::StateChange;
use darkroom_protocol::{Picture, Preview};

fn state(state: JobState) -> EventKind {
    EventKind::State(StateChange { state, failure: None })
}

fn notice(text: &str) -> EventKind {
    EventKind::Notice(text.to_owned())
}

fn picture(job: JobId, index: u32) -> EventKind {
    EventKind::Picture(Picture {
        job,
        index,
        path: String::new(),
        sha256: String::new(),
        bytes: 1,
        width: 8,
        height: 8,
        seed: 1,
        elapsed_ms: 1,
    })
}

fn preview() -> EventKind {
    EventKind::Preview(Preview {
        image: 0,
        step: 1,
        width: 1,
        height: 1,
        rgb: vec![1, 2, 3],
    })
}

fn reader(bus: &Arc<Bus>) -> (Arc<Mailbox>, Subscription) {
    let mailbox = Arc::new(Mailbox::default());
    (mailbox.clone(), bus.subscription(mailbox))
}

fn of(job: JobId) -> Filter {
    Filter {
        job: Some(job),
        ..Filter::default()
    }
}

fn received(mailbox: &Mailbox) -> Vec<(u64, EventKind)> {
    std::iter::from_fn(|| mailbox.take())
        .filter_map(|mail| match mail {
            Mail::Event(event, _) => Some((event.seq, event.kind.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn numbers_rise_by_one_and_filters_hold() {
    let bus = Arc::new(Bus::default());
    let (mine, other) = (JobId::new(), JobId::new());
    let (all, one) = (reader(&bus), reader(&bus));
    all.1.follow(&Filter::default(), None);
    one.1.follow(&of(mine), None);
    bus.publish(mine, notice("a"));
    bus.publish(other, notice("b"));
    assert_eq!(received(&all.0), [(1, notice("a")), (2, notice("b"))]);
    assert_eq!(received(&one.0), [(1, notice("a"))]);
}

#[test]
fn a_replay_begins_at_the_number_asked_for() {
    let bus = Arc::new(Bus::default());
    let job = JobId::new();
    for text in ["a", "b", "c"] {
        bus.publish(job, notice(text));
    }
    let (mailbox, subscription) = reader(&bus);
    subscription.follow(&Filter::default(), Some(2));
    bus.publish(job, notice("d"));
    let numbers: Vec<u64> = received(&mailbox).into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(numbers, [2, 3, 4]);
}

#[test]
fn the_history_ends_somewhere_and_says_so() {
    let bus = Arc::new(Bus::default());
    for _ in 0..HISTORY + 10 {
        bus.publish(JobId::new(), notice("n"));
    }
    let (mailbox, subscription) = reader(&bus);
    assert!(!subscription.remembers(10) && subscription.remembers(11));
    subscription.follow(&Filter::default(), Some(0));
    assert_eq!(received(&mailbox).len(), HISTORY);
}

#[test]
fn nothing_is_lost_or_told_twice_while_the_standing_is_read() {
    let bus = Arc::new(Bus::default());
    let job = JobId::new();
    let (mailbox, subscription) = reader(&bus);
    subscription.hold(job, &Filter::default());
    bus.publish(job, state(JobState::Running));
    bus.publish(job, picture(job, 0));
    bus.publish(job, notice("n"));
    bus.publish(job, picture(job, 1));
    bus.publish(job, state(JobState::Done));
    assert_eq!(received(&mailbox), []);

    let known = Known {
        state: JobState::Running,
        pictures: vec![0],
    };
    subscription.release(job, vec![state(JobState::Running), picture(job, 0)], &known);
    let kinds: Vec<EventKind> = received(&mailbox).into_iter().map(|(_, kind)| kind).collect();
    let expected = [
        state(JobState::Running),
        picture(job, 0),
        notice("n"),
        picture(job, 1),
        state(JobState::Done),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn previews_come_only_when_asked_for_and_not_too_often() {
    let bus = Arc::new(Bus::default());
    let job = JobId::new();
    let (none, some) = (reader(&bus), reader(&bus));
    none.1.follow(&of(job), None);
    some.1.follow(&Filter { max_fps: 1, ..of(job) }, None);
    for _ in 0..5 {
        bus.publish(job, preview());
    }
    assert_eq!(received(&none.0), []);
    assert_eq!(received(&some.0), [(1, preview())]);
}

#[test]
fn readers_that_left_are_forgotten() {
    let bus = Arc::new(Bus::default());
    let (mailbox, subscription) = reader(&bus);
    subscription.follow(&Filter::default(), None);
    let (closed, _still_here) = reader(&bus);
    _still_here.follow(&Filter::default(), None);
    closed.finish();
    drop(subscription);
    bus.publish(JobId::new(), notice("n"));
    assert_eq!(received(&mailbox), []);
    assert!(bus.lock().readers.is_empty());
}
