//! Back to a job whose daemon is gone: it is durable, so another daemon goes on with it.

use std::time::{Duration, Instant};

use darkroom_protocol::client::Client;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{Error as Wire, JobId};

use crate::progress::Display;
use crate::{Error, Result, start};

/// A daemon that was told to end may be followed by another one within this time, as after `darkroom daemon restart`.
const SUCCESSOR: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// A connection to the daemon that goes on with `job`. One that died is started again; one that was told to end is not,
/// for that was somebody's wish.
///
/// # Errors
/// [`Error::Unreachable`] when none is there in time.
pub(super) async fn reconnect(paths: &Paths, job: JobId, why: &Error, display: &mut Display) -> Result<Client> {
    let short = job.short();
    if matches!(why, Error::Wire(Wire::Bye(_))) {
        display.warn(&format!("{why} Job {short} is kept."));
        return successor(paths, job).await;
    }
    display.warn(&format!("{why} Job {short} is kept: going on with it."));
    start::ensure(paths).await
}

async fn successor(paths: &Paths, job: JobId) -> Result<Client> {
    let end = Instant::now() + SUCCESSOR;
    loop {
        match start::find(paths).await {
            Ok(Some(client)) => return Ok(client),
            Err(e) if !e.is_lost() => return Err(e),
            _ if Instant::now() >= end => {
                return Err(Error::Unreachable(format!(
                    "No daemon is running: `darkroom wait {}` starts one and goes on with the job.",
                    job.short()
                )));
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}
