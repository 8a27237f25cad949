//! The store's transitions on a database in memory, made at once and taken back at will: for tests that try every order of them.

use std::path::Path;

use darkroom_protocol::{Failure, JobId, JobState};
use rusqlite::Connection;
use uuid::Uuid;

use super::accept::NewJob;
use super::fault::Fault;
use super::news::{Committed, Write};
use super::{Spot, Start, Waiting, cancel, migrate, pause, place, row, transition, waiting};
use crate::Result;

/// A database in memory.
pub(crate) struct Trial(Connection);

/// What a change came to, and what is told of it.
pub(crate) type Made<T> = Result<(T, Vec<Committed>)>;

impl Trial {
    pub fn new() -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        migrate::run(&mut connection).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        Self(connection)
    }

    /// Where [`Self::back`] goes back to; they nest.
    pub fn mark(&self) {
        self.0.prepare_cached("SAVEPOINT mark").unwrap().execute([]).unwrap();
    }

    /// Undoes everything since the last mark, which goes.
    pub fn back(&self) {
        for sql in ["ROLLBACK TO mark", "RELEASE mark"] {
            self.0.prepare_cached(sql).unwrap().execute([]).unwrap();
        }
    }

    fn make<T>(&self, change: impl FnOnce(&Write<'_>) -> Result<T, Fault>) -> Made<T> {
        self.mark();
        let write = Write::new(&self.0);
        match change(&write) {
            Ok(value) => {
                self.0.prepare_cached("RELEASE mark").unwrap().execute([]).unwrap();
                Ok((value, write.told()))
            }
            Err(fault) => {
                self.back();
                Err(fault.at(Path::new("memory")))
            }
        }
    }

    pub fn accept(&self) -> Made<JobId> {
        let new = NewJob::of(Uuid::now_v7(), &Default::default(), &crate::testing::task("x"))?;
        self.make(|tx| Ok(new.accept(tx)?.job))
    }

    pub fn start(&self, job: JobId) -> Made<Start> {
        self.make(|tx| transition::start(tx, job))
    }

    pub fn requeue(&self, job: JobId) -> Made<JobState> {
        self.make(|tx| transition::requeue(tx, job, &row::standing(tx, job)?))
    }

    pub fn finish(&self, job: JobId, state: JobState, failure: Option<&Failure>) -> Made<()> {
        self.make(|tx| transition::finish(tx, job, state, failure))
    }

    pub fn retry(&self, job: JobId) -> Made<()> {
        self.make(|tx| transition::retry(tx, job).map(drop))
    }

    pub fn cancel(&self, job: JobId) -> Made<()> {
        self.make(|tx| cancel::cancel(tx, job, false).map(drop))
    }

    pub fn cancel_all(&self) -> Made<()> {
        self.make(|tx| cancel::cancel_all(tx).map(drop))
    }

    pub fn hold(&self, job: JobId, held: bool) -> Made<()> {
        self.make(|tx| place::hold(tx, job, held).map(drop))
    }

    pub fn move_to(&self, job: JobId, spot: Spot) -> Made<()> {
        self.make(|tx| place::move_to(tx, job, spot).map(drop))
    }

    pub fn prioritise(&self, job: JobId, priority: i32) -> Made<()> {
        self.make(|tx| place::prioritise(tx, job, priority).map(drop))
    }

    pub fn pause(&self, paused: bool) -> Made<()> {
        self.make(|tx| pause::pause(tx, paused))
    }

    /// Every job that waits, in the order in which they run, and whether the queue is paused.
    pub fn waiting(&self) -> (Vec<Waiting>, bool) {
        (waiting::all(&self.0).unwrap(), pause::paused(&self.0).unwrap())
    }

    pub fn state(&self, job: JobId) -> JobState {
        row::standing(&self.0, job).unwrap().state
    }
}
