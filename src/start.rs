//! The daemon for a verb: one that runs, one that is started, or what is kept where none runs. Finding and starting is the client
//! crate's; here is what only this command can do, which has the daemon's own crate inside.

use std::pin::Pin;
use std::time::{Duration, Instant};

use darkroom_client::start::{self, NONE, between};
pub use darkroom_client::start::{Owner, owner};
use darkroom_client::{Answer, Client, Here};
use darkroom_daemon::Kept;
use darkroom_protocol::Request;
use darkroom_protocol::paths::Paths;

use crate::{Error, Result};

/// A daemon that is starting or ending is waited for so long.
const BETWEEN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(40);

/// What is kept, as what stands for a daemon.
#[derive(Debug)]
struct NoDaemon(Kept);

impl Here for NoDaemon {
    fn answer(&mut self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.0.answer(request))
    }
}

/// As [`start::ensure()`], in this command's errors.
///
/// # Errors
/// As there.
pub async fn ensure(paths: &Paths) -> Result<Client> {
    Ok(start::ensure(paths).await?)
}

/// As [`start::find`].
///
/// # Errors
/// As there.
pub async fn find(paths: &Paths) -> Result<Option<Client>> {
    Ok(start::find(paths).await?)
}

/// As [`start::existing`].
///
/// # Errors
/// As there.
pub async fn existing(paths: &Paths) -> Result<Client> {
    Ok(start::existing(paths).await?)
}

/// The daemon where one runs, else what it kept, to be looked at or changed: nothing is started for that.
///
/// # Errors
/// When a daemon runs and cannot be talked to.
pub async fn kept(paths: &Paths) -> Result<Client> {
    // What another machine keeps its own daemon alone can tell.
    if paths.host.is_some() {
        return ensure(paths).await;
    }
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
            _ => return Ok(Client::here(Box::new(NoDaemon(Kept::new(paths.clone()))))),
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
