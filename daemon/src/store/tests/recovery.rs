//! What a restart finds.

use darkroom_protocol::JobState::{Cancelled, Done, Queued, Running};

use super::{Fixture, next, picture};
use crate::store::Store;

#[tokio::test]
async fn a_restart_finds_what_was_promised() {
    let f = Fixture::new();
    let path = f.dir.path().join("darkroom.db");
    let (done, running, ending, waiting) = (
        f.job_in(Done).await,
        f.job_in(Running).await,
        f.job_in(Running).await,
        f.job().await,
    );
    f.store.add_picture(&picture(running, 0), None).await.unwrap();
    f.store.cancel(ending, false).await.unwrap();
    // The first store is still open, as it is for a process that was killed: nothing was flushed on our account.
    let again = Store::open(&path).unwrap();
    assert_eq!(again.recover().await.unwrap(), [running]);
    let state = async |job| again.job(job).await.unwrap().unwrap().state;
    assert_eq!(state(done).await, Done);
    assert_eq!(state(running).await, Queued);
    assert_eq!(state(ending).await, Cancelled);
    assert_eq!(state(waiting).await, Queued);
    assert_eq!(again.recover().await.unwrap(), []);
    assert_eq!(again.job(running).await.unwrap().unwrap().pictures.len(), 1);
    assert_eq!(next(&again).await, Some(running));
}

#[tokio::test]
async fn the_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    let store = Store::open(&folder.join("darkroom.db")).unwrap();
    store.recover().await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in ["darkroom.db", "darkroom.db-wal", "darkroom.db-shm"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn the_log_stays_short_and_close_empties_it() {
    let f = Fixture::new();
    let log = f.dir.path().join("darkroom.db-wal");
    let mut longest = 0;
    for _ in 0..150 {
        f.job_in(Done).await;
        longest = longest.max(std::fs::metadata(&log).unwrap().len());
    }
    // 256 pages, and what one job writes beyond them.
    assert!(longest < 1_400_000, "{longest}");
    f.store.close().await.unwrap();
    let database = std::fs::read(f.dir.path().join("darkroom.db")).unwrap();
    let copy = f.dir.path().join("copy.db");
    std::fs::write(&copy, database).unwrap();
    assert_eq!(Store::open(&copy).unwrap().count(Done).await.unwrap(), 150);
}
