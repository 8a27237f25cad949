//! Databases of earlier releases are brought to this one's tables with everything in them.

use darkroom_protocol::JobState::{Cancelled, Done, Failed, Queued};
use darkroom_protocol::Task;
use darkroom_protocol::history::Query;

use super::{Fixture, next, page};
use crate::store::{Store, Wish};

/// Made by the first release: its jobs were done, failed, running when the daemon was killed, waiting, cancelled, waiting.
const VERSION_1: &[u8] = include_bytes!("fixtures/version1.db");

#[tokio::test]
async fn a_database_of_the_first_tables_keeps_its_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("darkroom.db");
    std::fs::write(&path, VERSION_1).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.recover().await.unwrap().len(), 1);
    let mut jobs = store.list(&[], page(10)).await.unwrap().jobs;
    jobs.reverse();
    let states: Vec<_> = jobs.iter().map(|job| job.state).collect();
    assert_eq!(states, [Done, Failed, Queued, Queued, Cancelled, Queued]);
    assert_eq!(jobs[0].pictures.len(), 2);
    let numbered = super::raw(&store, |c| {
        let mut statement = c.prepare("SELECT id, place, created_ms FROM pictures ORDER BY created_ms, id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<Vec<(i64, u32, i64)>>>()?)
    });
    // As they were made.
    let made = [(1, 0, 1_795_473_712_064), (2, 1, 1_795_473_712_077)];
    assert_eq!(numbered.await.unwrap(), made);
    // They are in history, with what their task says, and found by it.
    let query = Query::parse("ppl seed:3739219939", &crate::clock::now_in(None)).unwrap();
    let wish = Wish {
        query,
        limit: 9,
        ..Wish::default()
    };
    let kept = store.history(wish).await.unwrap().pictures;
    let Task::Image(made) = &jobs[0].task;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].id, &kept[0].prompt, &kept[0].model),
        (1, &made.what.prompt, &made.what.model)
    );
    let positions: Vec<_> = jobs.iter().map(|job| job.position).collect();
    assert_eq!(positions, [None, None, Some(0), Some(1), None, Some(2)]);
    let Task::Image(task) = &jobs[2].task;
    assert_eq!((task.sampling.seed, task.size.batch), (7, 3));

    let new = store
        .accept(uuid::Uuid::now_v7(), &super::request(), &super::task())
        .await
        .unwrap();
    assert_eq!(new.position, 3);
    store.move_to(jobs[5].id, crate::store::Spot::First).await.unwrap();
    assert_eq!(next(&store).await, Some(jobs[5].id));
    store.retry(jobs[1].id).await.unwrap();
    let line: Vec<_> = store
        .line(&[], page(10))
        .await
        .unwrap()
        .jobs
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(line, [jobs[5].id, jobs[2].id, jobs[3].id, new.job, jobs[1].id]);
}

#[tokio::test]
async fn an_old_and_a_new_database_have_the_same_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("darkroom.db");
    std::fs::write(&path, VERSION_1).unwrap();
    let schema = async |store: &Store| {
        super::raw(store, |c| {
            let mut statement = c.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
        .await
        .unwrap()
    };
    let old = schema(&Store::open(&path).unwrap()).await;
    assert_eq!(old, schema(&Fixture::new().store).await);
}
