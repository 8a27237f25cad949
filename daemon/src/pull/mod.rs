//! Models fetched from hubs and addresses, on threads of their own, kept over restarts: `darkroom pull`. The only room of Darkroom from
//! which anything goes to another machine, and only when somebody asks for that (`web.rs`; a test holds it).
//!
//! A pull is a record on disk (`record.rs`), resolved once into files with sizes and sums (`resolve.rs`), whose blocks are fetched side by
//! side (`transfer.rs`) into a hidden folder beside their place, read and compared as they come, and moved there in one step (`run.rs`).
//! The verbs of `server/verbs/pull.rs` call [`Pulls`]; where no daemon runs, `lifecycle/kept.rs` calls [`at_rest`] and [`cancel_at_rest`].

mod choose;
mod civitai;
mod entry;
mod keys;
mod listing;
mod marks;
mod names;
mod record;
mod resolve;
mod run;
mod target;
mod transfer;
mod tuning;
mod web;
mod what;

#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use darkroom_protocol::files;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::pull::{Access, Pull, PullAsk, PullState};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;
use uuid::Uuid;

use crate::settings::Live;
use entry::Entry;
use record::{Plan, Record};
pub(crate) use tuning::Tuning;
use what::What;

pub use keys::OfEnvironment;
pub use names::{NAMES, Name};

/// Pulls that are not done yet; more are refused.
const MOST: usize = 100;
/// Who waits for a turn looks so often whether it still should.
const LOOK: Duration = Duration::from_millis(100);

/// All pulls of a daemon. Its methods write files and may block for a moment.
pub(crate) struct Pulls {
    shared: Arc<Shared>,
    entries: Mutex<Vec<Arc<Entry>>>,
}

/// What every pull needs.
struct Shared {
    /// Where records are.
    folder: PathBuf,
    paths: Paths,
    settings: Arc<Live>,
    tuning: Tuning,
    /// How many run.
    running: Mutex<usize>,
    freed: Condvar,
    runtime: tokio::runtime::Handle,
}

/// A turn, until it is dropped.
struct Slot<'a>(&'a Shared);

impl std::fmt::Debug for Pulls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulls")
            .field("folder", &self.shared.folder)
            .finish_non_exhaustive()
    }
}

impl Pulls {
    /// Those that are kept. What was on its way goes on.
    pub fn start(paths: &Paths, settings: Arc<Live>, tuning: Tuning) -> Self {
        let shared = Shared {
            folder: paths.pulls(),
            paths: paths.clone(),
            settings,
            tuning,
            running: Mutex::new(0),
            freed: Condvar::new(),
            runtime: tokio::runtime::Handle::current(),
        };
        let mut records = record::load(&shared.folder);
        for old in record::surplus(&records) {
            old.remove(&shared.folder);
            records.retain(|record| record.id != old.id);
        }
        let entries = records
            .into_iter()
            .map(|record| Arc::new(Entry::new(record, Access::default())));
        let pulls = Self {
            shared: Arc::new(shared),
            entries: Mutex::new(entries.collect()),
        };
        let interrupted: Vec<Arc<Entry>> = pulls
            .entries()
            .iter()
            .filter(|entry| run::goes_on(&entry.record()))
            .cloned()
            .collect();
        for entry in interrupted {
            pulls.spawn(&entry);
        }
        pulls
    }

    /// Takes a pull, which is durable then, or goes on with one that is known.
    ///
    /// # Errors
    /// `Usage` for what names nothing, `Disk` where it cannot be kept.
    pub fn ask(&self, ask: PullAsk) -> Result<Pull, RemoteError> {
        let mut entries = self.entries();
        let known = entries.iter().rev().find(|entry| {
            let record = entry.record();
            record.what == ask.what && record.to == ask.to && !is_over(&record)
        });
        if let Some(entry) = known.cloned() {
            self.again(&entry, ask)?;
            return Ok(entry.shown());
        }
        let record = Record {
            id: id(),
            what: ask.what,
            to: ask.to,
            accept: ask.accept,
            hub: ask.access.hub.clone(),
            civitai: ask.access.civitai.clone(),
            created_ms: crate::clock::now_ms(),
            ..Record::default()
        };
        let keys = keys::keys(&ask.access, &record);
        What::parse(&record.what, &keys.hub, &keys.civitai).map_err(RemoteError::usage)?;
        let open = entries.iter().filter(|entry| !entry.record().state.is_final()).count();
        if open >= MOST {
            return Err(RemoteError::usage(format!(
                "{open} pulls wait already: let some end first."
            )));
        }
        record.save(&self.shared.folder)?;
        let entry = Arc::new(Entry::new(record, ask.access));
        entries.push(entry.clone());
        drop(entries);
        self.spawn(&entry);
        Ok(entry.shown())
    }

    /// Goes on with a pull that asks something or has failed.
    fn again(&self, entry: &Arc<Entry>, ask: PullAsk) -> Result<(), RemoteError> {
        let mut held = entry.held();
        let goes_on = match held.record.state {
            PullState::Asks => ask.accept,
            PullState::Failed => true,
            _ => false,
        };
        held.access = ask.access;
        if !goes_on {
            return Ok(());
        }
        let mut record = held.record.clone();
        record.again = record.state == PullState::Failed;
        record.state = PullState::Waiting;
        (record.problem, record.notice) = (None, None);
        record.accept |= ask.accept;
        record.hub = held.access.hub.clone().or(record.hub);
        record.civitai = held.access.civitai.clone().or(record.civitai);
        record.save(&self.shared.folder)?;
        held.record = record;
        drop(held);
        self.spawn(entry);
        Ok(())
    }

