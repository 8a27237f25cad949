use std::time::{Duration, Instant};

use darkroom_protocol::Error as Wire;
use darkroom_protocol::client::Client;
use darkroom_protocol::paths::Paths;
use rustix::process::{Pid, Signal, kill_process};

use crate::start::{Owner, owner};
use crate::{Error, Result, block_on, say};

/// A daemon that was asked to end is gone within this time: it gives its workers a few seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// A daemon that was killed is gone within this time.
const KILLED: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

pub fn run(force: bool) -> Result<()> {
    if end(force)? {
        say::note("The daemon has ended; its jobs are kept.");
    } else {
        say::note("No daemon is running.");
    }
    Ok(())
}

/// Ends the daemon and waits until it is gone; `false` when none ran. One that speaks another version is ended by a signal.
pub(super) fn end(force: bool) -> Result<bool> {
    let paths = Paths::from_env()?;
    block_on(async {
        let asked = match Client::connect(&paths).await {
            Ok(mut client) => client.shutdown().await,
            Err(e) => Err(e),
        };
        match asked {
            Ok(()) | Err(Wire::Closed(_) | Wire::Bye(_)) => {}
            Err(Wire::Unreachable { .. }) if holder(&paths)?.is_none() => return Ok(false),
            // Its lock is where another version looks for it.
            Err(Wire::Version { pid: other @ 2.., .. }) if holder(&paths)?.is_none() => {
                return end_other(&paths, other, force).await;
            }
            Err(Wire::Timeout { .. }) if force => return kill(&paths, force).await,
            // It cannot be talked to, but the lock says who it is.
            Err(e) => match holder(&paths)? {
                Some(pid) => signal(pid, Signal::TERM)?,
                None => return Err(e.into()),
            },
        }
        if gone(&paths, PATIENCE).await? {
            return Ok(true);
        }
        kill(&paths, force).await
    })
}

/// Ends a daemon of another version by its process id, and waits until its socket is free.
async fn end_other(paths: &Paths, pid: u32, force: bool) -> Result<bool> {
    signal(pid, Signal::TERM)?;
    let mut end = Instant::now() + PATIENCE;
    let mut killed = false;
    while !matches!(Client::connect(paths).await, Err(Wire::Unreachable { .. })) {
        if Instant::now() >= end {
            if killed || !force {
                let seconds = PATIENCE.as_secs();
                return Err(Error::Unreachable(format!(
                    "The daemon of another version (pid {pid}) did not end within {seconds} s: --force kills it; its jobs are kept."
                )));
            }
            signal(pid, Signal::KILL)?;
            killed = true;
            end = Instant::now() + KILLED;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(true)
}

async fn kill(paths: &Paths, force: bool) -> Result<bool> {
    let Some(pid) = holder(paths)? else {
        return Ok(true);
    };
    if !force {
        let seconds = PATIENCE.as_secs();
        return Err(Error::Unreachable(format!(
            "The daemon (pid {pid}) did not end within {seconds} s: --force kills it; its jobs are kept."
        )));
    }
    signal(pid, Signal::KILL)?;
    if gone(paths, KILLED).await? {
        return Ok(true);
    }
    Err(Error::Unreachable(format!(
        "The daemon (pid {pid}) cannot be killed: see `ps -p {pid}`."
    )))
}

/// The pid of the lock's holder, 0 when it has not signed.
fn holder(paths: &Paths) -> Result<Option<u32>> {
    match owner(paths) {
        Ok(Owner::Nobody) => Ok(None),
        Ok(Owner::Somebody(record)) => Ok(Some(record.map_or(0, |r| r.pid))),
        Err(e) => Err(Error::Failed(format!(
            "The lock {} cannot be read: {e}.",
            say::shown(&paths.lock())
        ))),
    }
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let target = target.ok_or_else(|| Error::Failed("A daemon is just starting: try again.".to_owned()))?;
    match kill_process(target, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(e) => Err(Error::Failed(format!(
            "The daemon (pid {pid}) cannot be signalled: {e}."
        ))),
    }
}

async fn gone(paths: &Paths, patience: Duration) -> Result<bool> {
    let end = Instant::now() + patience;
    while holder(paths)?.is_some() {
        if Instant::now() >= end {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(true)
}
