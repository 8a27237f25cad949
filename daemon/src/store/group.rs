//! Group commit: changes that wait at one time become one transaction, each in a savepoint of its own. The disk is waited for
//! once, then everybody has an answer.

use std::collections::VecDeque;
use std::path::Path;

use darkroom_protocol::failpoint;
use rusqlite::{Connection, Transaction, ffi};
use tokio::sync::oneshot;

use super::accord::{Accord, Untold};
use super::fault::{Fault, in_words};
use super::news::{Committed, Listener, Write};
use super::transaction::{Durability, begin, committed};
use crate::{Error, Result};

/// Between two looks whether a test still holds a commit, as if the disk were slow.
const HELD_LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// A change of rows whose caller waits.
pub(super) trait Change: Send {
    fn durability(&self) -> Durability;
    /// Makes it; `false` when it failed and is to be undone.
    fn run(&mut self, tx: &Transaction<'_>) -> bool;
    /// SQLite's own error, when it failed of one.
    fn sqlite_error(&self) -> Option<ffi::Error>;
    /// Whether it has done what those who follow are told of.
    fn tells(&self) -> bool;
    /// What it has done, for those who follow; nothing when it failed. Once.
    fn told(&mut self) -> Vec<Committed>;
    /// Tells the caller what came of it, or that the commit failed.
    fn answer(self: Box<Self>, failed: Option<Error>, path: &Path);
}

/// A change that gives a `T`.
pub(super) struct Pending<T, W> {
    durability: Durability,
    work: Option<W>,
    result: Option<Result<T, Fault>>,
    told: Vec<Committed>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, W> Pending<T, W> {
    pub(super) fn new(durability: Durability, work: W, reply: oneshot::Sender<Result<T>>) -> Self {
        Self {
            durability,
            work: Some(work),
            result: None,
            told: Vec::new(),
            reply,
        }
    }
}

impl<T, W> Change for Pending<T, W>
where
    T: Send,
    W: FnOnce(&Write<'_>) -> Result<T, Fault> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, tx: &Transaction<'_>) -> bool {
        let write = Write::new(tx);
        self.result = self.work.take().map(|work| work(&write));
        let made = matches!(self.result, Some(Ok(_)));
        if made {
            self.told = write.told();
        }
        made
    }

    fn tells(&self) -> bool {
        !self.told.is_empty()
    }

    fn told(&mut self) -> Vec<Committed> {
        std::mem::take(&mut self.told)
    }

    fn sqlite_error(&self) -> Option<ffi::Error> {
        match &self.result {
            Some(Err(Fault::Sqlite(error))) => error.sqlite_error().copied(),
            _ => None,
        }
    }

    fn answer(self: Box<Self>, failed: Option<Error>, path: &Path) {
        let result = match (failed, self.result) {
            // Its own refusal stands, whatever became of the others.
            (_, Some(Err(fault))) => Err(fault.at(path)),
            (Some(error), _) => Err(error),
            (None, Some(Ok(value))) => Ok(value),
            (None, None) => Err(Error::StoreEnded),
        };
        // A caller that has gone does not undo what it asked for.
        drop(self.reply.send(result));
    }
}

/// Makes every change, tells what was committed in that order, and answers every caller.
pub(super) fn commit(
    connection: &mut Connection,
    path: &Path,
    listener: &Listener,
    accord: &Accord,
    changes: Vec<Box<dyn Change>>,
) {
    let mut waiting = VecDeque::from(changes);
    while !waiting.is_empty() {
        let mut made = Vec::new();
        let written = write(connection, accord, &mut waiting, &mut made);
        if written.is_err() && made.is_empty() {
            // Not even a transaction could be had: nobody's change was tried.
            made.extend(waiting.drain(..));
        }
        let failed = match written {
            Ok(untold) => {
                // Before any answer: whoever has one may count on it that the others will hear of this first.
                made.iter_mut().for_each(|change| listener.tell(change.told()));
                drop(untold);
                None
            }
            Err(error) => Some(error),
        };
        for change in made {
            change.answer(failed.as_ref().map(|error| in_words(path, error)), path);
        }
    }
}

/// Takes changes from `waiting` into one transaction and commits it; what was committed counts as not told while what this gives
/// is kept. When SQLite gives the whole transaction up half-way (a full disk), those that are left wait for the next one.
fn write<'a>(
    connection: &mut Connection,
    accord: &'a Accord,
    waiting: &mut VecDeque<Box<dyn Change>>,
    made: &mut Vec<Box<dyn Change>>,
) -> rusqlite::Result<Option<Untold<'a>>> {
    let alone = waiting.len() == 1;
    let durability = waiting.iter().map(|change| change.durability()).max();
    let durability = durability.unwrap_or(Durability::Durable);
    let tx = begin(connection, durability)?;
    while let Some(mut change) = waiting.pop_front() {
        let run = if alone {
            Ok(change.run(&tx))
        } else {
            in_savepoint(&tx, change.as_mut())
        };
        let error = change.sqlite_error();
        made.push(change);
        if let Some(error) = error.filter(|_| tx.is_autocommit()) {
            return Err(rusqlite::Error::SqliteFailure(error, None));
        }
        if !run? && alone {
            tx.rollback()?;
            return Ok(None);
        }
    }
    let tells = made.iter().any(|change| change.tells());
    let untold = if tells { Some(accord.coming(number(&tx)?)) } else { None };
    failpoint::hit(18);
    while failpoint::holds(|| "commit".to_owned()) {
        std::thread::sleep(HELD_LOOK);
    }
    tx.commit()?;
    committed(durability);
    Ok(untold)
}

/// The number of the commit in the making.
fn number(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("UPDATE line SET commits = commits + 1 RETURNING commits")?
        .query_row([], |row| row.get(0))
}

fn in_savepoint(tx: &Transaction<'_>, change: &mut dyn Change) -> rusqlite::Result<bool> {
    tx.prepare_cached("SAVEPOINT change")?.execute([])?;
    let done = change.run(tx);
    if !tx.is_autocommit() {
        if !done {
            tx.prepare_cached("ROLLBACK TO change")?.execute([])?;
        }
        tx.prepare_cached("RELEASE change")?.execute([])?;
    }
    Ok(done)
}
