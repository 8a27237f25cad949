//! Everything that can go wrong in the daemon, in words that say what to do, and what kind of failure it is to clients.

use std::path::{Path, PathBuf};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{FailureKind, JobId, JobName, JobState};

use crate::jobs::Move;

/// Why the daemon could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used, or refused this one change.
    #[error("{path}: {what}", path = shown(.path))]
    Database {
        /// The database's file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// The thread that owns the database has ended.
    #[error("The job store has ended: run `darkroom daemon restart`.")]
    StoreEnded,
    /// No job is called so.
    #[error("{}", no_such_job(.id))]
    NoSuchJob {
        /// What was asked for.
        id: String,
    },
    /// Several jobs may be meant.
    #[error("{}", ambiguous_job(.name, .candidates))]
    AmbiguousJob {
        /// What was asked for.
        name: String,
        /// Some of the jobs it may mean, oldest first.
        candidates: Vec<JobId>,
    },
    /// No picture has that name.
    #[error("There is no picture {}: `darkroom history` lists them.", escape_line(.name))]
    NoSuchPicture {
        /// What was asked for.
        name: String,
    },
    /// Several pictures may be meant.
    #[error("{} may mean several pictures: {}; name one by its number.", escape_line(.name),
        .candidates.iter().map(|id| format!("#{id}")).collect::<Vec<_>>().join(", "))]
    AmbiguousPicture {
        /// What was asked for.
        name: String,
        /// Some of the pictures it may mean.
        candidates: Vec<u64>,
    },
    /// A picture has as many tags as it may have.
    #[error(
        "Picture #{picture} would have more than {} tags: take some off first.",
        darkroom_protocol::tag::MAX
    )]
    TooManyTags {
        /// The picture.
        picture: u64,
    },
    /// A job in that state cannot make that move.
    #[error("Job {job} is {state}: it cannot {verb}{remedy}.", job = .job.short(), state = .state.name(), verb = .wanted.verb(), remedy = .wanted.remedy(*.state))]
    IllegalMove {
        /// The job.
        job: JobId,
        /// The state it is in.
        state: JobState,
        /// The move that was asked for.
        wanted: Move,
    },
    /// A job was to stand before or after itself.
    #[error("Job {job} cannot stand beside itself: name another job.", job = .job.short())]
    BesideItself {
        /// The job.
        job: JobId,
    },
    /// A request's id came before, with another request.
    #[error("That request_id is job {job}'s, which was asked for otherwise: give another request its own id.", job = .job.short())]
    OtherRequest {
        /// The job that the id made.
        job: JobId,
    },
    /// A job's row holds what this version cannot read.
    #[error("Job {job} was stored by another version of darkroom and cannot be read ({why}): submit it again.", job = .job.short())]
    UnreadableJob {
        /// The job.
        job: JobId,
        /// What could not be read.
        why: String,
    },
    /// A request or task has no JSON.
    #[error("The job cannot be stored ({0}): this is a defect of darkroom, please report it.")]
    Unstorable(String),
    /// The settings file is wrong.
    #[error("{path}: {what}", path = shown(.path))]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, on which line, and what to do.
        what: String,
    },
    /// A picture that the worker reported is not what it said.
    #[error("The worker's picture {file} {what}: it was not kept.", file = escape_line(.file))]
    Staged {
        /// The name that was reported.
        file: String,
        /// How it differs.
        what: String,
    },
    /// A picture that the worker reported was taken away before it could be kept.
    #[error("The worker's picture {file} is not there: it was taken away before it was kept.", file = escape_line(.file))]
    StagedGone {
        /// The name that was reported.
        file: String,
    },
    /// Reading or writing a file failed.
    #[error("Cannot {doing} {path}: {why}", path = shown(.path), why = io_words(.path, .source))]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another daemon lives.
    #[error("A daemon runs already (process {pid}): `darkroom status` shows it, `darkroom daemon stop` ends it.")]
    AlreadyRunning {
        /// Its process; 0 when it has not said yet.
        pid: u32,
        /// The lock that it holds.
        lock: PathBuf,
    },
    /// There is no program to start workers from.
    #[error(
        "There is no darkroom-worker {tried}: install it with `cargo xtask install`, or set DARKROOM_WORKER to it."
    )]
    NoWorker {
        /// Where it was looked for.
        tried: String,
    },
    /// A folder or message that the wire's own rules refuse.
    #[error(transparent)]
    Wire(#[from] darkroom_protocol::Error),
}

