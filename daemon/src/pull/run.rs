//! A pull from its question to its place: resolved, its licence asked for, fetched and read behind, compared, moved where it belongs in
//! one step. On a thread of its own, which may block. What it has done is kept before it goes on (`record.rs`), so that the daemon may
//! die anywhere: the next one begins here again, with blocks that are here already.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use darkroom_protocol::hash::hex;
use darkroom_protocol::message::pull::PullState;
use darkroom_protocol::text::escape_line;
use rustix::fs::{CWD, RenameFlags};
use sha2::{Digest as _, Sha256};

use super::entry::{Entry, Stop, sweep};
use super::record::{Piece, Plan, Record};
use super::resolve::{refusal, resolve};
use super::transfer::{Transfer, Wanted, free};
use super::web::Web;
use super::what::What;
use super::{Shared, target};
use crate::Error;

/// Read in pieces of so many bytes.
const PIECE: usize = 1 << 20;
/// What a disk keeps free for others.
const SPARE: u64 = 64 << 20;

/// Moves a pull along until it is done, asks something, fails or is ended.
pub(super) fn run(shared: &Arc<Shared>, entry: &Arc<Entry>) {
    loop {
        let end = entry.held().end.clone();
        once(shared, entry, &end);
        let mut held = entry.held();
        if !(std::mem::take(&mut held.once_more) && goes_on(&held.record)) {
            held.running = false;
            return;
        }
        held.end = Arc::new(AtomicBool::new(false));
    }
}

/// One go at it.
fn once(shared: &Arc<Shared>, entry: &Arc<Entry>, end: &Arc<AtomicBool>) {
    let outcome = match shared.slot(end) {
        Some(_slot) => along(shared, entry, end),
        None => Err(Stop::Ended),
    };
    let mut held = entry.held();
    held.transfer = None;
    // Threads that still wait for a server find out.
    let was_ended = end.swap(true, Ordering::Relaxed);
    if held.record.state == PullState::Cancelled {
        sweep(&held.record);
    }
    if let Err(Stop::Failed(what)) = outcome
        && !was_ended
    {
        tracing::warn!(pull = held.record.id, "{what}");
        held.record.state = PullState::Failed;
        held.record.problem = Some(what);
        if let Err(error) = held.record.save(&shared.folder) {
            tracing::warn!("{error}");
        }
    }
}

fn along(shared: &Arc<Shared>, entry: &Arc<Entry>, end: &Arc<AtomicBool>) -> Result<(), Stop> {
    let plan = planned(shared, entry, end)?;
    if plan.terms.is_some() && !shared.accepted(entry, &plan) {
        return entry.update(&shared.folder, |record| record.state = PullState::Asks);
    }
    let record = entry.record();
    let workshop = record.workshop().unwrap_or_default();
    // Between the move to its place and the word of it the daemon may have died.
    let is_placed = record.checked.iter().all(|checked| *checked) && !source(&plan, &workshop).exists();
    if !(is_placed && plan.target.exists()) {
        if fs::symlink_metadata(&plan.target).is_ok() {
            return Err(occupied(&plan.target).into());
        }
        entry.update(&shared.folder, |record| record.state = PullState::Fetching)?;
        fetch(shared, entry, &plan, &workshop, end)?;
        place(entry, &plan, &workshop)?;
    }
    let _ = fs::remove_dir_all(&workshop);
    entry.update(&shared.folder, |record| {
        record.state = PullState::Done;
        (record.notice, record.problem) = (None, None);
    })?;
    tracing::info!(pull = record.id, "{} is here", crate::error::shown(&plan.target));
    shared.tell_settings();
    Ok(())
}

