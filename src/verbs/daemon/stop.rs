//! Ends the daemon that runs: by an order over the socket, by SIGTERM where it cannot be talked to, by SIGKILL only with
//! `--force`. `daemon stop`, `daemon restart` and `daemon install --now` call it. How a process is held and waited for is in
//! `process.rs`; what the daemon does before it ends is its `lifecycle/`.

use std::time::{Duration, Instant};

use darkroom_client::Client;
use darkroom_protocol::Error as Wire;
use darkroom_protocol::paths::Paths;
use rustix::process::Signal;

use super::process::Process;
use crate::start::{Owner, find, owner};
use crate::{Error, Result, block_on, say};

/// A daemon that was asked to end is gone within this time: it gives its workers a few seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// A daemon that was killed is gone within this time.
const KILLED: Duration = Duration::from_secs(5);
/// One that is just starting has signed its lock within this time.
const SIGNED: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

pub fn run(force: bool) -> Result<()> {
    if end(force)? {
        say::note("The daemon has ended; its jobs are kept.");
    } else {
        say::note("No daemon is running.");
    }
    Ok(())
}

/// A daemon that is to end.
struct Target {
    /// Its number, as it or its lock tells.
    pid: u32,
    /// `None` where it is gone already or runs in another container.
    process: Option<Process>,
    asked: Asked,
}

/// How far it was asked to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It has taken the order.
    Taken,
    /// It cannot be talked to.
    NotYet,
    /// It does not answer.
    Silent,
}

/// Ends the daemon that runs now and waits until it is gone; `false` when none ran. It is that one process that is asked, waited
/// for and signalled: clients that arrive meanwhile may start another one, which is left alone.
pub(super) fn end(force: bool) -> Result<bool> {
    let paths = Paths::from_env()?;
    block_on(async {
        match ask(&paths).await? {
            Some(target) => finish(&paths, target, force).await,
            None => Ok(false),
        }
    })
}

/// Finds the daemon and asks it to end; `None` when none runs. One that speaks another version, or is silent, is told by a signal.
async fn ask(paths: &Paths) -> Result<Option<Target>> {
    let target = |pid, asked| Target {
        pid,
        process: Process::of(pid),
        asked,
    };
    match find(paths).await {
        Ok(Some(client)) => Ok(Some(order(client).await)),
        Ok(None) => Ok(signed(paths).await?.map(|pid| target(pid, Asked::NotYet))),
        // Its lock may be where another version looks for it.
        Err(Error::Wire(Wire::Version { pid: pid @ 2.., .. })) => Ok(Some(target(pid, Asked::NotYet))),
        Err(e) => match signed(paths).await? {
            Some(pid) if matches!(e, Error::Wire(Wire::Timeout { .. })) => Ok(Some(target(pid, Asked::Silent))),
            Some(pid) => Ok(Some(target(pid, Asked::NotYet))),
            None => Err(e),
        },
    }
}

async fn order(client: Client) -> Target {
    let pid = client.daemon().pid;
    let process = Process::of(pid);
    // Its answer says that it lived after its process was looked up: that is the one that answers.
    let asked = match client.shutdown().await {
        Ok(()) | Err(Wire::Closed(_) | Wire::Bye(_)) => Asked::Taken,
        Err(Wire::Timeout { .. }) => Asked::Silent,
        Err(_) => Asked::NotYet,
    };
    Target { pid, process, asked }
}

/// Waits for its end, and sees to it.
async fn finish(paths: &Paths, target: Target, force: bool) -> Result<bool> {
    let Some(process) = &target.process else {
        return gone(paths, target.pid).await;
    };
    if target.asked == Asked::NotYet || (target.asked == Asked::Silent && !force) {
        process.signal(Signal::TERM)?;
    }
    let patience = match target.asked {
        Asked::Silent if force => Duration::ZERO,
        _ => PATIENCE,
    };
    if process.ends_within(patience).await {
        return Ok(true);
    }
    let pid = process.pid();
    if !force {
        let seconds = PATIENCE.as_secs();
        return Err(Error::Unreachable(format!(
            "The daemon (pid {pid}) did not end within {seconds} s: --force kills it; its jobs are kept."
        )));
    }
    process.signal(Signal::KILL)?;
    if process.ends_within(KILLED).await {
        return Ok(true);
    }
    Err(Error::Unreachable(format!(
        "The daemon (pid {pid}) cannot be killed: see `ps -p {pid}`."
    )))
}

/// Waits until a daemon that cannot be seen as a process here holds its lock no more.
async fn gone(paths: &Paths, pid: u32) -> Result<bool> {
    let end = Instant::now() + PATIENCE;
    while holder(paths)? == Some(pid) {
        if Instant::now() >= end {
            return Err(Error::Unreachable(format!(
                "The daemon (pid {pid}) did not end within {} s, and there is no such process here: end it where it runs.",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(true)
}

/// The pid of the lock's holder once it has signed; `None` when nobody holds it.
async fn signed(paths: &Paths) -> Result<Option<u32>> {
    let end = Instant::now() + SIGNED;
    loop {
        match holder(paths)? {
            Some(0) if Instant::now() < end => tokio::time::sleep(PAUSE).await,
            Some(0) => {
                return Err(Error::Failed("A daemon is just starting: try again.".to_owned()));
            }
            other => return Ok(other),
        }
    }
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
