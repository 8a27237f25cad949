//! A worker whose daemon is gone ends, whatever it is doing.

use rustix::process::{Signal, getpid, kill_process};

/// Ends this process now. An orderly exit would run libtorch's destructors beside a thread that computes, which may crash or
/// never return.
pub fn at_once() -> ! {
    // A process may always signal itself; the second way is for systems that say otherwise.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

/// Lets the kernel end this process with its daemon, even while it is stopped and cannot see its channel close.
pub fn with_the_daemon() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        tracing::debug!("the kernel will not end this worker with its daemon: {error}");
    }
}
