//! Finding the daemon, and starting it where a verb needs one: once, even when ten clients race.

mod caller;
mod ensure;
mod owner;
mod system;

use std::time::{Duration, Instant};

use darkroom_daemon::Kept;
use darkroom_protocol::client::Client;
use darkroom_protocol::paths::{LockRecord, Paths};

use crate::{Error, Result};
pub use owner::{Owner, owner};

/// What verbs say that need a daemon and start none.
const NONE: &str = "No daemon is running: `darkroom daemon start` starts one.";
/// A daemon that is starting or ending is waited for so long.
const BETWEEN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(40);

/// The daemon; it is started when none runs.
///
/// # Errors
/// [`Error::Unreachable`] with the reason and the remedy when it does not come up.
pub async fn ensure(paths: &Paths) -> Result<Client> {
    ensure::ensure(&mut system::System::new(paths)).await
}

/// The daemon if one runs, `None` otherwise, and where it hangs up before a word: that one is on its way out, or was killed just
/// now. Nothing is started, not by a service manager either that would start one for whoever connects.
///
/// # Errors
/// When one runs and cannot be talked to.
pub async fn find(paths: &Paths) -> Result<Option<Client>> {
    if matches!(owner(paths), Ok(Owner::Nobody)) && crate::verbs::is_started_by_connecting(paths) {
        return Ok(None);
    }
    match Client::connect(paths).await {
        Ok(client) => Ok(Some(client)),
        Err(darkroom_protocol::Error::Unreachable { .. } | darkroom_protocol::Error::Closed(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The daemon, which must run already.
///
/// # Errors
/// [`Error::Unreachable`] when none runs.
pub async fn existing(paths: &Paths) -> Result<Client> {
    match (find(paths).await?, owner(paths)) {
        (Some(client), _) => Ok(client),
        (None, Ok(Owner::Somebody(record))) => Err(Error::Unreachable(between(record.as_ref()))),
        (None, _) => Err(Error::Unreachable(NONE.to_owned())),
    }
}

/// The daemon where one runs, else what it kept, to be looked at or changed: nothing is started for that.
///
/// # Errors
/// When a daemon runs and cannot be talked to.
pub async fn kept(paths: &Paths) -> Result<Client> {
    let end = Instant::now() + BETWEEN;
    loop {
        if let Some(client) = find(paths).await? {
            return Ok(client);
        }
        match owner(paths) {
            Ok(Owner::Somebody(record)) if Instant::now() >= end => {
                return Err(Error::Unreachable(between(record.as_ref())));
            }
            Ok(Owner::Somebody(_)) => tokio::time::sleep(PAUSE).await,
            _ => return Ok(Client::here(Box::new(Kept::new(paths.clone())))),
        }
    }
}

/// As [`kept`], where something must have been kept.
///
/// # Errors
/// [`Error::Unreachable`] when no daemon runs and none ever did.
pub async fn kept_before(paths: &Paths) -> Result<Client> {
    let client = kept(paths).await?;
    if client.is_daemon() || paths.database().exists() {
        return Ok(client);
    }
    Err(Error::Unreachable(NONE.to_owned()))
}

/// Says that no daemon runs, where that is so: after what was looked at or changed.
pub fn note_if_none(client: &Client) {
    if !client.is_daemon() {
        crate::say::note("No daemon is running: `darkroom daemon start` starts one, which goes on with what waits.");
    }
}

/// A daemon holds its lock and nobody answers.
fn between(record: Option<&LockRecord>) -> String {
    let (pid, place) = match record {
        Some(record) => (record.pid, format!(" at {}", crate::say::shown(&record.socket))),
        None => (0, String::new()),
    };
    format!(
        "A daemon (pid {pid}) runs but does not listen{place}: it is starting or ending, or its socket was removed and will be made \
         again. Try again in a few seconds."
    )
}
