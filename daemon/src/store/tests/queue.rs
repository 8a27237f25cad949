//! What people do to the queue.

use darkroom_protocol::JobState::{Cancelled, Cancelling, Done, Failed, Queued, Running};
use darkroom_protocol::event::QueueChange;
use darkroom_protocol::{JobId, JobState};
use proptest::prelude::*;
use rstest::rstest;

use super::{Fixture, failure, next, page, picture, raw, task};
use crate::Error;
use crate::store::{Cursor, Part, Spot, Start, Store};

async fn line(f: &Fixture) -> Vec<JobId> {
    let jobs = f.store.line(&[], page(1000)).await.unwrap().jobs;
    jobs.into_iter().map(|job| job.id).collect()
}

async fn jobs<const N: usize>(f: &Fixture) -> [JobId; N] {
    let mut jobs = [JobId::new(); N];
    for job in &mut jobs {
        *job = f.job().await;
    }
    jobs
}

#[tokio::test]
async fn priority_then_moves_then_age() {
    let f = Fixture::new();
    let [a, b, c, d] = jobs(&f).await;
    let change = |priority, position| QueueChange {
        priority,
        held: false,
        position: Some(position),
    };
    assert_eq!(f.store.prioritise(c, 5).await.unwrap(), change(5, 0));
    assert_eq!(line(&f).await, [c, a, b, d]);
    assert_eq!(f.store.move_to(d, Spot::Before(b)).await.unwrap().change, change(0, 2));
    assert_eq!(line(&f).await, [c, a, d, b]);
    // Beside a job of another priority it takes that one.
    assert_eq!(f.store.move_to(b, Spot::After(c)).await.unwrap().change, change(5, 1));
    assert_eq!(f.store.move_to(a, Spot::First).await.unwrap().change, change(5, 0));
    assert_eq!(line(&f).await, [a, c, b, d]);
    assert_eq!(f.store.move_to(c, Spot::Last).await.unwrap().change, change(0, 3));
    let e = f.job().await;
    assert_eq!(line(&f).await, [a, b, d, c, e]);
    f.store.move_to(b, Spot::After(e)).await.unwrap();
    assert_eq!(line(&f).await, [a, d, c, e, b]);
    assert_eq!(f.store.prioritise(a, -100).await.unwrap(), change(-100, 4));
}

#[tokio::test]
async fn moves_outlast_a_start_a_return_and_a_restart() {
    let f = Fixture::new();
    let [a, b, c] = jobs(&f).await;
    f.store.move_to(c, Spot::First).await.unwrap();
    assert_eq!(f.store.start(c).await.unwrap(), Start::Begun);
    let d = f.job().await;
    f.store.move_to(d, Spot::Before(a)).await.unwrap();
    f.store.hold(b, true).await.unwrap();
    f.store.pause(true).await.unwrap();
    let again = Store::open(&f.dir.path().join("darkroom.db")).unwrap();
    again.recover().await.unwrap();
    assert!(again.paused().await.unwrap());
    let jobs = again.line(&[], page(9)).await.unwrap().jobs;
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(ids, [c, d, a, b]);
    let positions: Vec<_> = jobs.iter().map(|job| (job.held, job.position)).collect();
    assert_eq!(
        positions,
        [(false, Some(0)), (false, Some(1)), (false, Some(2)), (true, None)]
    );
}

#[tokio::test]
async fn a_place_between_two_is_found_however_often() {
    let f = Fixture::new();
    let [a, b, c] = jobs(&f).await;
    let mut redrawn = 0;
    for _ in 0..100 {
        // Each moves between the other and `c`, where the gap halves.
        redrawn += u32::from(f.store.move_to(a, Spot::Before(c)).await.unwrap().redrawn);
        assert_eq!(line(&f).await, [b, a, c]);
        redrawn += u32::from(f.store.move_to(b, Spot::Before(c)).await.unwrap().redrawn);
        assert_eq!(line(&f).await, [a, b, c]);
    }
    assert!((2..20).contains(&redrawn), "{redrawn}");
    let d = f.job().await;
    assert_eq!(line(&f).await, [a, b, c, d]);
}

#[tokio::test]
async fn only_waiting_jobs_have_a_place() {
    let f = Fixture::new();
    let waiting = f.job().await;
    for state in [Running, Cancelling, Done, Failed, Cancelled] {
        let job = f.job_in(state).await;
        let refusals = [
            f.store.prioritise(job, 1).await.map(drop),
            f.store.hold(job, true).await.map(drop),
            f.store.move_to(job, Spot::First).await.map(drop),
            f.store.move_to(waiting, Spot::After(job)).await.map(drop),
        ];
        assert!(
            refusals.iter().all(|r| matches!(r, Err(Error::IllegalMove { .. }))),
            "{refusals:?}"
        );
    }
    let beside = f.store.move_to(waiting, Spot::Before(waiting)).await;
    assert!(matches!(beside, Err(Error::BesideItself { .. })));
    let nobody = f.store.move_to(waiting, Spot::Before(JobId::new())).await;
    assert!(matches!(nobody, Err(Error::NoSuchJob { .. })));
}

