//! Numbered migrations: `migrations/NNNN_name.sql`, each one transaction; `user_version` says how many have run.

use rusqlite::{Connection, TransactionBehavior};

use super::{fault::Fault, history};
use crate::Error;

/// Every migration in order. A released one is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_jobs.sql"),
    include_str!("../../migrations/0002_queue.sql"),
    include_str!("../../migrations/0003_looking.sql"),
    include_str!("../../migrations/0004_cleared.sql"),
    include_str!("../../migrations/0005_ahead.sql"),
    include_str!("../../migrations/0006_deliveries.sql"),
    include_str!("../../migrations/0007_pictures.sql"),
    include_str!("../../migrations/0008_commits.sql"),
    include_str!("../../migrations/0009_history.sql"),
];
/// The one after which rows are filled up by code.
const HISTORY: i64 = 9;

/// Whether the database has them all.
pub(super) fn is_current(connection: &Connection) -> Result<bool, Fault> {
    Ok(have(connection)? == MIGRATIONS.len() as i64)
}

/// Runs the migrations that the database lacks.
pub(super) fn run(connection: &mut Connection) -> Result<(), Fault> {
    let have = have(connection)?;
    for (version, sql) in (1_i64..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= have) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        if version == HISTORY {
            history::fill(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// How many have run; never more than are known.
fn have(connection: &Connection) -> Result<i64, Fault> {
    let have: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if !(0..=known).contains(&have) {
        return Err(Error::Database {
            path: connection.path().unwrap_or_default().into(),
            what: format!(
                "was written by a newer darkroom (its tables are version {have}, this one knows {known}): install that \
                 release again, or set DARKROOM_HOME to another folder."
            ),
        }
        .into());
    }
    Ok(have)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_and_the_list_agree() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), MIGRATIONS.len());
        for ((n, name), sql) in (1..).zip(&names).zip(MIGRATIONS) {
            assert!(
                name.starts_with(&format!("{n:04}_")) && name.ends_with(".sql"),
                "{name}"
            );
            assert_eq!(std::fs::read_to_string(format!("{folder}/{name}")).unwrap(), *sql);
        }
    }
}
