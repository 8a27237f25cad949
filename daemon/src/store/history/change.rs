//! What people do to pictures in history: mark them, tag them, put them into the trash and out of it, remove them for good; and what
//! becomes of one whose file is away. What did not change is neither written nor told.

use darkroom_protocol::history::What;
use darkroom_protocol::tag;
use rusqlite::{Connection, OptionalExtension};

use super::keep::{index, tell, unindex};
use super::{named, rows};
use crate::Result;
use crate::store::fault::Fault;
use crate::store::news::Write;
use crate::store::transaction::Durability;
use crate::store::{Store, now_ms};

/// A picture in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trashed {
    /// Its number.
    pub id: u64,
    /// Its file.
    pub path: String,
    /// Of its file.
    pub sha256: String,
    /// Whether it was made here, so that its file is ours to remove.
    pub ours: bool,
}

impl Store {
    /// Marks pictures, or takes the mark off: how many changed. Durable when this is done.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchPicture`]; nothing is changed then. When the database fails.
    pub(crate) async fn star(&self, names: &[String], starred: bool) -> Result<u64> {
        self.each(names, move |tx, id| {
            let sql = "UPDATE pictures SET starred = ?1 WHERE id = ?2 AND starred != ?1";
            Ok(tx.prepare_cached(sql)?.execute((starred, id))? > 0)
        })
        .await
    }

    /// Gives and takes tags, of which each is as [`tag::canonical`] has it: how many pictures changed. Durable when this is done.
    ///
    /// # Errors
    /// As [`Self::star`]; [`crate::Error::TooManyTags`].
    pub(crate) async fn tag(&self, names: &[String], add: &[String], remove: &[String]) -> Result<u64> {
        let kept = |tags: &[String]| -> Vec<String> { tags.iter().filter_map(|tag| tag::canonical(tag)).collect() };
        let (add, remove) = (kept(add), kept(remove));
        self.each(names, move |tx, id| {
            let mut changed = 0;
            for tag in &remove {
                let sql = "DELETE FROM picture_tags WHERE picture = ? AND tag = ?";
                changed += tx.prepare_cached(sql)?.execute((id, tag))?;
            }
            for tag in &add {
                let sql = "INSERT OR IGNORE INTO picture_tags (picture, tag) VALUES (?, ?)";
                changed += tx.prepare_cached(sql)?.execute((id, tag))?;
            }
            if rows::tags_of(tx, id)?.len() > tag::MAX {
                return Err(crate::Error::TooManyTags { picture: id as u64 }.into());
            }
            Ok(changed > 0)
        })
        .await
    }

    /// Puts pictures into the trash, or takes them out: how many changed. Durable when this is done.
    ///
    /// # Errors
    /// As [`Self::star`].
    pub(crate) async fn trash(&self, names: &[String], trashed: bool) -> Result<u64> {
        self.each(names, move |tx, id| {
            let sql =
                "UPDATE pictures SET trashed_ms = iif(?1, ?2, NULL) WHERE id = ?3 AND (trashed_ms IS NOT NULL) != ?1";
            Ok(tx.prepare_cached(sql)?.execute((trashed, now_ms(), id))? > 0)
        })
        .await
    }

    /// Notes whether pictures' files are away: how many changed. No fsync: the next look finds it again.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn note_missing(&self, pictures: Vec<u64>, missing: bool) -> Result<u64> {
        self.change(Durability::Relaxed, move |tx| {
            let ids = pictures.into_iter().map(|id| id as i64).collect();
            change(tx, ids, |tx, id| {
                let sql = "UPDATE pictures SET missing = ?1 WHERE id = ?2 AND missing != ?1";
                Ok(tx.prepare_cached(sql)?.execute((missing, id))? > 0)
            })
        })
        .await
    }

    /// Pictures that came into the trash before then (milliseconds since 1970), the first of them.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn in_trash(&self, before_ms: i64, limit: u32) -> Result<Vec<Trashed>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(IN_TRASH)?;
            let rows = statement.query_map((before_ms, limit), |row| {
                Ok(Trashed {
                    id: row.get(0)?,
                    path: row.get(1)?,
                    sha256: row.get(2)?,
                    ours: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Removes rows of pictures that are in the trash, for good. Their files are gone by now. Durable when this is done.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn remove_trashed(&self, pictures: Vec<u64>) -> Result<u64> {
        self.change(Durability::Durable, move |tx| {
            let mut removed = Vec::new();
            for id in pictures {
                if remove(tx, id as i64)? {
                    removed.push(id);
                }
            }
            let many = removed.len() as u64;
            tell(tx, What::Removed, removed);
            Ok(many)
        })
        .await
    }

    /// Does `work` to each picture that is named: how many it changed. All or none. Durable when this is done.
    async fn each(
        &self,
        names: &[String],
        work: impl Fn(&Write<'_>, i64) -> Result<bool, Fault> + Send + 'static,
    ) -> Result<u64> {
        let names = names.to_vec();
        self.change(Durability::Durable, move |tx| {
            let ids = names
                .iter()
                .map(|name| named::one(tx, name))
                .collect::<Result<Vec<_>, Fault>>()?;
            change(tx, ids, work)
        })
        .await
    }
}

pub(in crate::store) const IN_TRASH: &str =
    "SELECT id, path, sha256, job_id IS NOT NULL FROM pictures WHERE trashed_ms < ? ORDER BY trashed_ms LIMIT ?";

/// Does `work` to each: its words follow, and it is told where that changed it.
fn change(tx: &Write<'_>, ids: Vec<i64>, work: impl Fn(&Write<'_>, i64) -> Result<bool, Fault>) -> Result<u64, Fault> {
    let mut changed = Vec::new();
    for id in ids {
        if work(tx, id)? {
            // Its moment stays, so that its words are still found by it.
            unindex(tx, id)?;
            index(tx, id)?;
            changed.push(id as u64);
        }
    }
    let many = changed.len() as u64;
    tell(tx, What::Changed, changed);
    Ok(many)
}

/// Removes a row that is in the trash.
fn remove(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let is_there = connection
        .prepare_cached("SELECT 1 FROM pictures WHERE id = ? AND trashed_ms IS NOT NULL")?
        .query_row([id], |_| Ok(()))
        .optional()?;
    if is_there.is_some() {
        unindex(connection, id)?;
        connection
            .prepare_cached("DELETE FROM pictures WHERE id = ?")?
            .execute([id])?;
    }
    Ok(is_there.is_some())
}