#[tokio::test]
async fn what_is_held_back_does_not_start_and_keeps_its_place() {
    let f = Fixture::new();
    let [a, b] = jobs(&f).await;
    let held = f.store.hold(a, true).await.unwrap();
    assert_eq!((held.held, held.position), (true, None));
    assert_eq!(f.store.start(a).await.unwrap(), Start::Gone);
    assert_eq!(next(&f.store).await, Some(b));
    assert_eq!(f.store.job(b).await.unwrap().unwrap().position, Some(0));
    assert_eq!(f.store.hold(a, false).await.unwrap().position, Some(0));
    assert_eq!(line(&f).await, [a, b]);
    f.store.hold(b, true).await.unwrap();
    f.store.cancel(b, false).await.unwrap();
    assert_eq!(f.state(b).await, Cancelled);
}

#[tokio::test]
async fn nothing_starts_while_the_queue_is_paused() {
    let f = Fixture::new();
    let job = f.job().await;
    f.store.pause(true).await.unwrap();
    assert_eq!(f.store.start(job).await.unwrap(), Start::Paused);
    assert_eq!(f.state(job).await, Queued);
    f.store.pause(false).await.unwrap();
    assert_eq!(f.store.start(job).await.unwrap(), Start::Begun);
}

#[rstest]
#[case(Failed)]
#[case(Cancelled)]
#[tokio::test]
async fn retry_starts_anew_and_keeps_pictures(#[case] end: JobState) {
    let f = Fixture::new();
    let job = f.job_in(Running).await;
    f.store.crash(job, failure()).await.unwrap();
    f.store.start(job).await.unwrap();
    f.store.add_picture(&picture(job, 0), None).await.unwrap();
    if end == Cancelled {
        f.store.cancel(job, false).await.unwrap();
    }
    f.store.finish(job, end, Some(failure())).await.unwrap();
    f.store.clear(&[end]).await.unwrap();
    let other = f.job().await;
    assert_eq!(f.store.retry(job).await.unwrap().position, Some(1));
    assert_eq!(line(&f).await, [other, job]);
    let again = f.store.job(job).await.unwrap().unwrap();
    assert_eq!((again.state, again.attempts, again.failure), (Queued, 0, None));
    assert_eq!((again.started_ms, again.finished_ms), (None, None));
    assert_eq!(again.pictures, [picture(job, 0)]);
    // Crashes are counted anew, and no cancel is left over.
    f.store.start(job).await.unwrap();
    assert_eq!(f.store.crash(job, failure()).await.unwrap(), Queued);
}

#[rstest]
#[case(Done, "is done: it cannot be tried again: `darkroom generate` makes new pictures.")]
#[case(
    Running,
    "is running: it cannot be tried again before it has ended: `darkroom wait` watches it."
)]
#[tokio::test]
async fn what_has_not_failed_is_not_retried(#[case] state: JobState, #[case] message: &str) {
    let f = Fixture::new();
    let job = f.job_in(state).await;
    let error = f.store.retry(job).await.unwrap_err().to_string();
    assert_eq!(error, format!("Job {} {message}", job.short()));
}

#[rstest]
#[case(
    Running,
    "is running: it cannot be moved or held back: `darkroom cancel --after-picture` ends it with the pictures that it has."
)]
#[case(
    Failed,
    "is failed: it cannot be moved or held back: `darkroom queue retry` puts it into the queue again."
)]
#[case(Done, "is done: it cannot be moved or held back.")]
#[tokio::test]
async fn what_does_not_wait_is_not_held_back(#[case] state: JobState, #[case] message: &str) {
    let f = Fixture::new();
    let job = f.job_in(state).await;
    let error = f.store.hold(job, true).await.unwrap_err().to_string();
    assert_eq!(error, format!("Job {} {message}", job.short()));
}