impl Error {
    /// `doing` to `path` failed.
    pub fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

impl Error {
    /// Whether the same may succeed later, when the disk has room or can be written again, or a folder is put right. Whatever
    /// the system says of the daemon's own files is such, but that a file is larger than a limit lets it be.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Database { .. } => true,
            Self::Io { source, .. } => {
                source.raw_os_error().is_some() && source.kind() != std::io::ErrorKind::FileTooLarge
            }
            _ => false,
        }
    }

    /// Whether the machine has too few of something (files, processes, memory) to start a program now.
    pub fn is_want(&self) -> bool {
        const WANTS: [i32; 5] = [libc::EMFILE, libc::ENFILE, libc::EAGAIN, libc::ENOMEM, libc::ETXTBSY];
        match self {
            Self::Io { source, .. } => source.raw_os_error().is_some_and(|code| WANTS.contains(&code)),
            _ => false,
        }
    }
}

impl From<Error> for RemoteError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Database { .. } | Error::Io { .. } | Error::Staged { .. } | Error::StagedGone { .. } => {
                FailureKind::Disk
            }
            Error::NoSuchJob { .. } | Error::AmbiguousJob { .. } | Error::IllegalMove { .. } => FailureKind::Usage,
            Error::NoSuchPicture { .. } | Error::AmbiguousPicture { .. } | Error::TooManyTags { .. } => {
                FailureKind::Usage
            }
            Error::BesideItself { .. } | Error::OtherRequest { .. } => FailureKind::Usage,
            Error::Settings { .. } => FailureKind::Usage,
            Error::AlreadyRunning { .. } | Error::NoWorker { .. } | Error::Wire(_) => FailureKind::Internal,
            Error::StoreEnded | Error::UnreadableJob { .. } | Error::Unstorable(_) => FailureKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

/// A path, safe to print.
pub(crate) fn shown(path: &Path) -> String {
    escape_line(&path.to_string_lossy()).into_owned()
}

/// What a failed file operation means, ending in what to do where that is known.
fn io_words(path: &Path, error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => full(path),
        Kind::AlreadyExists | Kind::NotADirectory | Kind::IsADirectory => {
            "something else is in its place: move that away.".to_owned()
        }
        Kind::PermissionDenied => "permission denied: make it yours or set DARKROOM_HOME.".to_owned(),
        Kind::ReadOnlyFilesystem => "the file system is read-only: set DARKROOM_HOME to another folder.".to_owned(),
        _ => format!("{error}."),
    }
}

fn no_such_job(name: &str) -> String {
    let shown = escape_line(name);
    match (JobName::parse(name), name.trim().starts_with('@')) {
        (Some(JobName::Running), _) => "No job runs now: `darkroom queue` lists those that wait.".to_owned(),
        (None, true) => {
            format!("There is no job {shown}: besides its id, @last, @2 (the second newest) and @running name a job.")
        }
        _ => format!("There is no job {shown}: `darkroom queue` lists them."),
    }
}

fn ambiguous_job(name: &str, candidates: &[JobId]) -> String {
    let mut ids: Vec<String> = candidates.iter().map(JobId::short).collect();
    let mut differ = ids.clone();
    differ.sort_unstable();
    differ.dedup();
    if differ.len() < ids.len() {
        // Jobs of a release that did not keep short ids apart.
        ids = candidates.iter().map(JobId::to_string).collect();
    }
    let list = ids.join(", ");
    match JobName::parse(name) {
        Some(JobName::Running) => format!("Several jobs run: {list}. Name one of them."),
        Some(JobName::Short(_)) => format!(
            "Several jobs begin with {}: {list}. Give more letters.",
            escape_line(name)
        ),
        _ => format!(
            "Several jobs begin with {}: {list}. Give more digits.",
            escape_line(name)
        ),
    }
}

/// What a disk that takes nothing more is short of.
pub(crate) fn full(path: &Path) -> String {
    let folder = path.ancestors().find(|folder| folder.is_dir());
    let found = folder.and_then(|folder| rustix::fs::statvfs(folder).ok());
    // File systems that make inodes as they need them say that they have none at all.
    if found.is_some_and(|disk| disk.f_files > 0 && disk.f_favail == 0) {
        return "the disk takes no more files, it has no inodes left: remove some files and try again.".to_owned();
    }
    "the disk is full: free some space and try again.".to_owned()
}
