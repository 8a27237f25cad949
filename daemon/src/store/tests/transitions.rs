//! Moves of one job: the legal ones hold, the others are refused.

use darkroom_protocol::JobState::{Cancelled, Cancelling, Done, Failed, Queued, Running};
use darkroom_protocol::{JobId, JobState};
use rstest::rstest;
use uuid::Uuid;

use super::{Fixture, failure, picture, raw, request, task};
use crate::Error;
use crate::store::Start;

#[tokio::test]
async fn a_life_from_request_to_picture() {
    let f = Fixture::new();
    let job = f.job().await;
    let waiting = f.store.job(job).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.attempts, waiting.started_ms), (Queued, 0, None));
    assert_eq!((waiting.request, waiting.task), (request(), task()));

    assert_eq!(f.store.start(job).await.unwrap(), Start::Begun);
    f.store.add_picture(&picture(job, 1), None).await.unwrap();
    f.store.add_picture(&picture(job, 0), None).await.unwrap();
    let running = f.store.job(job).await.unwrap().unwrap();
    assert_eq!((running.state, running.attempts), (Running, 1));
    assert_eq!(running.pictures, [picture(job, 0), picture(job, 1)]);

    f.store.finish(job, Done, None).await.unwrap();
    let done = f.store.job(job).await.unwrap().unwrap();
    assert_eq!((done.state, done.failure), (Done, None));
    assert!(done.created_ms <= done.started_ms.unwrap() && done.started_ms <= done.finished_ms);
}

#[tokio::test]
async fn the_same_request_twice_is_one_job() {
    let f = Fixture::new();
    f.job().await;
    let id = Uuid::now_v7();
    let first = f.store.accept(id, &request(), &task()).await.unwrap();
    let again = f.store.accept(id, &request(), &task()).await.unwrap();
    assert!(first.fresh && !again.fresh);
    assert_eq!((first.job, first.position), (again.job, again.position));
    assert_eq!(f.store.count(Queued).await.unwrap(), 2);
    f.store.start(first.job).await.unwrap();
    let later = f.store.accept(id, &request(), &task()).await.unwrap();
    assert_eq!((later.job, later.position), (first.job, 0));
}

#[tokio::test]
async fn only_a_waiting_job_starts() {
    let f = Fixture::new();
    for state in JobState::ALL {
        let job = f.job_in(state).await;
        let expected = if state == Queued { Start::Begun } else { Start::Gone };
        assert_eq!(f.store.start(job).await.unwrap(), expected, "{state:?}");
        let now = if state == Queued { Running } else { state };
        assert_eq!(f.state(job).await, now);
    }
}

#[tokio::test]
async fn only_a_running_job_returns_to_the_queue() {
    let f = Fixture::new();
    for state in JobState::ALL {
        let job = f.job_in(state).await;
        let result = f.store.requeue(job).await;
        if state.is_in_work() {
            // One whose end was asked for is not made again.
            let expected = if state == Running { Queued } else { Cancelled };
            assert_eq!(result.unwrap(), expected);
        } else {
            assert!(matches!(result, Err(Error::IllegalMove { .. })), "{state:?}");
            assert_eq!(f.state(job).await, state);
        }
    }
}

#[tokio::test]
async fn every_end_is_legal_or_refused_in_words() {
    let f = Fixture::new();
    for before in JobState::ALL {
        for end in JobState::ALL {
            let job = f.job_in(before).await;
            let result = f.store.finish(job, end, Some(failure())).await;
            let legal = match before {
                Queued => matches!(end, Failed | Cancelled),
                Running | Cancelling => end.is_final(),
                Done | Failed | Cancelled => false,
            };
            assert_eq!(result.is_ok(), legal, "{before:?} → {end:?}");
            assert_eq!(f.state(job).await, if legal { end } else { before });
            let stored = f.store.job(job).await.unwrap().unwrap();
            assert_eq!(stored.failure.is_some(), stored.state == Failed);
            assert_eq!(stored.finished_ms.is_some(), stored.state.is_final());
        }
    }
    let job = f.job_in(Done).await;
    let message = f.store.finish(job, Failed, None).await.unwrap_err().to_string();
    assert_eq!(message, format!("Job {} is done: it cannot fail.", job.short()));
}

