//! A daemon in the test's own process, with a home of its own and workers that are fake.

use std::sync::Arc;
use std::time::Duration;

use darkroom_protocol::paths::Paths;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Client;
use crate::RunOptions;
use crate::lifecycle::{Daemon, Stop, live};
use crate::server::Context;
use crate::workers::fake;

/// Longer than anything that a test waits for takes.
pub const SOON: Duration = Duration::from_secs(300);

/// A daemon in this process, with a home and workers of its own.
pub struct Rig {
    pub home: Arc<tempfile::TempDir>,
    pub paths: Paths,
    pub context: Arc<Context>,
    living: JoinHandle<()>,
}

impl Rig {
    /// One whose workers do what prompts say.
    pub async fn start() -> Self {
        Self::with("", |_| {}).await
    }

    /// One with such workers (see `workers::fake`) and other options.
    pub async fn with(mode: &str, change: impl FnOnce(&mut RunOptions)) -> Self {
        Self::at(Arc::new(tempfile::tempdir().unwrap()), mode, change).await
    }

    /// One in a home that may have been lived in.
    pub async fn at(home: Arc<tempfile::TempDir>, mode: &str, change: impl FnOnce(&mut RunOptions)) -> Self {
        let paths = Paths::under(home.path());
        let mut options = RunOptions::new(paths.clone());
        options.worker = Some(fake::program(mode));
        options.limits.restart = Duration::from_millis(1);
        // A busy machine takes its time: what a test does not ask for is not cut short.
        options.limits.first_message = SOON;
        options.limits.farewell = Duration::from_secs(30);
        change(&mut options);
        let daemon = Daemon::prepare(options, Stop::default(), None).await.unwrap();
        let context = daemon.context.clone();
        let (_, reloads) = mpsc::channel(1);
        Self {
            home,
            paths,
            context,
            living: tokio::spawn(live(daemon, reloads)),
        }
    }

    /// A client that has said hello.
    pub async fn client(&self) -> Client {
        Client::greet(self.dial().await).await
    }

    /// A connection on which nothing was said.
    pub async fn dial(&self) -> UnixStream {
        UnixStream::connect(self.paths.socket()).await.unwrap()
    }

    /// Ends the daemon; its home stays.
    pub async fn stop(self) -> Arc<tempfile::TempDir> {
        self.context.stop.cancel();
        drop(self.context);
        timeout(SOON, self.living).await.unwrap().unwrap();
        self.home
    }
}
