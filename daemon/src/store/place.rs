//! Where a waiting job stands: its priority, and its place among jobs of that priority.
//!
//! Places are drawn from both ends of a range that grows: a new job draws the next one at the back, `first` one at the front.
//! Between two jobs there is the middle of their places; when that is taken, all places are drawn anew in the same order.

use darkroom_protocol::JobId;
use darkroom_protocol::event::QueueChange;
use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::news::{Coming, Committed, Write};
use super::row::{legal, standing};
use super::transaction::Durability;
use super::{Store, id, position, waiting};
use crate::jobs::Move;
use crate::{Error, Result};

/// Between two places that were drawn one after the other.
const STEP: i64 = 1 << 32;

/// A place among the waiting jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Right before this one.
    Before(JobId),
    /// Right after this one.
    After(JobId),
}

/// What a move came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How the job stands now.
    pub change: QueueChange,
    /// Whether all places were drawn anew, in the same order.
    pub redrawn: bool,
}

impl Store {
    /// Gives a waiting job another priority; among its new peers it stands where its age puts it. Durable when this is done.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when it does not wait, [`Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn prioritise(&self, job: JobId, priority: i32) -> Result<QueueChange> {
        self.change(Durability::Durable, move |tx| prioritise(tx, job, priority))
            .await
    }

    /// Gives a waiting job another place. It takes the priority of those beside it where its own would put it elsewhere.
    /// Durable when this is done.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when it or the one beside it does not wait, [`Error::NoSuchJob`], [`Error::BesideItself`], or when
    /// the database fails.
    pub(crate) async fn move_to(&self, job: JobId, spot: Spot) -> Result<Moved> {
        self.change(Durability::Durable, move |tx| move_to(tx, job, spot)).await
    }

    /// Holds a waiting job back, or lets it go. Durable when this is done.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when it does not wait, [`Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn hold(&self, job: JobId, held: bool) -> Result<QueueChange> {
        self.change(Durability::Durable, move |tx| hold(tx, job, held)).await
    }
}

pub(super) fn prioritise(tx: &Write<'_>, job: JobId, priority: i32) -> Result<QueueChange, Fault> {
    waits(tx, job)?;
    tx.prepare_cached("UPDATE jobs SET priority = ? WHERE id = ?")?
        .execute((priority, id::text(job)))?;
    placed(tx, job)
}

pub(super) fn move_to(tx: &Write<'_>, job: JobId, spot: Spot) -> Result<Moved, Fault> {
    waits(tx, job)?;
    let (priority, place, redrawn) = match spot {
        Spot::First => (utmost(tx, job, "max")?, first(tx)?, false),
        Spot::Last => (utmost(tx, job, "min")?, last(tx)?, false),
        Spot::Before(other) | Spot::After(other) if other == job => {
            return Err(Error::BesideItself { job }.into());
        }
        Spot::Before(other) => beside(tx, job, other, Side::Before)?,
        Spot::After(other) => beside(tx, job, other, Side::After)?,
    };
    tx.prepare_cached("UPDATE jobs SET priority = ?, place = ? WHERE id = ?")?
        .execute((priority, place, id::text(job)))?;
    let change = placed(tx, job)?;
    Ok(Moved { change, redrawn })
}

pub(super) fn hold(tx: &Write<'_>, job: JobId, held: bool) -> Result<QueueChange, Fault> {
    waits(tx, job)?;
    tx.prepare_cached("UPDATE jobs SET held = ? WHERE id = ?")?
        .execute((held, id::text(job)))?;
    placed(tx, job)
}

/// How `job`, which a person has placed, stands now; told to those who follow.
fn placed(tx: &Write<'_>, job: JobId) -> Result<QueueChange, Fault> {
    let change = change(tx, job)?;
    tx.tell(Committed::Waits(waiting::one(tx, job)?, Coming::Placed(change)));
    Ok(change)
}

/// Draws the next place at the back.
pub(super) fn last(tx: &Write<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("UPDATE line SET last_place = last_place + ? RETURNING last_place")?
        .query_row([STEP], |row| row.get(0))
}

