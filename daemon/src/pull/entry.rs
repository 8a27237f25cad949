//! One pull in the daemon: its record, the transfer while its files come, and who may change it. `mod.rs` keeps all of them, `run.rs`
//! moves one along. A record is changed under its lock and written before the change counts; one that was cancelled stays so.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use darkroom_protocol::message::pull::{Access, Pull, PullState};

use super::record::Record;
use super::transfer::Transfer;

/// A pull.
pub(super) struct Entry {
    held: Mutex<Held>,
}

pub(super) struct Held {
    pub record: Record,
    /// What the command brought; never written.
    pub access: Access,
    /// Whether a thread moves it along.
    pub running: bool,
    /// Whether that thread is to begin once more when it is done.
    pub once_more: bool,
    /// Tells that thread, and those that it started, to leave it.
    pub end: Arc<AtomicBool>,
    pub transfer: Option<Arc<Transfer>>,
}

/// Why a pull does not go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody ended it, or the daemon ends.
    Ended,
    /// Why it failed; a sentence.
    Failed(String),
}

impl From<String> for Stop {
    fn from(what: String) -> Self {
        Self::Failed(what)
    }
}

impl Entry {
    pub fn new(record: Record, access: Access) -> Self {
        let held = Held {
            record,
            access,
            running: false,
            once_more: false,
            end: Arc::default(),
            transfer: None,
        };
        Self { held: Mutex::new(held) }
    }

    /// A poisoned lock still guards a whole record: it is changed in one step.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of what is kept.
    pub fn record(&self) -> Record {
        self.held().record.clone()
    }

    /// Changes what is kept, on the disk first.
    pub fn update(&self, folder: &Path, change: impl FnOnce(&mut Record)) -> Result<(), Stop> {
        let mut held = self.held();
        if held.end.load(Ordering::Relaxed) || held.record.state == PullState::Cancelled {
            return Err(Stop::Ended);
        }
        let mut record = held.record.clone();
        change(&mut record);
        record.save(folder).map_err(|e| Stop::Failed(e.to_string()))?;
        held.record = record;
        Ok(())
    }

    /// Ends it for good, and removes what was fetched of it.
    pub fn cancel(&self, folder: &Path) -> crate::Result<()> {
        let mut held = self.held();
        if matches!(held.record.state, PullState::Done | PullState::Cancelled) {
            return Ok(());
        }
        let mut record = held.record.clone();
        record.state = PullState::Cancelled;
        (record.problem, record.notice) = (None, None);
        record.save(folder)?;
        held.end.store(true, Ordering::Relaxed);
        held.transfer = None;
        sweep(&record);
        held.record = record;
        Ok(())
    }

    /// As lists show it.
    pub fn shown(&self) -> Pull {
        let (record, transfer) = {
            let held = self.held();
            (held.record.clone(), held.transfer.clone())
        };
        let mut pull = record.shown();
        let (Some(plan), Some(transfer)) = (&record.plan, transfer) else {
            return pull;
        };
        if record.state != PullState::Fetching {
            return pull;
        }
        let whole = plan.files.iter().zip(&record.checked).filter(|(_, checked)| **checked);
        let whole: u64 = whole.filter_map(|(file, _)| file.size).sum();
        pull.done = transfer
            .done()
            .saturating_add(whole)
            .min(pull.bytes.unwrap_or(u64::MAX));
        pull.speed = transfer.speed();
        let left = pull.bytes.map(|bytes| bytes.saturating_sub(pull.done));
        pull.eta_s = left.filter(|_| pull.speed > 0).map(|left| left.div_ceil(pull.speed));
        pull.notice = transfer.notice().or(pull.notice);
        if left == Some(0) {
            pull.state = PullState::Checking;
        }
        pull
    }
}

/// Removes the folder in which a pull's files grew.
pub(super) fn sweep(record: &Record) {
    let Some(workshop) = record.workshop() else { return };
    match fs::remove_dir_all(&workshop) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!("{} cannot be removed: {error}", crate::error::shown(&workshop));
        }
        _ => {}
    }
}