/// The plan: the one that is kept, else what the hub says now.
fn planned(shared: &Arc<Shared>, entry: &Arc<Entry>, end: &AtomicBool) -> Result<Plan, Stop> {
    let before = entry.record();
    if let Some(plan) = before.plan.clone().filter(|_| !before.again) {
        return Ok(plan);
    }
    entry.update(&shared.folder, |record| record.state = PullState::Resolving)?;
    let web = web(shared, entry);
    let what = What::parse(&before.what, &web.keys().hub, &web.keys().civitai).map_err(Stop::Failed)?;
    let resolved = resolve(&web, &what, &shared.tuning, end);
    if end.load(Ordering::Relaxed) {
        return Err(Stop::Ended);
    }
    let mut plan = resolved?;
    if plan.files.is_empty() {
        return Err(Stop::Failed(format!(
            "{} consists of no files.",
            What::shown(&before.what)
        )));
    }
    plan.target = target::of(&plan, before.to.as_deref(), &shared.settings.current(), &shared.paths)?;
    // Another content than what was begun with: nothing of that can be used.
    if before.plan.as_ref().is_some_and(|old| *old != plan) {
        sweep(&before);
    }
    let same = before.plan.as_ref() == Some(&plan);
    entry.update(&shared.folder, |record| {
        if !same {
            record.checked = vec![false; plan.files.len()];
        }
        record.again = false;
        record.plan = Some(plan.clone());
    })?;
    Ok(plan)
}

fn web(shared: &Shared, entry: &Entry) -> Web {
    let held = entry.held();
    Web::new(super::keys::keys(&held.access, &held.record), &shared.tuning)
}

/// Brings all files into the workshop, whole and compared.
fn fetch(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    plan: &Plan,
    workshop: &Path,
    end: &Arc<AtomicBool>,
) -> Result<(), Stop> {
    let checked = entry.record().checked;
    let left: Vec<usize> = (0..plan.files.len())
        .filter(|at| !checked.get(*at).is_some_and(|checked| *checked))
        .collect();
    let io = |path: &Path, e: std::io::Error| Stop::Failed(Error::io("write", path, e).to_string());
    let marks = workshop.join("marks");
    fs::create_dir_all(&marks).map_err(|e| io(&marks, e))?;
    let wanted = left.iter().map(|at| {
        let piece = &plan.files[*at];
        Wanted {
            name: piece.path.clone(),
            url: piece.url.clone(),
            size: piece.size,
            etag: piece.etag.clone(),
            path: workshop.join("files").join(&piece.path),
            marks: marks.join(at.to_string()),
        }
    });
    let transfer = Transfer::open(web(shared, entry), shared.tuning.clone(), wanted.collect(), end.clone())?;
    let transfer = Arc::new(transfer);
    room(plan, &left, &transfer, workshop)?;
    {
        let mut held = entry.held();
        if end.load(Ordering::Relaxed) {
            return Err(Stop::Ended);
        }
        held.transfer = Some(transfer.clone());
    }
    transfer
        .start()
        .map_err(|e| Stop::Failed(format!("The system gives no thread to fetch with: {e}.")))?;
    for (file, at) in left.iter().enumerate() {
        let piece = &plan.files[*at];
        let sum = read_behind(&transfer, file, piece, plan, entry)?;
        if let Some(wanted) = piece.sha256.as_ref().filter(|wanted| **wanted != sum) {
            transfer.forget(file);
            return Err(Stop::Failed(format!(
                "{} does not have the SHA-256 that is published for it ({wanted}), but {sum}: it was spoiled on the way, or replaced. Pull \
                 it again; nothing of it is used.",
                escape_line(&piece.path)
            )));
        }
        transfer
            .content(file)
            .sync_all()
            .map_err(|e| io(&workshop.join(&piece.path), e))?;
        entry.update(&shared.folder, |record| {
            if let Some(checked) = record.checked.get_mut(*at) {
                *checked = true;
            }
        })?;
    }
    Ok(())
}