/// How `job` stands now.
pub(super) fn change(connection: &Connection, job: JobId) -> rusqlite::Result<QueueChange> {
    let position = position::of(connection, job)?;
    connection
        .prepare_cached("SELECT priority, held FROM jobs WHERE id = ?")?
        .query_row([id::text(job)], |row| {
            Ok(QueueChange {
                priority: row.get(0)?,
                held: row.get(1)?,
                position,
            })
        })
}

fn first(tx: &Write<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("UPDATE line SET first_place = first_place - ? RETURNING first_place")?
        .query_row([STEP], |row| row.get(0))
}

fn waits(tx: &Write<'_>, job: JobId) -> Result<(), Fault> {
    legal(job, standing(tx, job)?.state, Move::Place)?;
    Ok(())
}

/// The highest (`max`) or lowest (`min`) priority among the waiting jobs, `job` included.
fn utmost(tx: &Write<'_>, job: JobId, which: &str) -> rusqlite::Result<i32> {
    tx.prepare_cached(&format!(
        "SELECT {which}(priority) FROM jobs WHERE state = 'queued' OR id = ?"
    ))?
    .query_row([id::text(job)], |row| row.get(0))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// Priority and place right before or after `other`, and whether all places were drawn anew to make room.
fn beside(tx: &Write<'_>, job: JobId, other: JobId, side: Side) -> Result<(i32, i64, bool), Fault> {
    waits(tx, other)?;
    let mut found = gap(tx, job, other, side)?;
    let redrawn = found.is_none();
    if redrawn {
        redraw(tx)?;
        found = gap(tx, job, other, side)?;
    }
    let (priority, place) = found.ok_or_else(|| Error::NoSuchJob { id: other.to_string() })?;
    Ok((priority, place, redrawn))
}

/// As [`beside`]; `None` when no place is left there.
fn gap(tx: &Write<'_>, job: JobId, other: JobId, side: Side) -> rusqlite::Result<Option<(i32, i64)>> {
    let (priority, place, seq): (i32, i64, i64) = tx
        .prepare_cached("SELECT priority, place, seq FROM jobs WHERE id = ?")?
        .query_row([id::text(other)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (beyond, order) = match side {
        Side::Before => ("<", "DESC"),
        Side::After => (">", "ASC"),
    };
    // A running job may return to its place, so nobody is put where it would part those beside it.
    let nearest = |state: &str| {
        format!(
            "SELECT * FROM (SELECT place, seq FROM jobs WHERE state = '{state}' AND priority = ?1 AND id != ?2
             AND (place, seq) {beyond} (?3, ?4) ORDER BY place {order}, seq {order} LIMIT 1)"
        )
    };
    let (queued, running) = (nearest("queued"), nearest("running"));
    let neighbour: Option<i64> = tx
        .prepare_cached(&format!(
            "SELECT place FROM ({queued} UNION ALL {running}) ORDER BY place {order}, seq {order} LIMIT 1"
        ))?
        .query_row((priority, id::text(job), place, seq), |row| row.get(0))
        .optional()?;
    let found = match (neighbour, side) {
        (None, Side::Before) => Some(first(tx)?),
        (None, Side::After) => Some(last(tx)?),
        (Some(neighbour), _) => {
            let middle = neighbour.midpoint(place);
            (middle != neighbour && middle != place).then_some(middle)
        }
    };
    Ok(found.map(|place| (priority, place)))
}

/// Draws the places of all jobs that wait or run anew, in the order that they have.
fn redraw(tx: &Write<'_>) -> rusqlite::Result<()> {
    let mut statement = tx.prepare("SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY place, seq")?;
    let order: Vec<JobId> = statement
        .query_map([], |row| id::parse(&row.get::<_, String>(0)?))?
        .collect::<rusqlite::Result<_>>()?;
    tx.execute("UPDATE line SET first_place = 0, last_place = 0", [])?;
    let mut places = Vec::with_capacity(order.len());
    for job in order {
        let place = last(tx)?;
        tx.prepare_cached("UPDATE jobs SET place = ? WHERE id = ?")?
            .execute((place, id::text(job)))?;
        places.push((job, place));
    }
    tx.tell(Committed::Redrawn(places));
    Ok(())
}
