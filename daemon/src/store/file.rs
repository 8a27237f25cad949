//! The database's file: made private, checked, brought to this version.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::{damaged, in_words};
use super::migrate;
use crate::{Error, Result};

/// Marks the file as ours: "DKRM".
const APPLICATION_ID: i32 = 0x444b_524d;
/// A file up to this size is checked whole when it is opened, which takes about 15 ms a megabyte, for every row's JSON is read; damage
/// in a larger one is told when it is met.
const CHECKED_WHOLE: u64 = 1 << 20;
/// Statements that are kept compiled: more than the store has.
const STATEMENTS: usize = 64;
/// A log longer than this is cut when it restarts, in bytes.
const LOG_LIMIT: u32 = 8 << 20;

/// An open connection to a sound database of this version.
pub(super) fn open(path: &Path) -> Result<Connection> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| in_words(path, &e))?;
    configure(&connection).map_err(|e| in_words(path, &e))?;
    check(&connection, path)?;
    migrate::run(&mut connection).map_err(|fault| fault.at(path))?;
    Ok(connection)
}

/// A connection that reads beside one that [`open`] gave.
pub(super) fn beside(path: &Path) -> Result<Connection> {
    readable(path).map_err(|e| in_words(path, &e))
}

/// A connection that only reads, where nobody may write; `None` when the tables are of an older version.
pub(super) fn look(path: &Path) -> Result<Option<Connection>> {
    let words = |e: rusqlite::Error| in_words(path, &e);
    let connection = match readable(path) {
        // Where nothing can be written, as on a read-only disk, the log's index cannot be made, and nobody else writes either.
        Err(_) => immutable(path).map_err(words)?,
        Ok(connection) => connection,
    };
    if !migrate::is_current(&connection).map_err(|fault| fault.at(path))? {
        return Ok(None);
    }
    check(&connection, path)?;
    Ok(Some(connection))
}

fn readable(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.extend(format!("%{other:02X}").chars()),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, flags)
}

/// Makes the file (0600) and its folder (0700) where there are none. SQLite gives its log the file's mode.
fn make_private(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|e| Error::io("make the folder", folder, e))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(Error::io("make the file", path, e)),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))
}

/// Refuses another program's database, and a damaged one.
fn check(connection: &Connection, path: &Path) -> Result<()> {
    let say = |what: String| Error::Database {
        path: path.to_owned(),
        what,
    };
    let words = |e: rusqlite::Error| in_words(path, &e);
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(words)?;
    let id: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(words)?;
    if tables == 0 {
        return connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(words);
    }
    if id != APPLICATION_ID {
        return Err(say(
            "is another program's database: set DARKROOM_HOME to another folder.".to_owned(),
        ));
    }
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() <= CHECKED_WHOLE) {
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(words)?;
        if verdict != "ok" {
            let file = path.file_name().map_or("it".into(), |name| name.to_string_lossy());
            return Err(say(damaged(&file, verdict.trim())));
        }
    }
    Ok(())
}
