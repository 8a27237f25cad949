//! Folders are walked through: pictures that nobody knows come into history, files that were away are found again by their hashes,
//! and rows whose file is not where it was are said to be missing. One part of a walk is done at a time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::history::Scanned;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;

use super::{read, walk};
use crate::Result;
use crate::store::{Store, Taken};

/// A part of a walk ends after this time, or a little later.
const PART: Duration = Duration::from_secs(2);
/// Files that are looked at between two looks at the clock.
const SOME: usize = 32;
/// Rows whose files are looked for between two looks at the clock.
const ROWS: u32 = 500;
/// A file of the gallery that is younger may be on its way to its row.
const YOUNG: Duration = Duration::from_secs(600);
/// So often watched folders are walked through.
const WATCH: Duration = Duration::from_secs(60);

/// Takes pictures of `folder` into history where they lie, from the place `from` on.
///
/// # Errors
/// Where it is no folder that can be read; when the database fails.
pub async fn import(store: &Store, folder: &str, watch: bool, from: Option<&str>) -> Result<Scanned, RemoteError> {
    let path = PathBuf::from(folder);
    let shown = escape_line(folder).into_owned();
    if !path.is_absolute() {
        return Err(RemoteError::usage(format!(
            "folder must be an absolute path, not {shown}."
        )));
    }
    if from.is_none() {
        let looked = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || std::fs::read_dir(path).map(drop)).await
        };
        if let Ok(Err(error)) = looked {
            return Err(RemoteError::usage(format!(
                "The folder {shown} cannot be read: {error}."
            )));
        }
        store.note_folder(folder, watch).await?;
    }
    let mut scanned = Scanned::default();
    let last = files(store, &path, from.map(PathBuf::from), None, &mut scanned).await?;
    scanned.next = last;
    Ok(scanned)
}

/// Looks where files are, from the place `from` on: first of all rows, then in the gallery and in the folders that were imported.
///
/// # Errors
/// For a place that is none; when the database fails.
pub async fn scan(store: &Store, paths: &Paths, from: Option<&str>) -> Result<Scanned, RemoteError> {
    let place = from.unwrap_or("rows:0");
    let wrong = || RemoteError::usage("from is the `next` of the answer before: leave it out to begin.");
    let (kind, rest) = place.split_once(':').ok_or_else(wrong)?;
    let mut scanned = Scanned::default();
    if kind == "rows" {
        let after = rest.parse().map_err(|_| wrong())?;
        let next = rows(store, after, &mut scanned).await?;
        scanned.next = Some(next.map_or_else(|| "files:0:".to_owned(), |id| format!("rows:{id}")));
        return Ok(scanned);
    }
    let (nth, path) = rest.split_once(':').filter(|_| kind == "files").ok_or_else(wrong)?;
    let nth: usize = nth.parse().map_err(|_| wrong())?;
    let mut folders = vec![(paths.pictures(), Some(YOUNG))];
    let imported = store.folders().await?;
    folders.extend(imported.into_iter().map(|(path, _)| (PathBuf::from(path), None)));
    let Some((folder, young)) = folders.get(nth) else {
        return Ok(scanned);
    };
    let from = (!path.is_empty()).then(|| PathBuf::from(path));
    let last = files(store, folder, from, *young, &mut scanned).await?;
    scanned.next = match last {
        Some(last) => Some(format!("files:{nth}:{last}")),
        None => (nth + 1 < folders.len()).then(|| format!("files:{}:", nth + 1)),
    };
    Ok(scanned)
}

/// Walks through watched folders from time to time. Never returns.
pub async fn keep_watching(store: &Store) {
    let mut due = tokio::time::interval(WATCH);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        if let Err(error) = look(store).await {
            tracing::warn!("watched folders cannot be looked at: {error}");
        }
    }
}

async fn look(store: &Store) -> Result<()> {
    for (folder, watched) in store.folders().await? {
        let (mut from, mut whole) = (None, Scanned::default());
        loop {
            if !watched {
                break;
            }
            from = files(store, Path::new(&folder), from, None, &mut whole)
                .await?
                .map(PathBuf::from);
            if from.is_none() {
                break;
            }
        }
        if whole.added + whole.found > 0 {
            tracing::info!(
                added = whole.added,
                found = whole.found,
                "pictures came into {}",
                escape_line(&folder)
            );
        }
    }
    Ok(())
}

