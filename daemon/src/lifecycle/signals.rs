use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{Error, Result};

/// Raises `stop` at SIGTERM, SIGINT or SIGHUP.
///
/// # Errors
/// When the system takes no handlers.
pub fn listen(stop: CancellationToken) -> Result<()> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    for kind in kinds {
        let arrives = signal(kind).map_err(|e| Error::io("listen for signals of", Path::new("the system"), e))?;
        tokio::spawn(obey(arrives, kind, stop.clone()));
    }
    Ok(())
}

async fn obey(mut arrives: Signal, kind: SignalKind, stop: CancellationToken) {
    tokio::select! {
        Some(()) = arrives.recv() => {
            tracing::info!(signal = kind.as_raw_value(), "a signal asks the daemon to end");
            stop.cancel();
        }
        () = stop.cancelled() => {}
    }
}
