//! Finding the daemon, and starting it where it is needed: once, even when ten clients race.
//!
//! [`ensure()`] starts one, [`find`] and [`existing`] only look. What a client does where none runs is its own affair: the command
//! answers from what is kept.

mod caller;
mod ensure;
mod owner;
mod service;
mod system;

use darkroom_protocol::Error as Wire;
use darkroom_protocol::host::Host;
use darkroom_protocol::paths::{LockRecord, Paths};
use darkroom_protocol::text::escape_line;

use crate::elsewhere::LOOK;
use crate::words::shown;
use crate::{Client, Error, Result};
pub use owner::{Owner, owner};
pub use service::{config_folder, is_started_by_connecting, unit};

/// What is said by who needs a daemon and starts none.
pub const NONE: &str = "No daemon is running: `darkroom daemon start` starts one.";

/// The daemon; it is started when none runs, by this program's `daemon run --background`.
///
/// # Errors
/// [`Error::Unreachable`] with the reason and the remedy when it does not come up.
pub async fn ensure(paths: &Paths) -> Result<Client> {
    if paths.host.is_some() {
        return Ok(Client::connect(paths).await?);
    }
    ensure::ensure(&mut system::System::new(paths)).await
}

/// The daemon if one runs, `None` otherwise, and where it hangs up before a word: that one is on its way out, or was killed just
/// now. Nothing is started, not by a service manager either that would start one for whoever connects.
///
/// # Errors
/// When one runs and cannot be talked to.
pub async fn find(paths: &Paths) -> Result<Option<Client>> {
    if let Some(host) = &paths.host {
        return elsewhere(host, paths).await;
    }
    if matches!(owner(paths), Ok(Owner::Nobody)) && is_started_by_connecting(paths) {
        return Ok(None);
    }
    match Client::connect(paths).await {
        Ok(client) => Ok(Some(client)),
        Err(darkroom_protocol::Error::Unreachable { .. } | darkroom_protocol::Error::Closed(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The daemon of another machine if one runs there.
async fn elsewhere(host: &Host, paths: &Paths) -> Result<Option<Client>> {
    match Client::connect_to(host, &paths.cache, LOOK).await {
        Ok(client) => Ok(Some(client)),
        Err(Wire::Unreachable { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The daemon, which must run already.
///
/// # Errors
/// [`Error::Unreachable`] when none runs.
pub async fn existing(paths: &Paths) -> Result<Client> {
    if let Some(host) = &paths.host {
        let name = escape_line(&host.name);
        return find(paths).await?.ok_or_else(|| {
            Error::Unreachable(format!(
                "No daemon is running on {name}: `darkroom -H {name} daemon start` starts one."
            ))
        });
    }
    match (find(paths).await?, owner(paths)) {
        (Some(client), _) => Ok(client),
        (None, Ok(Owner::Somebody(record))) => Err(Error::Unreachable(between(record.as_ref()))),
        (None, _) => Err(Error::Unreachable(NONE.to_owned())),
    }
}

/// What is said of a daemon that holds its lock while nobody answers.
pub fn between(record: Option<&LockRecord>) -> String {
    let (pid, place) = match record {
        Some(record) => (record.pid, format!(" at {}", shown(&record.socket))),
        None => (0, String::new()),
    };
    format!(
        "A daemon (pid {pid}) runs but does not listen{place}: it is starting or ending, or its socket was removed and will be made \
         again. Try again in a few seconds."
    )
}
