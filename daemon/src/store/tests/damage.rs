//! Files that are no database, or a damaged one, or cannot be written.

use std::path::{Path, PathBuf};

use darkroom_protocol::JobState::{Done, Queued};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, JobState};
use tempfile::TempDir;

use super::{Fixture, raw};
use crate::store::{Start, Store};

/// The sentence with which a file is refused, without its folder.
fn refusal(dir: &TempDir, path: &Path) -> String {
    let error = Store::open(path).unwrap_err();
    assert_eq!(
        RemoteError::from(Store::open(path).unwrap_err()).kind,
        FailureKind::Disk
    );
    error.to_string().replace(&format!("{}/", dir.path().display()), "")
}

async fn filled() -> (TempDir, PathBuf) {
    let f = Fixture::new();
    for _ in 0..40 {
        f.job_in(Done).await;
    }
    raw(&f.store, |c| {
        Ok(c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    })
    .await
    .unwrap();
    let path = f.dir.path().join("darkroom.db");
    (f.dir, path)
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("darkroom.db");
    std::fs::write(&path, "dear diary ".repeat(1000)).unwrap();
    insta::assert_snapshot!(refusal(&dir, &path), @"darkroom.db: is not a database: move it away, and a new one is made. Pictures stay where they are.");
}

#[tokio::test]
async fn a_damaged_file() {
    let (dir, path) = filled().await;
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in &mut bytes[4096..20480] {
        *byte = 0xa5;
    }
    std::fs::write(&path, bytes).unwrap();
    let message = refusal(&dir, &path);
    assert!(message.starts_with("darkroom.db: is damaged ("), "{message}");
    assert!(
        message.contains("move darkroom.db, darkroom.db-wal and darkroom.db-shm away"),
        "{message}"
    );
}

#[tokio::test]
async fn a_cut_file() {
    let (dir, path) = filled().await;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refusal(&dir, &path).contains("is damaged"));
}

#[tokio::test]
async fn a_newer_database() {
    let (dir, path) = filled().await;
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    insta::assert_snapshot!(refusal(&dir, &path), @"darkroom.db: was written by a newer darkroom (its tables are version 99, this one knows 9): install that release again, or set DARKROOM_HOME to another folder.");
}

#[tokio::test]
async fn another_programs_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("darkroom.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    insta::assert_snapshot!(refusal(&dir, &path), @"darkroom.db: is another program's database: set DARKROOM_HOME to another folder.");
}

#[tokio::test]
async fn a_folder_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("darkroom.db");
    std::fs::create_dir(&path).unwrap();
    assert!(refusal(&dir, &path).starts_with("darkroom.db: cannot be written ("));
}

#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    let f = Fixture::new();
    f.job().await;
    f.sql("PRAGMA max_page_count = 1").await;
    let request = darkroom_protocol::GenerateRequest {
        prompt: Some("x".repeat(60_000)),
        ..super::request()
    };
    let id = uuid::Uuid::now_v7();
    let error = f.store.accept(id, &request, &super::task()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the disk is full: free some space and try again."),
        "{error}"
    );
    assert_eq!(f.store.count(Queued).await.unwrap(), 1);
    f.sql("PRAGMA max_page_count = 1000000").await;
    assert!(f.store.accept(id, &request, &super::task()).await.unwrap().fresh);
    assert_eq!(f.store.count(Queued).await.unwrap(), 2);
}

#[tokio::test]
async fn a_read_only_database_is_said_and_survived() {
    let f = Fixture::new();
    let job = f.job().await;
    f.sql("PRAGMA query_only = 1").await;
    let error = f
        .store
        .finish(job, JobState::Cancelled, None)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("make the file and its folder yours and writable"),
        "{error}"
    );
    f.sql("PRAGMA query_only = 0").await;
    assert_eq!(f.store.start(job).await.unwrap(), Start::Begun);
}

#[tokio::test]
async fn the_schema_refuses_what_no_transition_makes() {
    let f = Fixture::new();
    f.job().await;
    for sql in [
        "UPDATE jobs SET state = 'paused'",
        "UPDATE jobs SET state = 'failed'",
        "UPDATE jobs SET finished_ms = 1",
        "UPDATE jobs SET task = 'no json'",
        "INSERT INTO picture_tags VALUES (77, 'of no picture')",
    ] {
        assert!(
            raw(&f.store, move |c| Ok(c.execute_batch(sql)?)).await.is_err(),
            "{sql}"
        );
    }
}
