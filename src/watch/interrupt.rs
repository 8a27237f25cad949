use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Error, Result};

/// What Ctrl-C does to the job that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInterrupt {
    /// The first ends the job, the second stops waiting for that.
    Cancel,
    /// The job goes on without a watcher.
    Leave,
}

/// Ctrl-C, from now on.
pub struct Interrupts(Signal);

impl Interrupts {
    /// Takes Ctrl-C over from the system.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> Result<Self> {
        darkroom_tui::restore::leave_interrupts();
        let signal = signal(SignalKind::interrupt());
        signal
            .map(Self)
            .map_err(|e| Error::Failed(format!("Ctrl-C cannot be watched: {e}.")))
    }

    /// The next Ctrl-C.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
