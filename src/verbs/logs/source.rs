use std::path::{Path, PathBuf};

use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;

use crate::{Error, Result};

/// A log to read, and what to say when it is not there.
pub struct Source {
    /// The newest part; earlier ones are `….1`, `….2`.
    pub path: PathBuf,
    /// Why there may be none.
    pub absent: String,
}

/// The log that is meant.
///
/// # Errors
/// When no job's log begins so, or several do.
pub fn find(paths: &Paths, worker: bool, job: Option<&str>) -> Result<Source> {
    let source = |path: PathBuf, absent: &str| Source {
        path,
        absent: absent.to_owned(),
    };
    match job {
        Some(job) => Ok(source(of_job(&paths.job_logs(), job)?, "The log of that job is gone.")),
        None if worker => Ok(source(paths.worker_log(), "There is no log yet: no worker has run.")),
        None => Ok(source(paths.log(), "There is no log yet: no daemon has run.")),
    }
}

fn of_job(folder: &Path, job: &str) -> Result<PathBuf> {
    let shown = escape_line(job);
    let wanted = plain(job);
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = names
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .filter(|path| {
            let id = path.file_stem().and_then(|stem| stem.to_str()).map(plain);
            !wanted.is_empty() && id.is_some_and(|id| id.starts_with(&wanted))
        })
        .collect();
    found.sort();
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (Some(_), more) => Err(Error::Usage(format!(
            "The logs of {} jobs begin with {shown}: give more digits.",
            more + 1
        ))),
        (None, _) => Err(Error::Usage(format!(
            "There is no log of a job {shown}: `darkroom queue --all` lists the jobs; those that never ran have none, and only \
             the newest logs are kept."
        ))),
    }
}

fn plain(id: &str) -> String {
    id.trim().replace('-', "").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("019a0000-0001", Ok("019a0000-0001-7000.log"))]
    #[case("019A00000002", Ok("019a0000-0002-7000.log"))]
    #[case("019a", Err("The logs of 2 jobs begin with 019a"))]
    #[case("7", Err("There is no log of a job 7"))]
    #[case("", Err("There is no log of a job"))]
    fn a_job_is_found_by_its_beginning(#[case] job: &str, #[case] expected: Result<&str, &str>) {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "019a0000-0001-7000.log",
            "019a0000-0002-7000.log",
            "019a0000-0002-7000.log.1",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        match (of_job(dir.path(), job), expected) {
            (Ok(path), Ok(name)) => assert_eq!(path, dir.path().join(name)),
            (Err(error), Err(words)) => assert!(error.to_string().starts_with(words), "{error}"),
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }
}