/// Looks for the files of rows, after this one: the last that was looked at, where there are more.
async fn rows(store: &Store, mut after: u64, scanned: &mut Scanned) -> Result<Option<u64>> {
    let begun = Instant::now();
    loop {
        let places = store.places(after, ROWS).await?;
        let Some((last, ..)) = places.last() else {
            return Ok(None);
        };
        after = *last;
        let looked = tokio::task::spawn_blocking(move || {
            let is_there = |path: &str, bytes: u64| Path::new(path).metadata().is_ok_and(|meta| meta.len() == bytes);
            let states = places
                .into_iter()
                .map(|(id, path, bytes, was)| (id, !is_there(&path, bytes), was));
            states.collect::<Vec<_>>()
        });
        let Ok(states) = looked.await else {
            return Ok(Some(after));
        };
        let changed = |missing: bool| states.iter().filter(move |(_, now, was)| *now == missing && now != was);
        let (lost, back): (Vec<u64>, Vec<u64>) = (
            changed(true).map(|(id, ..)| *id).collect(),
            changed(false).map(|(id, ..)| *id).collect(),
        );
        scanned.kept += states.iter().filter(|(_, now, was)| !now && !was).count() as u64;
        scanned.missing += store.note_missing(lost, true).await?;
        scanned.found += store.note_missing(back, false).await?;
        if begun.elapsed() > PART {
            return Ok(Some(after));
        }
    }
}

/// Takes files of a folder in, after the path `from`: the last that was looked at, where there are more. Those younger than `young`
/// are left for another time.
async fn files(
    store: &Store,
    folder: &Path,
    mut from: Option<PathBuf>,
    young: Option<Duration>,
    scanned: &mut Scanned,
) -> Result<Option<String>> {
    let begun = Instant::now();
    loop {
        let (own, after) = (folder.to_owned(), from.take());
        let walked = tokio::task::spawn_blocking(move || listed(&own, after.as_deref(), young));
        let Ok((last, paths)) = walked.await else {
            return Ok(None);
        };
        let Some(last) = last else { return Ok(None) };
        some(store, paths, scanned).await?;
        if begun.elapsed() > PART {
            // A name that cannot be told is gone past, with whatever has the same beginning.
            return Ok(Some(last.to_string_lossy().into_owned()));
        }
        from = Some(last);
    }
}

/// The last file of a part, and those of it that are to be looked at, each with its bytes.
fn listed(folder: &Path, from: Option<&Path>, young: Option<Duration>) -> (Option<PathBuf>, Vec<(PathBuf, u64)>) {
    let paths = walk::next(folder, from, SOME);
    let last = paths.last().cloned();
    let now = SystemTime::now();
    let settled = paths.into_iter().filter_map(|path| {
        let meta = path.metadata().ok()?;
        let age = meta.modified().ok().and_then(|at| now.duration_since(at).ok());
        let is_settled = young.is_none_or(|young| age.is_some_and(|age| age > young));
        (meta.is_file() && is_settled).then_some((path, meta.len()))
    });
    (last, settled.collect())
}

/// Takes in those of some files that are not known.
async fn some(store: &Store, paths: Vec<(PathBuf, u64)>, scanned: &mut Scanned) -> Result<()> {
    let named: Vec<(String, u64)> = paths
        .iter()
        .map(|(path, bytes)| (path.to_string_lossy().into_owned(), *bytes))
        .collect();
    let known = store.known_paths(named).await?;
    scanned.kept += known.iter().filter(|known| **known).count() as u64;
    let unknown: Vec<PathBuf> = paths
        .into_iter()
        .zip(known)
        .filter(|(_, known)| !known)
        .map(|((path, _), _)| path)
        .collect();
    let reading = tokio::task::spawn_blocking(move || {
        let read = unknown.into_iter().map(|path| (read::read(&path), path));
        read.collect::<Vec<_>>()
    });
    let mut found = Vec::new();
    for (read, path) in reading.await.unwrap_or_default() {
        match read {
            Ok(picture) => found.push(picture),
            Err(why) => {
                scanned.unreadable_all += 1;
                if scanned.unreadable.len() < Scanned::NAMED {
                    scanned.unreadable.push((path.to_string_lossy().into_owned(), why));
                }
            }
        }
    }
    for picture in &found {
        note_moved(store, &picture.sha256, &picture.path).await?;
    }
    for taken in store.import(found).await? {
        match taken {
            Taken::Added => scanned.added += 1,
            Taken::Found => scanned.found += 1,
            Taken::Known => scanned.kept += 1,
        }
    }
    Ok(())
}

/// Notes that the picture with these bytes is missing, where its row leads to another path and nothing is there.
async fn note_moved(store: &Store, sha256: &str, path: &str) -> Result<()> {
    let Some((id, at, _)) = store.with_hash(sha256).await? else {
        return Ok(());
    };
    if at != path && !tokio::fs::try_exists(&at).await.unwrap_or(true) {
        store.note_missing(vec![id], true).await?;
    }
    Ok(())
}
