//! Which folders of pictures were imported, and which of them are looked at again from time to time.

use crate::Result;
use crate::store::Store;
use crate::store::transaction::Durability;

impl Store {
    /// Notes a folder that was imported. One that is watched stays so.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn note_folder(&self, path: &str, watched: bool) -> Result<()> {
        let path = path.to_owned();
        self.change(Durability::Durable, move |tx| {
            tx.prepare_cached(
                "INSERT INTO picture_folders (path, watched) VALUES (?1, ?2)
                 ON CONFLICT (path) DO UPDATE SET watched = max(watched, ?2)",
            )?
            .execute((path, watched))?;
            Ok(())
        })
        .await
    }

    /// Every folder that was imported, and whether it is watched.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn folders(&self) -> Result<Vec<(String, bool)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT path, watched FROM picture_folders ORDER BY path")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
