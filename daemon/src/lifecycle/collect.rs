//! What nobody may need any more goes: logs of jobs, rows of jobs that were taken off the list, and pictures that are long in the
//! trash. At the daemon's start and every day; the settings say after how long. No other picture is ever removed.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use darkroom_protocol::JobId;

use crate::Result;
use crate::history;
use crate::server::Context;
use crate::settings::Keep;

const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Collects now and every day. Never returns.
pub async fn keep_collecting(context: &Context) {
    let mut day = tokio::time::interval(EVERY);
    loop {
        day.tick().await;
        if let Err(error) = collect(context).await {
            tracing::warn!("what is old cannot be removed: {error}");
        }
    }
}

async fn collect(context: &Context) -> Result<()> {
    let (settings, folder) = (context.settings.clone(), context.paths.job_logs());
    // Settings are a file, and may lie on a disk that hangs.
    let keep = tokio::task::spawn_blocking(move || settings.current().keep).await;
    let keep = keep.unwrap_or_default();
    let forgotten = forget(context, keep).await?;
    empty_trash(context, keep).await?;
    let unfinished: HashSet<JobId> = context.store.unfinished().await?.into_iter().collect();
    let (logs, rows) = (folder.clone(), forgotten.len());
    let removed = tokio::task::spawn_blocking(move || {
        let of_forgotten = forgotten.iter().map(|job| folder.join(format!("{job}.log")));
        of_forgotten.for_each(|path| drop(fs::remove_file(path)));
        prune(&folder, keep, SystemTime::now(), &unfinished)
    });
    let removed = removed.await.unwrap_or(0);
    if rows + removed > 0 {
        tracing::info!(
            rows,
            logs = removed,
            "what is old was removed from {}",
            crate::error::shown(&logs)
        );
    }
    Ok(())
}

/// Removes pictures for good that are long in the trash.
async fn empty_trash(context: &Context, keep: Keep) -> Result<()> {
    let Some(kept) = keep.trash.duration() else {
        return Ok(());
    };
    let before = crate::clock::now_ms().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
    let removed = history::empty(&context.store, &context.paths, &context.thumbnails, before).await?;
    if removed > 0 {
        tracing::info!(removed, "pictures that were long in the trash are gone");
    }
    Ok(())
}

/// Removes the rows whose time is over: whose.
async fn forget(context: &Context, keep: Keep) -> Result<Vec<JobId>> {
    let mut forgotten = Vec::new();
    let Some(before) = keep
        .cleared
        .duration()
        .and_then(|kept| SystemTime::now().checked_sub(kept))
    else {
        return Ok(forgotten);
    };
    let before = before
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    loop {
        let some = context.store.forget(before).await?;
        if some.is_empty() {
            return Ok(forgotten);
        }
        forgotten.extend(some);
    }
}

/// Removes logs that are too old, and the oldest of those that are too much together; never one of an unfinished job. Returns how
/// many went.
fn prune(folder: &Path, keep: Keep, now: SystemTime, unfinished: &HashSet<JobId>) -> usize {
    let live: HashSet<String> = unfinished.iter().map(|job| format!("{job}.log")).collect();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let known = |entry: fs::DirEntry| {
        let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let lives = live.contains(entry.file_name().to_str()?);
        Some((meta.modified().ok()?, lives, meta.len(), entry.path()))
    };
    let mut logs: Vec<(SystemTime, bool, u64, PathBuf)> = entries.filter_map(known).collect();
    logs.sort_unstable_by(|a, b| b.cmp(a));
    let (mut bytes, mut removed) = (0, 0);
    for (modified, lives, length, path) in logs {
        bytes += length;
        let age = now.duration_since(modified).unwrap_or_default();
        let old = keep.logs.duration().is_some_and(|kept| age > kept);
        if lives || !(old || bytes > keep.logs_bytes) {
            continue;
        }
        bytes -= length;
        match fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) => tracing::warn!("an old log cannot be removed: {error}"),
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::KeepAlive;

    /// A log of so many bytes that was written so many seconds after 1970.
    fn log(folder: &Path, name: &str, bytes: u64, at: u64) {
        let file = fs::File::create(folder.join(name)).unwrap();
        file.set_len(bytes).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(at)).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn old_logs_go_and_the_oldest_of_too_many_but_none_of_a_job_that_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let job = JobId::new();
        let live = format!("{job}.log");
        let keep = Keep {
            logs: KeepAlive::Seconds(100),
            logs_bytes: 25,
            ..Keep::default()
        };
        for (name, bytes, at) in [
            ("new", 10, 990),
            ("middle", 10, 980),
            ("older", 10, 970),
            ("old", 1, 800),
        ] {
            log(dir.path(), name, bytes, at);
        }
        log(dir.path(), &live, 1, 700);
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        assert_eq!(prune(dir.path(), keep, now, &HashSet::from([job])), 2);
        assert_eq!(names(dir.path()), [live.as_str(), "middle", "new"]);
        let forever = Keep {
            logs: KeepAlive::Forever,
            logs_bytes: u64::MAX,
            ..keep
        };
        assert_eq!(prune(dir.path(), forever, now, &HashSet::new()), 0);
        assert_eq!(prune(Path::new("/nowhere"), keep, now, &HashSet::new()), 0);
    }
}