#[rstest]
#[case(Queued, Cancelled)]
#[case(Running, Cancelling)]
#[case(Cancelling, Cancelling)]
#[case(Done, Done)]
#[case(Failed, Failed)]
#[case(Cancelled, Cancelled)]
#[tokio::test]
async fn cancel_ends_what_waits_and_marks_what_runs(#[case] before: JobState, #[case] now: JobState) {
    let f = Fixture::new();
    let job = f.job_in(before).await;
    let cancelled = f.store.cancel(job, false).await.unwrap();
    assert_eq!((cancelled.before, cancelled.now), (before, now));
    assert_eq!(f.state(job).await, now);
    if before.is_in_work() {
        assert_eq!(f.store.requeue(job).await.unwrap(), Cancelled);
    }
}

#[tokio::test]
async fn the_second_crash_fails_the_job() {
    let f = Fixture::new();
    let job = f.job_in(Running).await;
    assert_eq!(f.store.crash(job, failure()).await.unwrap(), Queued);
    assert_eq!(f.store.start(job).await.unwrap(), Start::Begun);
    assert_eq!(f.store.requeue(job).await.unwrap(), Queued);
    assert_eq!(f.store.start(job).await.unwrap(), Start::Begun);
    assert_eq!(f.store.crash(job, failure()).await.unwrap(), Failed);
    let job = f.store.job(job).await.unwrap().unwrap();
    assert_eq!((job.attempts, job.failure), (3, Some(failure())));
}

#[tokio::test]
async fn a_crash_ends_a_job_that_was_to_be_cancelled() {
    let f = Fixture::new();
    let job = f.job_in(Running).await;
    f.store.cancel(job, false).await.unwrap();
    assert_eq!(f.store.crash(job, failure()).await.unwrap(), Cancelled);
}

#[tokio::test]
async fn pictures_belong_to_running_jobs_and_are_replaced_not_doubled() {
    let f = Fixture::new();
    for state in JobState::ALL {
        let job = f.job_in(state).await;
        assert_eq!(
            f.store.add_picture(&picture(job, 0), None).await.is_ok(),
            state.is_in_work()
        );
    }
    let job = f.job_in(Running).await;
    f.store.add_picture(&picture(job, 0), None).await.unwrap();
    let ids = async || {
        let read = raw(&f.store, |c| {
            let mut statement = c.prepare("SELECT id FROM pictures ORDER BY id")?;
            let rows = statement.query_map([], |row| row.get::<_, i64>(0))?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        });
        read.await.unwrap()
    };
    let before = ids().await;
    let mut newer = picture(job, 0);
    newer.elapsed_ms = 99;
    f.store.add_picture(&newer, None).await.unwrap();
    assert_eq!(ids().await, before, "made anew it is the same picture");
    assert_eq!(f.store.job(job).await.unwrap().unwrap().pictures, [newer]);
}

#[tokio::test]
async fn an_unknown_job_is_no_job() {
    let f = Fixture::new();
    let job = JobId::new();
    let unknown = |r: Result<(), Error>| matches!(r, Err(Error::NoSuchJob { .. }));
    assert!(unknown(f.store.start(job).await.map(drop)));
    assert!(unknown(f.store.requeue(job).await.map(drop)));
    assert!(unknown(f.store.cancel(job, false).await.map(drop)));
    assert!(unknown(f.store.crash(job, failure()).await.map(drop)));
    assert!(unknown(f.store.finish(job, Done, None).await));
    assert!(unknown(f.store.add_picture(&picture(job, 0), None).await));
    assert_eq!(f.store.job(job).await.unwrap(), None);
}
