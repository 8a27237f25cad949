//! Readers beside the writer: neither waits for the other, and what is read is what was told.

use std::sync::mpsc::{Sender, channel};

use darkroom_protocol::JobState::{Done, Queued, Running};
use uuid::Uuid;

use super::super::transaction::Durability;
use super::{Fixture, page, picture, raw, request, task};
use crate::store::{Committed, log, readers};

/// A read that lasts until what this gives is dropped. It runs when this returns.
fn long_read(f: &Fixture) -> Sender<()> {
    let (go, wait) = channel::<()>();
    let (began, begun) = channel();
    let store = f.store.clone();
    tokio::spawn(async move {
        store
            .read(move |c| {
                c.query_row("SELECT count(*) FROM jobs", [], |_| Ok(()))?;
                began.send(()).unwrap();
                let _ = wait.recv();
                Ok(())
            })
            .await
    });
    tokio::task::block_in_place(|| begun.recv()).unwrap();
    go
}

/// A change that stands in its transaction until what this gives is dropped, as on a disk that does not answer.
fn long_change(f: &Fixture) -> Sender<()> {
    let (go, wait) = channel::<()>();
    let (began, begun) = channel();
    let change = f.store.change(Durability::Durable, move |tx| {
        tx.execute("UPDATE jobs SET priority = 7", [])?;
        began.send(()).unwrap();
        let _ = wait.recv();
        Ok(())
    });
    tokio::spawn(change);
    tokio::task::block_in_place(|| begun.recv()).unwrap();
    go
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_take_long_delay_no_change() {
    let f = Fixture::new();
    let first = f.job().await;
    let reads: Vec<_> = (0..readers::AT_ONCE).map(|_| long_read(&f)).collect();
    let second = f.store.accept(Uuid::now_v7(), &request(), &task()).await.unwrap().job;
    f.store.start(first).await.unwrap();
    f.store.finish(first, Done, None).await.unwrap();
    assert_eq!(f.store.cancel_all().await.unwrap().len(), 1);
    drop(reads);
    assert_eq!(f.store.count(Queued).await.unwrap(), 0);
    assert_eq!(f.store.job(second).await.unwrap().unwrap().id, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_leaves_way_for_another() {
    let f = Fixture::new();
    f.job().await;
    let _long = long_read(&f);
    assert_eq!(f.store.list(&[], page(9)).await.unwrap().jobs.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_waits_for_the_disk_delays_no_read() {
    let f = Fixture::new();
    let job = f.job_in(Running).await;
    f.store.add_picture(&picture(job, 0), None).await.unwrap();
    let go = long_change(&f);
    let accepting = f.store.accept(Uuid::now_v7(), &request(), &task());
    // What is committed, and nothing of what is not.
    assert_eq!(f.store.list(&[], page(9)).await.unwrap().jobs.len(), 1);
    assert_eq!(f.store.line(&[], page(9)).await.unwrap().jobs[0].priority, 0);
    assert_eq!(f.store.find(&job.short()).await.unwrap(), job);
    assert_eq!(f.store.job(job).await.unwrap().unwrap().pictures, [picture(job, 0)]);
    assert_eq!(f.store.count(Queued).await.unwrap(), 0);
    assert!(f.store.waiting().await.unwrap().is_empty() && !f.store.paused().await.unwrap());
    drop(go);
    let accepted = accepting.await.unwrap().job;
    assert_eq!(f.store.find(&accepted.short()).await.unwrap(), accepted);
    assert_eq!(f.store.job(job).await.unwrap().unwrap().priority, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_of_one_moment() {
    let f = Fixture::new();
    f.job().await;
    let (go, wait) = channel::<()>();
    let (began, begun) = channel();
    let store = f.store.clone();
    let counting = tokio::spawn(async move {
        let read = store.read(move |c| {
            let count = || c.query_row("SELECT count(*) FROM jobs", [], |row| row.get::<_, u32>(0));
            let before = count()?;
            began.send(()).unwrap();
            let _ = wait.recv();
            Ok((before, count()?))
        });
        read.await.unwrap()
    });
    tokio::task::block_in_place(|| begun.recv()).unwrap();
    f.job().await;
    drop(go);
    assert_eq!(counting.await.unwrap(), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_told_of_a_change_sees_it() {
    let f = Fixture::new();
    for n in 1..=50 {
        let job = f.job().await;
        assert_eq!(f.store.find(&job.short()).await.unwrap(), job);
        assert_eq!(f.store.count(Queued).await.unwrap(), 1);
        f.store.start(job).await.unwrap();
        assert_eq!(f.state(job).await, Running);
        f.store.finish(job, Done, None).await.unwrap();
        assert_eq!((f.state(job).await, f.store.count(Done).await.unwrap()), (Done, n));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_seen_was_told_before() {
    let f = Fixture::new();
    let mut news = f.store.follow().await.unwrap().news;
    let store = f.store.clone();
    let accepting = tokio::spawn(async move {
        for _ in 0..200 {
            store.accept(Uuid::now_v7(), &request(), &task()).await.unwrap();
        }
    });
    let (mut told, mut seen) = (0, 0);
    while seen < 200 {
        seen = f.store.count(Queued).await.unwrap();
        while let Ok(Committed::Waits(..)) = news.try_recv() {
            told += 1;
        }
        assert!(told >= seen, "{seen} seen, {told} told");
    }
    accepting.await.unwrap();
}

#[tokio::test]
async fn a_reader_cannot_write_and_says_what_failed() {
    let f = Fixture::new();
    f.job().await;
    let refused = f.store.read(|c| Ok(c.execute("DELETE FROM jobs", [])?)).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("cannot be written"), "{message}");
    f.sql("ALTER TABLE jobs RENAME COLUMN model TO moodel").await;
    let message = f.store.waiting().await.unwrap_err().to_string();
    assert!(
        message.contains("darkroom.db: ") && message.contains("please report it"),
        "{message}"
    );
    f.sql("ALTER TABLE jobs RENAME COLUMN moodel TO model").await;
    assert_eq!(f.store.waiting().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_read_that_panics_is_lost_alone() {
    let f = Fixture::new();
    for _ in 0..=readers::AT_ONCE {
        let lost = f.store.read::<(), _>(|_| panic!("a test")).await;
        assert!(matches!(lost, Err(crate::Error::StoreEnded)));
    }
    f.job().await;
    assert_eq!(f.store.count(Queued).await.unwrap(), 1);
}

/// A reader that never pauses keeps the log from beginning anew, up to a length at which it is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_readers_keep_from_ending_is_begun_anew() {
    let f = Fixture::new();
    f.job().await;
    f.sql("CREATE TABLE filler (bytes BLOB)").await;
    let file = f.dir.path().join("darkroom.db-wal");
    let length = || std::fs::metadata(&file).unwrap().len();
    let mut long = long_read(&f);
    // A page in the log has a header, and the log has one.
    let endless = 32 + log::ENDLESS as u64 * (4096 + 24);
    while length() <= endless {
        let grown = f.store.change(Durability::Relaxed, |tx| {
            tx.execute("INSERT INTO filler VALUES (zeroblob(2000000))", [])?;
            Ok(())
        });
        grown.await.unwrap();
        // There is always one that reads, until the log is so long that nobody may begin to.
        if length() <= endless {
            long = long_read(&f);
        }
    }
    drop(long);
    f.job().await;
    raw(&f.store, |_| Ok(())).await.unwrap();
    assert!(length() <= 8 << 20, "{}", length());
    assert_eq!(f.store.count(Queued).await.unwrap(), 2);
}

#[tokio::test]
async fn the_last_one_takes_the_log_away() {
    let f = Fixture::new();
    f.job().await;
    f.store.list(&[], page(1)).await.unwrap();
    let log = f.dir.path().join("darkroom.db-wal");
    assert!(log.exists());
    let Fixture { dir: _dir, store } = f;
    drop(store);
    while log.exists() {
        tokio::task::yield_now().await;
    }
}