/// The sum of a file, read as it comes.
fn read_behind(transfer: &Transfer, file: usize, piece: &Piece, plan: &Plan, entry: &Entry) -> Result<String, Stop> {
    let mut sum = Sha256::new();
    let mut at = 0;
    let mut buffer = vec![0; PIECE];
    let failed = |problem| match problem {
        None => Stop::Ended,
        Some(problem) => {
            let record = entry.record();
            let keys = super::keys::keys(&entry.held().access, &record);
            let repo = match What::parse(&record.what, &keys.hub, &keys.civitai) {
                Ok(What::Hub { repo, .. }) => Some(repo),
                _ => None,
            };
            let shown = if plan.folder {
                piece.path.clone()
            } else {
                What::shown(&record.what)
            };
            Stop::Failed(refusal(problem, &keys, &escape_line(&shown), repo.as_deref()))
        }
    };
    loop {
        let (front, size) = transfer.front(file, at).map_err(failed)?;
        while at < front {
            let most = (front - at).min(PIECE as u64) as usize;
            let read = transfer.content(file).read_exact_at(&mut buffer[..most], at);
            read.map_err(|e| Stop::Failed(Error::io("read", Path::new(&piece.path), e).to_string()))?;
            sum.update(&buffer[..most]);
            at += most as u64;
        }
        if size == Some(at) {
            return Ok(hex(sum.finalize()));
        }
    }
}

/// Whether the disk has room for what is still to come.
fn room(plan: &Plan, left: &[usize], transfer: &Transfer, workshop: &Path) -> Result<(), Stop> {
    let sizes = left.iter().filter_map(|at| plan.files[*at].size);
    let needed = sizes.fold(0u64, u64::saturating_add).saturating_sub(transfer.done());
    let Some(free) = free(workshop) else { return Ok(()) };
    if needed == 0 || needed.saturating_add(SPARE) <= free {
        return Ok(());
    }
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64);
    Err(Stop::Failed(format!(
        "{} has {} free, and {} are still to come: free some space, or pull with --to on another disk.",
        crate::error::shown(workshop.parent().unwrap_or(workshop)),
        gib(free),
        gib(needed)
    )))
}

/// Moves what was fetched where it belongs: in one step, and never over something else.
fn place(entry: &Entry, plan: &Plan, workshop: &Path) -> Result<(), Stop> {
    let from = source(plan, workshop);
    let io = |e| Stop::Failed(Error::io("move", &plan.target, e).to_string());
    let folders: BTreeSet<PathBuf> = plan
        .files
        .iter()
        .filter_map(|file| Some(workshop.join("files").join(&file.path).parent()?.to_owned()))
        .collect();
    for folder in folders {
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    }
    // Whoever ends it meanwhile waits for this.
    let held = entry.held();
    if held.end.load(Ordering::Relaxed) {
        return Err(Stop::Ended);
    }
    match rustix::fs::renameat_with(CWD, &from, CWD, &plan.target, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOTEMPTY) => return Err(occupied(&plan.target).into()),
        // File systems that cannot promise it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            if fs::symlink_metadata(&plan.target).is_ok() {
                return Err(occupied(&plan.target).into());
            }
            fs::rename(&from, &plan.target).map_err(io)?;
        }
        Err(error) => return Err(io(error.into())),
    }
    let parent = plan.target.parent().unwrap_or(&plan.target);
    // So that what is done next finds only what is gone from here.
    let _ = fs::remove_dir_all(workshop.join("files"));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(io)
}

/// What is moved: the folder of all files, or the one file.
fn source(plan: &Plan, workshop: &Path) -> PathBuf {
    let files = workshop.join("files");
    match (plan.folder, plan.files.first()) {
        (false, Some(file)) => files.join(&file.path),
        _ => files,
    }
}

fn occupied(target: &Path) -> String {
    format!(
        "{} is there already: move it away, or pull with another --to.",
        crate::error::shown(target)
    )
}

/// What a daemon that begins does with a record.
pub(super) fn goes_on(record: &Record) -> bool {
    !(record.state.is_final() || record.state == PullState::Asks)
}
