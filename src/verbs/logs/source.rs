//! Which file `logs` reads: the daemon's log, the workers' or a job's, and what to say when it is not there. `mod.rs` asks,
//! `follow.rs` reads it. A job is found by the names of the log files, without a daemon; spellings of a job's name are understood
//! in `protocol/src/job_name.rs`. Where a daemon runs, `mod.rs` asks it first what `@last` means.

use std::path::{Path, PathBuf};

use darkroom_protocol::JobName;
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
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut logs: Vec<(String, PathBuf)> = names
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.replace('-', ""), path)))
        .collect();
    // By id, which is by age.
    logs.sort_unstable();
    match JobName::parse(job) {
        Some(JobName::Beginning(digits)) => logs.retain(|(id, _)| id.starts_with(&digits)),
        Some(JobName::Short(digits)) => {
            logs.retain(|(id, _)| id.get(24..).is_some_and(|tail| tail.starts_with(&digits)))
        }
        Some(JobName::Newest(n)) => logs = logs.into_iter().rev().skip(n as usize - 1).take(1).collect(),
        Some(JobName::Running) | None => logs.clear(),
    }
    let more = logs.len();
    match logs.pop() {
        Some((_, one)) if more == 1 => Ok(one),
        Some(_) => Err(Error::Usage(format!(
            "The logs of {more} jobs begin with {shown}: give more of the id."
        ))),
        None => Err(Error::Usage(format!(
            "There is no log of a job {shown}: `darkroom queue --all` lists the jobs; those that never ran have none, and only \
             the newest logs are kept."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("019a0000-0001", Ok("019a0000-0001-7000-8000-000000000012.log"))]
    #[case("019A00000002", Ok("019a0000-0002-7000-8000-0000000000ff.log"))]
    #[case("gggggghj", Ok("019a0000-0001-7000-8000-000000000012.log"))]
    #[case("ggggggz", Ok("019a0000-0002-7000-8000-0000000000ff.log"))]
    #[case("@last", Ok("019a0000-0002-7000-8000-0000000000ff.log"))]
    #[case("@2", Ok("019a0000-0001-7000-8000-000000000012.log"))]
    #[case("@3", Err("There is no log of a job @3"))]
    #[case("ggg", Err("The logs of 2 jobs begin with ggg"))]
    #[case("019a", Err("The logs of 2 jobs begin with 019a"))]
    #[case("7", Err("There is no log of a job 7"))]
    #[case("", Err("There is no log of a job"))]
    fn a_job_is_found_by_its_beginning(#[case] job: &str, #[case] expected: Result<&str, &str>) {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "019a0000-0001-7000-8000-000000000012.log",
            "019a0000-0002-7000-8000-0000000000ff.log",
            "019a0000-0002-7000-8000-0000000000ff.log.1",
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