#[tokio::test]
async fn what_is_cleared_leaves_the_list_and_nothing_else() {
    let f = Fixture::new();
    let [waiting] = jobs(&f).await;
    let (done, failed) = (f.job_in(Running).await, f.job_in(Failed).await);
    f.store.add_picture(&picture(done, 0), None).await.unwrap();
    f.store.finish(done, Done, None).await.unwrap();
    assert_eq!(f.store.clearable(&[Done, Queued]).await.unwrap(), (1, 2));
    assert_eq!(f.store.clear(&[Done, Queued]).await.unwrap(), (1, 2));
    let listed = async || -> Vec<JobId> {
        let jobs = f.store.list(&[], page(9)).await.unwrap().jobs;
        jobs.into_iter().map(|job| job.id).collect()
    };
    assert_eq!(listed().await, [failed, waiting]);
    assert_eq!(f.store.job(done).await.unwrap().unwrap().pictures.len(), 1);
    assert_eq!(f.store.clear(&JobState::ALL).await.unwrap(), (1, 1));
    assert_eq!(f.store.clear(&JobState::ALL).await.unwrap(), (0, 1));
    assert_eq!(listed().await, [waiting]);
}

#[tokio::test]
async fn all_are_cancelled_at_once() {
    let f = Fixture::new();
    let [a, b] = jobs(&f).await;
    let (running, done) = (f.job_in(Running).await, f.job_in(Done).await);
    let found = f.store.cancel_all().await.unwrap();
    let found: Vec<_> = found.into_iter().map(|(job, c)| (job, c.now)).collect();
    assert_eq!(found, [(a, Cancelled), (b, Cancelled), (running, Cancelling)]);
    assert_eq!((f.state(a).await, f.state(done).await), (Cancelled, Done));
    assert_eq!(f.store.requeue(running).await.unwrap(), Cancelled);
    assert_eq!(f.store.cancel_all().await.unwrap(), []);
}

#[tokio::test]
async fn the_line_comes_in_pages() {
    let f = Fixture::new();
    let [a, b, c, d] = jobs(&f).await;
    f.store.start(c).await.unwrap();
    f.store.move_to(d, Spot::First).await.unwrap();
    let ids = async |after, limit| -> Vec<(JobId, Option<u32>)> {
        let part = Part {
            after: Option::map(after, Cursor::Job),
            ..page(limit)
        };
        let jobs = f.store.line(&[], part).await.unwrap().jobs;
        jobs.into_iter().map(|job| (job.id, job.position)).collect()
    };
    assert_eq!(ids(None, 2).await, [(c, None), (d, Some(1))]);
    assert_eq!(ids(Some(d), 9).await, [(a, Some(2)), (b, Some(3))]);
    assert_eq!(ids(Some(b), 9).await, []);
    let waiting = f.store.line(&[Queued], page(1)).await.unwrap();
    assert_eq!(waiting.jobs[0].id, d);
}

