//! The start algorithm, apart from the system so that it can be tested: connect; else take the start-up lock and connect
//! again; else look who holds the daemon's lock, and start one when nobody does.

use std::time::Duration;

use darkroom_protocol::Error as Wire;

use crate::{Error, Result};

/// A daemon that was started, or that holds the lock, must answer within this time.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Another client that is starting a daemon gets a little longer than that.
const LOCK_PATIENCE: Duration = Duration::from_secs(25);

/// What the algorithm needs of the system.
pub trait World {
    /// A connection.
    type Client;
    /// The start-up lock; released when dropped.
    type Guard;

    /// Connects and greets.
    async fn connect(&mut self) -> darkroom_protocol::Result<Self::Client>;
    /// The start-up lock, `None` while another client holds it.
    fn lock_startup(&mut self) -> Result<Option<Self::Guard>>;
    /// The pid of the daemon's lock's holder (0 when it has not signed); `None` when nobody holds it.
    fn holder(&mut self) -> Result<Option<u32>>;
    /// Starts a daemon.
    fn spawn(&mut self) -> Result<()>;
    /// How the daemon that was started has ended, if it has.
    fn ended(&mut self) -> Option<String>;
    /// Waits a moment.
    async fn pause(&mut self);
    /// Time since the beginning.
    fn elapsed(&self) -> Duration;
    /// An error for a daemon (pid) that holds the lock and does not answer.
    fn silent(&self, pid: u32) -> Error;
    /// An error for a daemon that was started and did not come up, and why.
    fn stillborn(&self, why: &str) -> Error;
}

/// A connection to the daemon, which is started if need be.
pub async fn ensure<W: World>(world: &mut W) -> Result<W::Client> {
    if let Some(client) = attempt(world).await? {
        return Ok(client);
    }
    let guard = startup(world).await?;
    let result = bring_up(world).await;
    drop(guard);
    result
}

/// Connects. `None` when nobody listens, or hangs up before a word: that one is on its way out.
async fn attempt<W: World>(world: &mut W) -> Result<Option<W::Client>> {
    match world.connect().await {
        Ok(client) => Ok(Some(client)),
        Err(Wire::Unreachable { .. } | Wire::Closed(_) | Wire::Bye(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

async fn startup<W: World>(world: &mut W) -> Result<W::Guard> {
    let end = world.elapsed() + LOCK_PATIENCE;
    loop {
        if let Some(guard) = world.lock_startup()? {
            return Ok(guard);
        }
        if world.elapsed() >= end {
            return Err(Error::Unreachable(format!(
                "Another command has been starting the daemon for {} s: see `darkroom daemon logs`.",
                LOCK_PATIENCE.as_secs()
            )));
        }
        world.pause().await;
    }
}

/// Under the start-up lock. Another client may have started a daemon in the meantime, so it begins with connecting.
async fn bring_up<W: World>(world: &mut W) -> Result<W::Client> {
    let mut spawned = false;
    let mut holder = 0;
    let mut end = world.elapsed() + PATIENCE;
    loop {
        if let Some(client) = attempt(world).await? {
            return Ok(client);
        }
        if spawned {
            if let Some(how) = world.ended() {
                // It may have lost against a daemon that a service manager started.
                return attempt(world).await?.ok_or_else(|| world.stillborn(&how));
            }
        } else if let Some(pid) = world.holder()? {
            holder = pid;
        } else {
            world.spawn()?;
            spawned = true;
            end = world.elapsed() + PATIENCE;
        }
        if world.elapsed() >= end {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            return Err(if spawned {
                world.stillborn(&why)
            } else {
                world.silent(holder)
            });
        }
        world.pause().await;
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
