//! Changes that are committed together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use darkroom_protocol::JobState::{Cancelled, Done, Queued};
use uuid::Uuid;

use super::{Fixture, raw, request, task};
use crate::Error;

/// Keeps the store's thread busy until it is told to go on, so that what is asked meanwhile waits together.
fn busy(f: &Fixture) -> std::sync::mpsc::Sender<()> {
    let (go, wait) = std::sync::mpsc::channel();
    let asked = f.store.clone();
    let (began, begun) = std::sync::mpsc::channel();
    tokio::spawn(async move {
        asked
            .ask(move |_| {
                began.send(()).unwrap();
                // The sender may be dropped instead of used.
                let _ = wait.recv();
                Ok(())
            })
            .await
    });
    tokio::task::block_in_place(|| begun.recv()).unwrap();
    go
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_fails_undoes_only_itself() {
    let f = Fixture::new();
    let (first, done) = (f.job().await, f.job_in(Done).await);
    let go = busy(&f);
    let before = f.store.accept(Uuid::now_v7(), &request(), &task());
    let refused = {
        let store = f.store.clone();
        f.store
            .change(super::super::transaction::Durability::Durable, move |tx| {
                drop(store);
                tx.execute("UPDATE jobs SET priority = 7", [])?;
                Err::<(), _>(Error::BesideItself { job: first }.into())
            })
    };
    let broken = f.store.change(super::super::transaction::Durability::Relaxed, |tx| {
        tx.execute("UPDATE jobs SET priority = 8", [])?;
        tx.execute("UPDATE jobs SET state = 'nonsense'", [])?;
        Ok(())
    });
    let after = f.store.accept(Uuid::now_v7(), &request(), &task());
    drop(go);
    let (before, refused, broken, after) = tokio::join!(before, refused, broken, after);
    assert!(matches!(refused, Err(Error::BesideItself { .. })));
    assert!(matches!(broken, Err(Error::Database { .. })));
    assert_eq!((before.unwrap().position, after.unwrap().position), (1, 2));
    assert_eq!(f.store.count(Queued).await.unwrap(), 3);
    assert_eq!(f.store.job(done).await.unwrap().unwrap().priority, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_accepted_in_the_order_of_the_calls() {
    let f = Fixture::new();
    let go = busy(&f);
    let accepting: Vec<_> = (0..50)
        .map(|_| f.store.accept(Uuid::now_v7(), &request(), &task()))
        .collect();
    drop(go);
    let mut jobs = Vec::new();
    // Awaited the other way round.
    for accepting in accepting.into_iter().rev() {
        jobs.push(accepting.await.unwrap());
    }
    jobs.reverse();
    assert!(
        jobs.windows(2)
            .all(|pair| pair[0].job < pair[1].job && pair[0].place < pair[1].place)
    );
    assert!(jobs.iter().zip(0..).all(|(job, position)| job.position == position));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_an_answer_before_the_commit() {
    let f = Fixture::new();
    let job = f.job().await;
    let go = busy(&f);
    let committed = Arc::new(AtomicBool::new(false));
    let cancelling = tokio::spawn({
        let store = f.store.clone();
        async move { store.cancel(job, false).await }
    });
    let (began, begun) = std::sync::mpsc::channel();
    let slow = f.store.change(super::super::transaction::Durability::Relaxed, {
        let committed = committed.clone();
        move |_| {
            began.send(()).unwrap();
            committed.store(true, Ordering::SeqCst);
            Ok(())
        }
    });
    drop(go);
    slow.await.unwrap();
    begun.recv().unwrap();
    assert_eq!(cancelling.await.unwrap().unwrap().now, Cancelled);
    assert!(committed.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_is_told_to_everybody_and_the_next_one_works() {
    let f = Fixture::new();
    f.job().await;
    f.sql("PRAGMA max_page_count = 1").await;
    let go = busy(&f);
    let long = darkroom_protocol::GenerateRequest {
        prompt: Some("x".repeat(60_000)),
        ..request()
    };
    let accepting: Vec<_> = (0..3).map(|_| f.store.accept(Uuid::now_v7(), &long, &task())).collect();
    drop(go);
    for accepting in accepting {
        let error = accepting.await.unwrap_err().to_string();
        assert!(error.contains("the disk is full"), "{error}");
    }
    f.sql("PRAGMA max_page_count = 1000000").await;
    let counted = raw(&f.store, |c| {
        Ok(c.query_row("SELECT sum(jobs) FROM waiting", [], |row| row.get::<_, u32>(0))?)
    });
    assert_eq!(counted.await.unwrap(), 1);
    f.job().await;
    assert_eq!(f.store.count(Queued).await.unwrap(), 2);
}
