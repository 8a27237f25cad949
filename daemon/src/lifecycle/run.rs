use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use super::lock::Lock;
use super::{RunOptions, Socket, files, log, signals};
use crate::catalog::Catalog;
use crate::dispatch::{Dispatch, Tools};
use crate::events::Bus;
use crate::expand::canonical_device;
use crate::gallery::Gallery;
use crate::server::{Context, Uploads, accept};
use crate::settings::Settings;
use crate::store::Store;
use crate::{Error, Result};

/// What still blocks after the farewell (a disk that hangs) is given so long.
const LAST: Duration = Duration::from_millis(500);

/// Runs a daemon until a client, SIGTERM or SIGINT ends it.
///
/// # Errors
/// In words: another daemon runs, a folder or the database cannot be used, the settings are wrong.
pub fn run(options: RunOptions) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("darkroom")
        .enable_all()
        .build()
        .map_err(|e| Error::io("start", Path::new("the daemon's threads"), e))?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        signals::listen(stop.clone())?;
        let daemon = Daemon::prepare(options, stop).await?;
        live(daemon).await;
        Ok(())
    });
    if let Err(error) = &result {
        tracing::error!("{error}");
    }
    runtime.shutdown_timeout(LAST);
    result
}

/// A daemon that holds the lock and listens.
pub(crate) struct Daemon {
    pub context: Arc<Context>,
    socket: Socket,
    /// Held to the end.
    _lock: Lock,
}

impl Daemon {
    /// Takes the lock, opens what there is, puts interrupted jobs back into the line, and listens.
    pub async fn prepare(options: RunOptions, stop: CancellationToken) -> Result<Self> {
        let RunOptions {
            paths,
            foreground,
            worker,
            mut limits,
        } = options;
        files::prepare(&paths)?;
        let lock = Lock::take(&paths)?;
        log::start(&paths.log(), foreground)?;
        limits.connections = limits.connections.min(files::raise_limit());
        let settings = Settings::load(&paths.config_file())?;
        let gallery = Gallery::open(&paths)?;
        let swept = gallery.sweep_staging()?;
        files::prune_logs(&paths.job_logs());
        let uploads = Uploads::open(&paths.inputs())?;
        let store = Store::open(&paths.database())?;
        let recovered = store.recover().await?;
        tracing::info!(
            pid = std::process::id(),
            recovered = recovered.len(),
            swept,
            "darkroom {} begins",
            env!("CARGO_PKG_VERSION")
        );
        let bus = Arc::new(Bus::after(micros_since_1970()));
        let tools = Tools {
            store: store.clone(),
            bus: bus.clone(),
            gallery,
            paths: paths.clone(),
            limits: limits.clone(),
            program: worker,
            device: settings
                .device
                .as_deref()
                .and_then(canonical_device)
                .unwrap_or_default(),
            models: settings.models.clone(),
            settings: settings.clone(),
        };
        let dispatch = Dispatch::start(tools).await?;
        let socket = Socket::bind(&paths.socket())?;
        let context = Context {
            store,
            bus,
            dispatch,
            catalog: Catalog::new(&settings),
            settings,
            paths,
            limits,
            uploads,
            budget: Default::default(),
            started: Instant::now(),
            stop,
        };
        Ok(Self {
            context: Arc::new(context),
            socket,
            _lock: lock,
        })
    }
}

/// No daemon makes a million events a second, so a later one begins above all numbers of its forerunners, as long as the clock
/// is not set back. JSON holds such numbers exactly until the year 2255.
fn micros_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

/// Serves until told to stop, then says goodbye: to peers, to workers, to the store. No part of it takes longer than the
/// farewell allows.
pub(crate) async fn live(daemon: Daemon) {
    let Daemon { context, socket, _lock } = daemon;
    let serving = tokio::spawn(accept(socket, context.clone()));
    context.stop.cancelled().await;
    tracing::info!("the daemon ends");
    let farewell = async {
        let ((), served) = tokio::join!(context.dispatch.stop(), serving);
        if let Err(error) = served {
            tracing::error!("the server ended badly: {error}");
        }
        if let Err(error) = context.store.close().await {
            tracing::warn!("{error}");
        }
    };
    if tokio::time::timeout(context.limits.farewell, farewell).await.is_err() {
        tracing::warn!("the daemon ended before everybody was done");
    }
    tracing::info!("the daemon has ended");
}
