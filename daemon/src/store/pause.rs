use rusqlite::Connection;

use super::Store;
use super::fault::Fault;
use super::news::{Committed, Write};
use super::transaction::Durability;
use crate::Result;

impl Store {
    /// Pauses the whole queue, or lets it go on: no job starts while it is paused. Durable when this is done.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn pause(&self, pause: bool) -> Result<()> {
        self.change(Durability::Durable, move |tx| self::pause(tx, pause)).await
    }

    /// Whether the queue is paused.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn paused(&self) -> Result<bool> {
        self.read(|c| Ok(paused(c)?)).await
    }
}

pub(super) fn pause(tx: &Write<'_>, pause: bool) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE line SET paused = ?")?.execute([pause])?;
    tx.tell(Committed::Paused(pause));
    Ok(())
}

pub(super) fn paused(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT paused FROM line")?
        .query_row([], |row| row.get(0))
}
