//! What a daemon in the background lays down of the command that started it: niceness, limits, ignored signals, its standard
//! error. The command's side (variables, descriptors, working directory) is in `protocol/client/src/start/caller.rs`.
//!
//! Nothing here fails: what the system does not allow stays, and `darkroom doctor` looks at the running process and says so.

use std::fs::File;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::logging;

/// Limits that a job would run into: raised beyond what the caller's shell had, where that is allowed.
const RAISED: [Resource; 5] = [
    Resource::Cpu,
    Resource::Fsize,
    Resource::Data,
    Resource::As,
    Resource::Rss,
];
/// The signals that a caller may have ignored, as `nohup` and background jobs of a shell do, and that mean nothing to a daemon.
/// Those that do mean something are listened for anyway. 25 and 24 (file size, processor time) stay ignored where they are: a
/// worker would die of them.
const IGNORED: [i32; 13] = [
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGCONT,
    libc::SIGWINCH,
    libc::SIGURG,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
];

/// Niceness and limits. Before there is a second thread: some systems count niceness by thread.
pub fn priorities_and_limits() {
    if rustix::process::getpriority_process(None).is_ok_and(|nice| nice != 0) {
        let _ = rustix::process::setpriority_process(None, 0);
    }
    for limit in RAISED {
        let unlimited = Rlimit {
            current: None,
            maximum: None,
        };
        if setrlimit(limit, unlimited).is_err() {
            up_to_its_maximum(limit);
        }
    }
    for limit in [Resource::Nproc, Resource::Nofile, Resource::Memlock] {
        up_to_its_maximum(limit);
    }
}

/// As far as any user may raise it.
fn up_to_its_maximum(limit: Resource) {
    let Rlimit { maximum, .. } = getrlimit(limit);
    let _ = setrlimit(
        limit,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

/// Signals: within the runtime. One that was ignored would be in every worker; one that is listened for is not.
pub fn signals() {
    let ignored = std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .unwrap_or(0);
    let is_ignored = |number: &i32| ignored >> (number - 1) & 1 == 1;
    for number in IGNORED.into_iter().filter(is_ignored) {
        // The listener stays when its receiver goes.
        drop(signal(SignalKind::from_raw(number)));
    }
    for number in [libc::SIGXFSZ, libc::SIGXCPU] {
        if !is_ignored(&number) {
            drop(signal(SignalKind::from_raw(number)));
        }
    }
}

/// Standard output and error go to the log from now on, else nowhere: the command that waits for the start has its answer.
pub fn output(log: &Path) {
    let file = logging::open(log).or_else(|_| File::options().write(true).open("/dev/null"));
    let Ok(file) = file else { return };
    let _ = rustix::stdio::dup2_stdout(&file);
    let _ = rustix::stdio::dup2_stderr(&file);
}
