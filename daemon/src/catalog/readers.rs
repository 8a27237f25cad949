//! The threads that read models' files: two, always the same ones. A stranger's files may cost some tens of megabytes while they are
//! read, and what an allocator keeps for a thread it keeps for each, so neither the files at one time nor the threads may be many.
//! The catalogue asks them once its kept cards have no answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, ModelCard};

use super::seen::Stamp;

/// Models whose files are read at one time.
const AT_ONCE: usize = 2;

/// The card of a model and what it came from, or why there is none.
pub(super) type Found = Result<(Stamp, ModelCard), RemoteError>;

/// How a model is read, by its name and path.
pub(super) type Read = fn(&str, &Path) -> Found;

/// See the module. They begin with the first model and end with this.
#[derive(Debug, Default)]
pub(super) struct Readers {
    line: OnceLock<Sender<Job>>,
}

struct Job {
    read: Read,
    name: String,
    path: PathBuf,
    answer: Sender<Found>,
}

impl Readers {
    /// Reads the model at `path` on one of the threads and waits for that, which blocks this one.
    pub(super) fn read(&self, read: Read, name: &str, path: &Path) -> Found {
        let (answer, found) = channel();
        let job = Job {
            read,
            name: name.to_owned(),
            path: path.to_owned(),
            answer,
        };
        match self.line.get_or_init(begin).send(job) {
            Ok(()) => found.recv().unwrap_or_else(|_| Err(lost(path))),
            // No thread could be begun.
            Err(unsent) => (unsent.0.read)(name, path),
        }
    }
}

/// Begins the threads, as many as the system lets.
fn begin() -> Sender<Job> {
    let (line, jobs) = channel();
    let jobs = Arc::new(Mutex::new(jobs));
    for n in 0..AT_ONCE {
        let jobs = jobs.clone();
        let begun = std::thread::Builder::new()
            .name(format!("models-{n}"))
            .spawn(move || serve(&jobs));
        if let Err(e) = begun {
            tracing::warn!("a thread that reads models cannot be begun: {e}");
        }
    }
    line
}

/// Reads one model after the other until nobody can ask any more.
fn serve(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job {
            read,
            name,
            path,
            answer,
        }) = next
        else {
            return;
        };
        let found = catch_unwind(AssertUnwindSafe(|| read(&name, &path)));
        // Nobody waits any more where this fails.
        let _ = answer.send(found.unwrap_or_else(|_| Err(lost(&path))));
    }
}

fn lost(path: &Path) -> RemoteError {
    let text = format!("{} could not be read: see `darkroom daemon logs`.", path.display());
    RemoteError::new(FailureKind::Internal, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn told(name: &str, path: &Path) -> Found {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        Err(RemoteError::usage(format!("{thread} {name} {}", path.display())))
    }

    #[test]
    fn few_are_read_at_one_time_and_everybody_is_answered() {
        // Of this test alone: others read beside it.
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let counted: Read = |name, path| {
            MOST.fetch_max(INSIDE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            told(name, path)
        };
        let readers = Readers::default();
        std::thread::scope(|scope| {
            for n in 0..16 {
                let readers = &readers;
                scope.spawn(move || {
                    let message = readers
                        .read(counted, &n.to_string(), Path::new("/m"))
                        .unwrap_err()
                        .message;
                    assert!(
                        message.starts_with("models-") && message.ends_with(&format!(" {n} /m")),
                        "{message}"
                    );
                });
            }
        });
        assert!(MOST.load(Ordering::SeqCst) <= AT_ONCE);
    }

    #[test]
    fn a_reader_that_panics_answers_and_goes_on() {
        let readers = Readers::default();
        let panics: Read = |_, _| panic!("as a test wants it");
        for _ in 0..2 * AT_ONCE {
            let told = readers.read(panics, "m", Path::new("/m")).unwrap_err();
            assert_eq!(told.kind, FailureKind::Internal);
        }
        assert_eq!(
            readers.read(told, "m", Path::new("/m")).unwrap_err().kind,
            FailureKind::Usage
        );
    }
}
