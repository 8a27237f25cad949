//! What the migration that brought history cannot say in SQL: moments, what tasks say, and the words of the index, for pictures that
//! an earlier release made.

use darkroom_protocol::Task;
use rusqlite::Connection;

use super::keep::{index, settle};

/// Fills up every row that has no moment yet.
pub(in crate::store) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT id, task FROM pictures WHERE moment IS NULL ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?)))?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    for (id, task) in rows {
        let task = task.and_then(|task| serde_json::from_str::<Task>(&task).ok());
        settle(connection, id, task.as_ref().map(|Task::Image(task)| task))?;
        index(connection, id)?;
    }
    Ok(())
}