    /// All of them, the newest first.
    pub fn list(&self) -> Vec<Pull> {
        let entries: Vec<Arc<Entry>> = self.entries().clone();
        entries.iter().rev().map(|entry| entry.shown()).collect()
    }

    /// Ends a pull, and removes what was fetched of it.
    ///
    /// # Errors
    /// `Usage` where no pull, or more than one, is called so.
    pub fn cancel(&self, name: &str) -> Result<Pull, RemoteError> {
        let entries: Vec<Arc<Entry>> = self.entries().clone();
        let records: Vec<Record> = entries.iter().map(|entry| entry.record()).collect();
        let entry = &entries[named(&records, name)?];
        entry.cancel(&self.shared.folder)?;
        self.shared.freed.notify_all();
        Ok(entry.shown())
    }

    /// Nothing more is begun. Threads end by themselves, and the next daemon goes on.
    pub fn stop(&self) {
        for entry in self.entries().iter() {
            entry.held().end.store(true, Ordering::Relaxed);
        }
    }

    /// Gives the pull a thread, where it has none.
    fn spawn(&self, entry: &Arc<Entry>) {
        let end = Arc::new(AtomicBool::new(false));
        {
            let mut held = entry.held();
            if held.running {
                // It has said how it ended, and is about to go.
                held.once_more = true;
                return;
            }
            held.running = true;
            held.end = end;
        }
        let (shared, own) = (self.shared.clone(), entry.clone());
        let begun = std::thread::Builder::new()
            .name("pulls".into())
            .spawn(move || run::run(&shared, &own));
        if let Err(error) = begun {
            let mut held = entry.held();
            held.running = false;
            held.record.state = PullState::Failed;
            held.record.problem = Some(format!("The system gives no thread to fetch with: {error}."));
        }
    }

    /// A poisoned lock still guards a whole list.
    fn entries(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Waits for a turn; `None` when somebody ends it meanwhile.
    fn slot(&self, end: &AtomicBool) -> Option<Slot<'_>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if end.load(Ordering::Relaxed) {
                return None;
            }
            if *running < self.tuning.at_once {
                *running += 1;
                return Some(Slot(self));
            }
            running = self
                .freed
                .wait_timeout(running, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Whether the licence of the plan was accepted, now or before. What is accepted is remembered.
    fn accepted(&self, entry: &Entry, plan: &Plan) -> bool {
        let path = self.folder.join("accepted");
        // Which repository, and which licence: another one is asked for again.
        let line = plan.terms.as_deref().unwrap_or_default().replace('\n', " ");
        let known = files::read_text(&path, 1 << 20).unwrap_or_default();
        if known.lines().any(|known| known == line) {
            return true;
        }
        if !entry.record().accept {
            return false;
        }
        let mut options = std::fs::OpenOptions::new();
        let kept = options
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{line}"));
        if let Err(error) = kept {
            tracing::warn!("{} cannot be written: {error}", crate::error::shown(&path));
        }
        true
    }

    /// There may be a folder of models now where none was.
    fn tell_settings(&self) {
        let settings = self.settings.clone();
        self.runtime.spawn(async move { settings.reload().await });
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = running.saturating_sub(1);
        drop(running);
        self.0.freed.notify_all();
    }
}

/// Whether the same question means a new pull: it was cancelled, or what it brought is gone.
fn is_over(record: &Record) -> bool {
    match record.state {
        PullState::Cancelled => true,
        PullState::Done => record.plan.as_ref().is_none_or(|plan| !plan.target.exists()),
        _ => false,
    }
}

/// Eight letters and digits that no other pull has.
fn id() -> String {
    let whole = Uuid::now_v7().simple().to_string();
    whole[whole.len() - 8..].to_owned()
}

/// The place of the pull that `name` means: its id or the beginning of that, or what was asked for; an open one before ended ones.
fn named(records: &[Record], name: &str) -> Result<usize, RemoteError> {
    let name = name.trim();
    let fits = |record: &Record| (!name.is_empty() && record.id.starts_with(name)) || record.what == name;
    let all: Vec<usize> = (0..records.len()).filter(|at| fits(&records[*at])).collect();
    let open = all
        .iter()
        .copied()
        .filter(|at| !matches!(records[*at].state, PullState::Done | PullState::Cancelled));
    let open: Vec<usize> = open.collect();
    let found = if open.is_empty() { &all } else { &open };
    match found.as_slice() {
        [at] => Ok(*at),
        [] => Err(RemoteError::usage(format!(
            "There is no pull {}: `darkroom pull --list` lists them.",
            escape_line(name)
        ))),
        several => {
            let ids: Vec<&str> = several.iter().map(|at| records[*at].id.as_str()).collect();
            Err(RemoteError::usage(format!(
                "Several pulls may be meant: {}.",
                ids.join(", ")
            )))
        }
    }
}

/// The pulls as a daemon that has ended left them, the newest first.
pub(crate) fn at_rest(paths: &Paths) -> Vec<Pull> {
    let shown = |record: &Record| {
        let mut pull = record.shown();
        if run::goes_on(record) {
            pull.state = PullState::Waiting;
            pull.notice = Some("It goes on when a daemon runs.".to_owned());
        }
        pull
    };
    record::load(&paths.pulls()).iter().rev().map(shown).collect()
}

/// As [`Pulls::cancel`], where no daemon runs.
///
/// # Errors
/// As there.
pub(crate) fn cancel_at_rest(paths: &Paths, name: &str) -> Result<Pull, RemoteError> {
    let folder = paths.pulls();
    let mut records = record::load(&folder);
    let at = named(&records, name)?;
    let entry = Entry::new(records.swap_remove(at), Access::default());
    entry.cancel(&folder)?;
    Ok(entry.shown())
}
