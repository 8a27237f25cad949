//! Finding the daemon, and starting it where a verb needs one: once, even when ten clients race.

mod ensure;
mod owner;
mod system;

use darkroom_protocol::client::Client;
use darkroom_protocol::paths::Paths;

use crate::{Error, Result};
pub use owner::{Owner, owner};

/// The daemon; it is started when none runs.
///
/// # Errors
/// [`Error::Unreachable`] with the reason and the remedy when it does not come up.
pub async fn ensure(paths: &Paths) -> Result<Client> {
    ensure::ensure(&mut system::System::new(paths)).await
}

/// The daemon if one runs, `None` otherwise.
///
/// # Errors
/// When one runs and cannot be talked to.
pub async fn find(paths: &Paths) -> Result<Option<Client>> {
    match Client::connect(paths).await {
        Ok(client) => Ok(Some(client)),
        Err(darkroom_protocol::Error::Unreachable { .. }) => Ok(None),
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
        (None, Ok(Owner::Somebody(Some(record)))) => Err(Error::Unreachable(format!(
            "A daemon (pid {}) runs but does not listen at {}: it is starting or ending, or its socket was removed and will be made \
             again. Try again in a few seconds.",
            record.pid,
            crate::say::shown(&record.socket)
        ))),
        (None, _) => Err(Error::Unreachable(
            "No daemon is running: `darkroom daemon start` starts one.".to_owned(),
        )),
    }
}
