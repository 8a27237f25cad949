//! The write-ahead log, kept short on our terms.
//!
//! SQLite's own checkpoint runs inside whichever commit finds the log long, and the first commit into an emptied log syncs
//! the log's header besides. Both would fall on a submit, which is to cost one fsync. So the log is emptied here, after the
//! end of a job, and a small write follows at once that pays for the header.
//!
//! A log begins anew only at a moment at which nobody reads from it. Such moments come by themselves; where readers leave none for
//! long, they are asked to pause, for a log that never ends fills the disk.

use rusqlite::Connection;

use super::accord::Accord;
use super::transaction::{Durability, begin};

/// Pages of 4 KiB in the log beyond which it is moved into the database after the end of a job.
pub(super) const LONG: i64 = 256;
/// Pages beyond which that is done at once: jobs come and none ends.
pub(super) const FLOODED: i64 = 4096;

/// Pages beyond which readers are asked to pause: they have not once left a moment to begin the log anew.
pub(super) const ENDLESS: i64 = 2 * FLOODED;

/// Moves a log of more than `longest` pages into the database; a shorter one stays.
pub(super) fn shorten(connection: &mut Connection, longest: i64, accord: &Accord) -> rusqlite::Result<()> {
    let pages = pages(connection)?;
    let alone = (pages.all > ENDLESS).then(|| accord.alone());
    if alone.is_some() || pages.waiting > longest {
        renew(connection)?;
    }
    Ok(())
}

/// Empties the log, whatever a process that died left in it, and begins a new one. Both syncs that a first commit may owe
/// are paid here: of the header, and of the folder in which the log was made.
pub(super) fn renew(connection: &mut Connection) -> rusqlite::Result<()> {
    empty(connection)?;
    restart(connection)
}

/// Moves the log into the database.
pub(super) fn empty(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Writes the first transaction of an emptied or new log.
fn restart(connection: &mut Connection) -> rusqlite::Result<()> {
    let tx = begin(connection, Durability::Relaxed)?;
    tx.execute("UPDATE log_restarts SET count = count + 1", [])?;
    tx.commit()
}

/// Pages in the log.
struct Pages {
    /// Those that are not in the database yet.
    waiting: i64,
    all: i64,
}

fn pages(connection: &Connection) -> rusqlite::Result<Pages> {
    connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        let all: i64 = row.get(1)?;
        let waiting = all - row.get::<_, i64>(2)?;
        Ok(Pages { waiting, all })
    })
}