/// What people and workers may do to a store of a few jobs, named by when they came.
#[derive(Clone, Debug)]
enum Act {
    Submit(i32),
    Prioritise(usize, i32),
    Move(usize, u8, usize),
    Hold(usize, bool),
    Cancel(usize),
    Start,
    Requeue(usize),
    Finish(usize),
    Retry(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let job = 0usize..8;
    prop_oneof![
        4 => (-2i32..3).prop_map(Act::Submit),
        1 => (job.clone(), -2i32..3).prop_map(|(job, priority)| Act::Prioritise(job, priority)),
        3 => (job.clone(), 0u8..4, job.clone()).prop_map(|(job, how, other)| Act::Move(job, how, other)),
        1 => (job.clone(), any::<bool>()).prop_map(|(job, held)| Act::Hold(job, held)),
        1 => job.clone().prop_map(Act::Cancel),
        3 => Just(Act::Start),
        1 => job.clone().prop_map(Act::Requeue),
        1 => job.clone().prop_map(Act::Finish),
        1 => job.prop_map(Act::Retry),
    ]
}

/// Does it; what the rules refuse is refused and changes nothing.
async fn perform(store: &Store, jobs: &mut Vec<JobId>, act: &Act) {
    let job = |at: &usize| jobs.get(*at).copied().unwrap_or_default();
    let result = match act {
        Act::Submit(priority) => {
            let request = darkroom_protocol::GenerateRequest {
                priority: Some(*priority),
                ..super::request()
            };
            let accepted = store
                .accept(uuid::Uuid::now_v7(), &request, &super::task())
                .await
                .unwrap();
            jobs.push(accepted.job);
            Ok(())
        }
        Act::Prioritise(at, priority) => store.prioritise(job(at), *priority).await.map(drop),
        Act::Move(at, 0, _) => store.move_to(job(at), Spot::First).await.map(drop),
        Act::Move(at, 1, _) => store.move_to(job(at), Spot::Last).await.map(drop),
        Act::Move(at, 2, other) => store.move_to(job(at), Spot::Before(job(other))).await.map(drop),
        Act::Move(at, _, other) => store.move_to(job(at), Spot::After(job(other))).await.map(drop),
        Act::Hold(at, held) => store.hold(job(at), *held).await.map(drop),
        Act::Cancel(at) => store.cancel(job(at), false).await.map(drop),
        Act::Start => {
            if let Some(next) = next(store).await {
                assert_eq!(store.start(next).await.unwrap(), Start::Begun);
            }
            Ok(())
        }
        Act::Requeue(at) => store.requeue(job(at)).await.map(drop),
        Act::Finish(at) => store.finish(job(at), Done, None).await,
        Act::Retry(at) => store.retry(job(at)).await.map(drop),
    };
    let refused = |e: &Error| {
        matches!(
            e,
            Error::NoSuchJob { .. } | Error::IllegalMove { .. } | Error::BesideItself { .. }
        )
    };
    assert!(result.as_ref().err().is_none_or(refused), "{act:?}: {result:?}");
}

/// The list, the positions one by one, what dispatch is told and the counts agree.
async fn check(store: &Store) {
    let listed = store.line(&[Queued], page(100)).await.unwrap().jobs;
    let waiting = store.waiting().await.unwrap();
    let ids: Vec<JobId> = listed.iter().map(|job| job.id).collect();
    assert_eq!(waiting.iter().map(|w| w.job).collect::<Vec<_>>(), ids);
    assert!(waiting.is_sorted_by_key(|w| (std::cmp::Reverse(w.priority), w.place)));
    let mut next = (store.count(Running).await.unwrap() + store.count(Cancelling).await.unwrap()) as u32;
    for job in &listed {
        let expected = (!job.held).then_some(next);
        next += u32::from(!job.held);
        assert_eq!(job.position, expected);
        assert_eq!(store.job(job.id).await.unwrap().unwrap().position, expected);
    }
    let free = listed.iter().filter(|job| !job.held).count() as u32;
    let counted = raw(store, |c| {
        Ok(c.query_row("SELECT coalesce(sum(jobs), 0) FROM waiting", [], |row| {
            row.get::<_, u32>(0)
        })?)
    });
    assert_eq!(counted.await.unwrap(), free);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_people_do_there_is_one_order(acts in proptest::collection::vec(act(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let f = Fixture::new();
            let mut jobs = Vec::new();
            for act in &acts {
                perform(&f.store, &mut jobs, act).await;
                check(&f.store).await;
            }
        });
    }
}

#[tokio::test]
async fn what_has_ended_is_listed_by_its_end() {
    let f = Fixture::new();
    let jobs: [JobId; 4] = jobs(&f).await;
    let [a, b, c, waiting] = jobs;
    for (job, end, at) in [(c, Done, 100), (a, Failed, 200), (b, Done, 150)] {
        f.store.start(job).await.unwrap();
        f.store.finish(job, end, (end == Failed).then(failure)).await.unwrap();
        let sql = format!("UPDATE jobs SET finished_ms = {at} WHERE id = '{}'", job.0.simple());
        raw(&f.store, move |c| Ok(c.execute_batch(&sql)?)).await.unwrap();
    }
    let ended = async |states: &[JobState], after, limit| -> Vec<JobId> {
        let part = Part {
            after: Option::map(after, Cursor::Job),
            ..page(limit)
        };
        let jobs = f.store.ended(states, part).await.unwrap().jobs;
        jobs.into_iter().map(|job| job.id).collect()
    };
    assert_eq!(ended(&[], None, 9).await, [a, b, c]);
    assert_eq!(ended(&[], Some(a), 1).await, [b]);
    assert_eq!(ended(&[Done, Queued], None, 9).await, [b, c]);
    assert_eq!(ended(&[], Some(waiting), 9).await, []);
}

#[tokio::test]
async fn the_pace_is_told_by_what_was_done() {
    let f = Fixture::new();
    let [a, b, waiting] = jobs(&f).await;
    for job in [a, b] {
        f.store.start(job).await.unwrap();
        f.store.finish(job, Done, None).await.unwrap();
    }
    f.sql("UPDATE jobs SET started_ms = 1000, finished_ms = 3000 WHERE state = 'done'")
        .await;
    f.store.clear(&[Done]).await.unwrap();
    let measured = f.store.measured().await.unwrap();
    assert_eq!(measured.len(), 2);
    assert_eq!((measured[0].model.as_str(), measured[0].seconds), ("emoji", 2.0));
    assert_eq!(measured[0].work, crate::forecast::work(&task()));
    let ahead = f.store.ahead(9).await.unwrap();
    assert_eq!(
        (ahead.len(), ahead[0].job, ahead[0].work),
        (1, waiting, measured[0].work)
    );
}
