//! Where a worker's output goes: the log of the job that it works on, bounded, and its last lines kept for failure messages.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::text::escape_line;

use crate::logging;

/// Lines kept in memory for failure messages.
const LINES: usize = 20;
/// The longest line kept in memory, in bytes.
const LINE: usize = 400;
/// What one job, or a worker between jobs, may write to disk, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Where a worker's output goes: to one file while it works on a job, to another between jobs. Clones share it.
#[derive(Clone, Debug)]
pub struct WorkerLog(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    between: PathBuf,
    file: Option<File>,
    written: u64,
    lines: VecDeque<String>,
    line: Vec<u8>,
}

impl WorkerLog {
    /// A log that goes to the file `between` until a job comes.
    pub fn new(between: &Path) -> Self {
        let log = Self(Arc::new(Mutex::new(State {
            between: between.to_owned(),
            file: None,
            written: 0,
            lines: VecDeque::new(),
            line: Vec::new(),
        })));
        log.end_job();
        log
    }

    /// What comes now is of the job whose log is at `path`.
    pub fn begin_job(&self, path: &Path) {
        self.with(|state| {
            state.lines.clear();
            state.turn_to(path);
        });
    }

    /// What comes now is of no job.
    pub fn end_job(&self) {
        self.with(|state| {
            let between = state.between.clone();
            state.turn_to(&between);
        });
    }

    /// Takes what the worker printed.
    pub fn write(&self, bytes: &[u8]) {
        self.with(|state| {
            state.keep(bytes);
            if let Err(error) = state.store(bytes) {
                tracing::warn!("the worker's log cannot be written: {error}");
                state.file = None;
            }
        });
    }

    /// The last lines, oldest first, safe to print.
    pub fn last_lines(&self) -> Vec<String> {
        self.with(|state| {
            let unfinished = (!state.line.is_empty()).then(|| printable(&state.line));
            state.lines.iter().cloned().chain(unfinished).collect()
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn turn_to(&mut self, path: &Path) {
        let opened = logging::open(path);
        if let Err(error) = &opened {
            tracing::warn!("{} cannot be opened: {error}", crate::error::shown(path));
        }
        self.file = opened.ok();
        self.written = 0;
    }

    fn keep(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LINE => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(printable(&line));
    }

    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let room = MAX_FILE.saturating_sub(self.written);
        self.written += bytes.len() as u64;
        if bytes.len() as u64 <= room {
            return file.write_all(bytes);
        }
        file.write_all(&bytes[..room as usize])?;
        file.write_all(b"\n(the log is full: what follows is not kept)\n")?;
        self.file = None;
        Ok(())
    }
}

fn printable(line: &[u8]) -> String {
    escape_line(String::from_utf8_lossy(line).trim()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_has_its_own_file() {
        let dir = tempfile::tempdir().unwrap();
        let (between, job) = (dir.path().join("worker.log"), dir.path().join("job.log"));
        let log = WorkerLog::new(&between);
        log.write(b"before\n");
        log.begin_job(&job);
        log.write(b"dur");
        log.write(b"ing\nand \x1b[31mon");
        assert_eq!(log.last_lines(), ["during", "and \\u{1b}[31mon"]);
        log.end_job();
        log.write(b"\nafter\n");
        assert_eq!(std::fs::read(&job).unwrap(), b"during\nand \x1b[31mon");
        assert_eq!(std::fs::read(&between).unwrap(), b"before\n\nafter\n");
    }

    #[test]
    fn a_flood_is_cut_on_disk_and_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("worker.log");
        let log = WorkerLog::new(&path);
        for _ in 0..80 {
            log.write(&vec![b'x'; 64 * 1024]);
            log.write(b"\n");
        }
        let written = std::fs::metadata(&path).unwrap().len();
        assert!(written > MAX_FILE && written < MAX_FILE + 100, "{written}");
        assert_eq!(log.last_lines().len(), LINES);
        assert!(log.last_lines().iter().all(|line| line.len() == LINE));
    }

    #[test]
    fn a_folder_that_is_gone_does_not_matter() {
        let log = WorkerLog::new(Path::new("/nowhere/worker.log"));
        log.write(b"still kept\n");
        assert_eq!(log.last_lines(), ["still kept"]);
    }
}
