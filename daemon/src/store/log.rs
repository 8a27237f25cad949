//! The write-ahead log, kept short on our terms.
//!
//! SQLite's own checkpoint runs inside whichever commit finds the log long, and the first commit into an emptied log syncs
//! the log's header besides. Both would fall on a submit, which is to cost one fsync. So the log is emptied here, after the
//! end of a job, and a small write follows at once that pays for the header.

use rusqlite::Connection;

use super::transaction::{Durability, begin};

/// Pages of 4 KiB in the log beyond which it is moved into the database after the end of a job.
pub(super) const LONG: i64 = 256;
/// Pages beyond which that is done at once: jobs come and none ends.
pub(super) const FLOODED: i64 = 4096;

/// Moves a log of more than `longest` pages into the database; a shorter one stays.
pub(super) fn shorten(connection: &mut Connection, longest: i64) -> rusqlite::Result<()> {
    if pages(connection)? > longest {
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

/// Pages in the log that are not in the database yet.
fn pages(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    })
}
