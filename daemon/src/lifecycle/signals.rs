//! What signals ask of the daemon: to end, to end at once, to read its settings again.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::Stop;
use crate::{Error, Result};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    End,
    Reload,
}

/// Obeys signals: SIGTERM and SIGINT end the daemon, a second one at once; SIGHUP is told through the channel that comes back.
/// In a terminal SIGHUP means that the terminal has gone, and ends the daemon too.
///
/// # Errors
/// When the system takes no handlers.
pub fn listen(stop: Stop, terminal: bool) -> Result<mpsc::Receiver<()>> {
    let hangup = if terminal { Wish::End } else { Wish::Reload };
    let kinds = [
        (SignalKind::terminate(), Wish::End),
        (SignalKind::interrupt(), Wish::End),
        (SignalKind::hangup(), hangup),
    ];
    let (reload, reloads) = mpsc::channel(1);
    for (kind, wish) in kinds {
        let arrives = signal(kind).map_err(|e| Error::io("listen for signals of", Path::new("the system"), e))?;
        tokio::spawn(obey(arrives, kind, wish, stop.clone(), reload.clone()));
    }
    Ok(reloads)
}

async fn obey(mut arrives: Signal, kind: SignalKind, wish: Wish, stop: Stop, reload: mpsc::Sender<()>) {
    while let Some(()) = arrives.recv().await {
        let signal = kind.as_raw_value();
        match wish {
            Wish::Reload => drop(reload.try_send(())),
            Wish::End if stop.gently.is_cancelled() => {
                tracing::warn!(signal, "a second signal ends the daemon at once");
                stop.now.cancel();
            }
            Wish::End => {
                tracing::info!(signal, "a signal asks the daemon to end");
                stop.gently.cancel();
            }
        }
    }
}
