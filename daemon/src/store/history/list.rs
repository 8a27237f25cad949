//! Pages of history, counts, one picture whole, and every tag. A page is found in an index alone, by moments; then its rows are read.

use darkroom_protocol::history::{Entry, EntryDetail, Query};
use rusqlite::{Connection, OptionalExtension, params};

use super::compile::{Match, compile};
use super::{named, rows};
use crate::Result;
use crate::store::Store;
use crate::store::fault::Fault;

/// Which pictures to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// What they must meet.
    pub query: Query,
    /// Only those before this moment.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
    /// Whether to count all of them.
    pub count: bool,
}

/// A page of pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    /// The newest first.
    pub pictures: Vec<Entry>,
    /// The moment after which the next page begins.
    pub next: Option<i64>,
    /// How many there are in all, where that was asked.
    pub total: Option<u64>,
}

impl Store {
    /// A page of history, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn history(&self, wish: Wish) -> Result<Wanted> {
        self.read(move |c| Ok(look(c, &wish)?)).await
    }

    /// All that is kept of the picture that `name` means.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchPicture`], [`crate::Error::AmbiguousPicture`]; when the database fails.
    pub(crate) async fn picture_named(&self, name: &str) -> Result<EntryDetail> {
        let name = name.to_owned();
        self.read(move |c| {
            let id = named::one(c, &name)?;
            let found = rows::detail(c, id)?;
            found.ok_or_else(|| Fault::Ours(crate::Error::NoSuchPicture { name }))
        })
        .await
    }

    /// A picture with these bytes, one whose file is there before others, and its number.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn with_hash(&self, sha256: &str) -> Result<Option<(u64, String, u64)>> {
        let sha256 = sha256.to_owned();
        self.read(move |c| {
            let mut statement = c.prepare_cached(WITH_HASH)?;
            let row = statement.query_row([sha256], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            Ok(row.optional()?)
        })
        .await
    }

    /// Every tag, and of how many pictures, in order of the alphabet.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn tags(&self) -> Result<Vec<(String, u64)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT tag, count(*) FROM picture_tags GROUP BY tag ORDER BY tag")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Where pictures are, in the order of their numbers, of those after `id`: number, path, bytes, and whether it is away.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn places(&self, after: u64, limit: u32) -> Result<Vec<(u64, String, u64, bool)>> {
        self.read(move |c| {
            let sql = "SELECT id, path, bytes, missing FROM pictures WHERE id > ? ORDER BY id LIMIT ?";
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map((after as i64, limit), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Which of these paths some row names whose file is there, with that many bytes.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn known_paths(&self, files: Vec<(String, u64)>) -> Result<Vec<bool>> {
        self.read(move |c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM pictures WHERE path = ? AND bytes = ? AND missing = 0)";
            let mut statement = c.prepare_cached(sql)?;
            let known = files
                .iter()
                .map(|(path, bytes)| statement.query_row((path, bytes), |row| row.get(0)));
            Ok(known.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

pub(in crate::store) const WITH_HASH: &str =
    "SELECT id, path, bytes FROM pictures WHERE sha256 = ? ORDER BY missing, moment DESC LIMIT 1";
/// Moments of a page of all pictures.
pub(in crate::store) const ALL: &str =
    "SELECT moment FROM pictures WHERE trashed_ms IS NULL AND moment < ? ORDER BY moment DESC LIMIT ?";
/// Moments of a page of those that a search finds, where none between is left out.
pub(in crate::store) fn matching_sql(holes: &[(i64, i64)]) -> String {
    format!("SELECT rowid {} ORDER BY rowid DESC LIMIT ?4", found(holes))
}

/// Those that a search finds.
fn found(holes: &[(i64, i64)]) -> String {
    let holes = holes
        .iter()
        .map(|(from, until)| format!(" AND (rowid < {from} OR rowid >= {until})"));
    format!(
        "FROM picture_words WHERE picture_words MATCH ?1 AND rowid >= ?2 AND rowid < ?3{}",
        holes.collect::<String>()
    )
}

fn look(connection: &Connection, wish: &Wish) -> rusqlite::Result<Wanted> {
    // One more than the page holds tells whether there is another.
    let most = wish.limit as usize + 1;
    let (mut moments, total) = match wish.query.terms.is_empty() {
        true => (all(connection, wish.before, most)?, count_all(connection, wish.count)?),
        false => {
            let question = compile(connection, &wish.query)?;
            let total = count(connection, wish.count, &question)?;
            (matching(connection, &question, wish.before, most)?, total)
        }
    };
    let more = moments.len() == most;
    moments.truncate(wish.limit as usize);
    Ok(Wanted {
        next: moments.last().copied().filter(|_| more),
        pictures: rows::at(connection, &moments)?,
        total,
    })
}

fn all(connection: &Connection, before: Option<i64>, limit: usize) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(ALL)?;
    let rows = statement.query_map(params![before.unwrap_or(i64::MAX), limit], |row| row.get(0))?;
    rows.collect()
}

fn matching(
    connection: &Connection,
    question: &Match,
    before: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<i64>> {
    let Some(words) = &question.words else {
        return Ok(Vec::new());
    };
    let until = before.map_or(question.until, |before| before.min(question.until));
    let mut statement = connection.prepare_cached(&matching_sql(&question.holes))?;
    let rows = statement.query_map(params![words, question.from, until, limit], |row| row.get(0))?;
    rows.collect()
}

fn count_all(connection: &Connection, asked: bool) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT count(*) FROM pictures WHERE trashed_ms IS NULL";
    let count = || connection.prepare_cached(sql)?.query_row([], |row| row.get(0));
    asked.then(count).transpose()
}

fn count(connection: &Connection, asked: bool, question: &Match) -> rusqlite::Result<Option<u64>> {
    let Some(words) = question.words.as_ref().filter(|_| asked) else {
        return Ok(asked.then_some(0));
    };
    let sql = format!("SELECT count(*) {}", found(&question.holes));
    let mut statement = connection.prepare_cached(&sql)?;
    statement
        .query_row(params![words, question.from, question.until], |row| row.get(0))
        .map(Some)
}
