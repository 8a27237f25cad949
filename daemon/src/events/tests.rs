//! What readers get of a bus: in order, paced, from where they left off, or a reason why no more.

use std::sync::Arc;

use super::packet::HISTORY;
use super::*;
use darkroom_protocol::event::{LineStatus, SettingsChange, StateChange};
use darkroom_protocol::{EventKind, EventName, JobId, JobState, Phase, Picture, Preview, Progress, Subject};
use futures_util::FutureExt as _;

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

fn progress(phase: Phase) -> EventKind {
    EventKind::Progress(Progress {
        phase,
        image: 0,
        images: 1,
        step: 0,
        steps: 1,
        sigma: None,
        step_s: None,
        eta_s: None,
    })
}

fn bus() -> Arc<Bus> {
    Arc::new(Bus::after(0))
}

fn reader(bus: &Arc<Bus>) -> (Arc<Mailbox>, Subscription) {
    let mailbox = Arc::new(Mailbox::default());
    (mailbox.clone(), bus.subscription(mailbox))
}

fn of(job: JobId) -> Filter {
    Filter {
        of: Some(job.into()),
        ..Filter::default()
    }
}

fn received(mailbox: &Mailbox) -> Vec<(u64, EventKind)> {
    std::iter::from_fn(|| mailbox.take())
        .filter_map(|mail| match mail {
            Mail::Event(packet, _) => Some((packet.event.seq, packet.event.kind.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn numbers_rise_by_one_and_filters_hold() {
    let bus = bus();
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
    let bus = bus();
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
    let bus = bus();
    for _ in 0..HISTORY + 10 {
        bus.publish(JobId::new(), notice("n"));
    }
    let (mailbox, subscription) = reader(&bus);
    assert_eq!(bus.oldest(), 11);
    assert!(!subscription.resume(&Filter::default(), 10));
    assert_eq!(received(&mailbox), []);
    assert!(subscription.resume(&Filter::default(), 11));
    assert_eq!(received(&mailbox).len(), HISTORY);
    subscription.follow(&Filter::default(), Some(0));
    assert_eq!(received(&mailbox).len(), HISTORY);
}

#[test]
fn a_reader_of_all_that_is_remembered_has_time_for_as_much_again() {
    let bus = bus();
    for _ in 0..HISTORY {
        bus.publish(JobId::new(), notice("n"));
    }
    let (mailbox, subscription) = reader(&bus);
    subscription.follow(&Filter::default(), Some(1));
    for _ in 0..HISTORY {
        bus.publish(JobId::new(), notice("n"));
    }
    assert_eq!(received(&mailbox).len(), 2 * HISTORY);
}

#[test]
fn a_later_daemon_does_not_answer_for_an_earlier_one() {
    let (mailbox, subscription) = reader(&Arc::new(Bus::after(5000)));
    assert!(!subscription.resume(&Filter::default(), 37) && !subscription.resume(&Filter::default(), 5002));
    assert!(subscription.resume(&Filter::default(), 5001));
    assert_eq!(received(&mailbox), []);
}

#[test]
fn one_who_comes_late_is_told_how_far_the_jobs_are() {
    let bus = bus();
    let (job, ended) = (JobId::new(), JobId::new());
    for job in [job, ended] {
        bus.publish(job, state(JobState::Running));
        bus.publish(job, progress(Phase::Load));
    }
    bus.publish(ended, state(JobState::Failed));
    bus.publish(job, progress(Phase::Denoise));
    bus.publish(job, notice("n"));
    let (all, one) = (reader(&bus), reader(&bus));
    all.1.follow(&Filter::default(), Some(7));
    assert_eq!(received(&all.0), [(6, progress(Phase::Denoise)), (7, notice("n"))]);
    one.1.hold(job, &Filter::default());
    let known = Known {
        state: JobState::Running,
        pictures: vec![],
    };
    one.1.release(job, vec![state(JobState::Running)], &known);
    let told = [(7, state(JobState::Running)), (7, progress(Phase::Denoise))];
    assert_eq!(received(&one.0), told);
}

#[test]
fn kinds_are_chosen() {
    let bus = bus();
    let job = JobId::new();
    let (some, both) = (reader(&bus), reader(&bus));
    let kinds = |kinds: &[EventName]| Filter {
        kinds: kinds.to_vec(),
        max_fps: 9,
        ..Filter::default()
    };
    some.1.follow(&kinds(&[EventName::State, EventName::Picture]), None);
    both.1.follow(&kinds(&[EventName::State]), None);
    let previews = kinds(&[EventName::Preview]);
    both.1.follow(
        &Filter {
            of: Some(job.into()),
            ..previews
        },
        None,
    );
    let all = [
        notice("n"),
        progress(Phase::Save),
        preview(),
        picture(job, 0),
        state(JobState::Done),
    ];
    for kind in all {
        bus.publish(job, kind);
    }
    assert_eq!(received(&some.0), [(4, picture(job, 0)), (5, state(JobState::Done))]);
    assert_eq!(received(&both.0), [(5, state(JobState::Done))]);
    bus.publish(job, preview());
    assert_eq!(received(&both.0), [], "the job has ended");
}

#[tokio::test]
async fn a_reader_follows_until_its_jobs_have_ended() {
    let bus = bus();
    let (job, other) = (JobId::new(), JobId::new());
    let (_mailbox, subscription) = reader(&bus);
    subscription.over().await;
    subscription.follow(&of(job), None);
    subscription.follow(&of(other), None);
    bus.publish(job, state(JobState::Done));
    let waiting = tokio::spawn(async move { subscription.over().await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    bus.publish(other, state(JobState::Failed));
    waiting.await.unwrap();
}

#[test]
fn a_job_that_ended_before_it_was_followed_is_over() {
    let bus = bus();
    let job = JobId::new();
    bus.publish(job, state(JobState::Running));
    bus.publish(job, state(JobState::Done));
    let (mailbox, subscription) = reader(&bus);
    assert!(subscription.resume(&of(job), 1));
    assert_eq!(received(&mailbox).len(), 2);
    assert!(subscription.over().now_or_never().is_some());
}

#[test]
fn what_readers_want_to_see_is_known_and_its_changes_are_told() {
    let bus = bus();
    let job = JobId::new();
    let mut changes = bus.demands();
    let mut changed = || {
        let changed = changes.has_changed().unwrap();
        changes.mark_unchanged();
        changed
    };
    assert_eq!((bus.demand(job), changed()), (Demand::default(), false));
    let demand = |max_fps, max_px| Demand { max_fps, max_px };
    let wish = |job: Option<JobId>, max_fps, max_px| Filter {
        of: job.map(Subject::Job),
        max_fps,
        max_px,
        paced: false,
        kinds: vec![],
    };
    let (blind, one, all) = (reader(&bus), reader(&bus), reader(&bus));
    blind.1.follow(&wish(None, 0, 900), None);
    assert_eq!((bus.demand(job), changed()), (Demand::default(), false));
    one.1.follow(&wish(Some(job), 2, 64), None);
    assert_eq!((bus.demand(job), changed()), (demand(2, 64), true));
    all.1.follow(&wish(None, 10, 32), None);
    assert_eq!((bus.demand(job), changed()), (demand(10, 64), true));
    assert_eq!(bus.demand(JobId::new()), demand(10, 32));
    drop(all);
    assert_eq!((bus.demand(job), changed()), (demand(2, 64), true));
    one.0.close("it reads too slowly");
    bus.publish(job, notice("n"));
    assert_eq!((bus.demand(job), changed()), (Demand::default(), true));
}

#[test]
fn nothing_is_lost_or_told_twice_while_the_standing_is_read() {
    let bus = bus();
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
    let bus = bus();
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
fn a_paced_reader_is_sent_a_preview_once_it_has_seen_the_last() {
    let bus = bus();
    let job = JobId::new();
    let paced = reader(&bus);
    let filter = Filter {
        max_fps: 1_000_000,
        paced: true,
        ..of(job)
    };
    paced.1.follow(&filter, None);
    let told = || received(&paced.0).len();
    let publish = || {
        bus.publish(job, preview());
    };
    publish();
    publish();
    assert_eq!(told(), 1, "the second waits for a word about the first");
    publish();
    assert_eq!(told(), 0);
    paced.1.seen();
    publish();
    assert_eq!(told(), 1);
    assert_eq!(
        bus.demand(job).max_fps,
        1_000_000,
        "workers are asked for as many all the same"
    );
}

#[test]
fn readers_that_left_are_forgotten() {
    let bus = bus();
    let (mailbox, subscription) = reader(&bus);
    subscription.follow(&Filter::default(), None);
    let (closed, _still_here) = reader(&bus);
    _still_here.follow(&Filter::default(), None);
    closed.finish();
    drop(subscription);
    bus.publish(JobId::new(), notice("n"));
    assert_eq!(received(&mailbox), []);
    assert_eq!(bus.readers(), 0);
}

fn line(queued: u64) -> EventKind {
    EventKind::Line(LineStatus {
        queued,
        ..LineStatus::default()
    })
}

fn settings(complaint: &str) -> EventKind {
    let complaint = Some(complaint.to_owned());
    EventKind::Settings(SettingsChange { complaint })
}

#[test]
fn one_who_comes_late_is_told_how_things_stand_and_not_how_they_stood() {
    let bus = bus();
    for queued in 1..=3 {
        bus.publish(Subject::Queue, line(queued));
    }
    bus.publish(Subject::Settings, settings("no"));
    let (all, some, back, job) = (reader(&bus), reader(&bus), reader(&bus), reader(&bus));
    all.1.follow(&Filter::default(), None);
    assert_eq!(received(&all.0), [(3, line(3)), (4, settings("no"))]);
    let kinds = vec![EventName::Line];
    some.1.follow(
        &Filter {
            kinds,
            ..Filter::default()
        },
        None,
    );
    assert_eq!(received(&some.0), [(3, line(3))]);
    back.1.follow(&Filter::default(), Some(4));
    assert_eq!(received(&back.0), [(4, settings("no"))], "it knows the rest");
    job.1.follow(&of(JobId::new()), None);
    bus.publish(Subject::Queue, line(4));
    assert_eq!(received(&job.0), [], "that is of no job");
}

#[test]
fn what_stands_takes_no_room_from_what_must_arrive() {
    let bus = bus();
    let (mailbox, subscription) = reader(&bus);
    subscription.follow(&Filter::default(), None);
    bus.publish(Subject::Settings, settings("no"));
    let job = JobId::new();
    for queued in 0..10 * HISTORY as u64 {
        bus.publish(Subject::Queue, line(queued));
    }
    // So many jobs that progress makes room for progress.
    for _ in 0..HISTORY {
        bus.publish(JobId::new(), progress(Phase::Load));
    }
    bus.publish(job, notice("n"));
    let told: Vec<EventKind> = received(&mailbox).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(told[..2], [settings("no"), line(10 * HISTORY as u64 - 1)]);
    assert_eq!(told.last(), Some(&notice("n")));
}
