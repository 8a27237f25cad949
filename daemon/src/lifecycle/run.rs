//! A daemon from its start to its end: everything is opened in an order in which each part finds what it needs, served until
//! somebody ends it, and told goodbye. What stands in where no daemon runs is in `kept`.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use darkroom_protocol::JobState;
use darkroom_protocol::data_folder::DataFolder;
use darkroom_protocol::paths::Paths;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lock::Lock;
use super::tell_changes::tell_changes;
use super::{RunOptions, Stop, collect, files, shed, signals, systemd};
use crate::catalog::{Catalog, caches};
use crate::deliver::Deliverer;
use crate::dispatch::{Dispatch, Tools};
use crate::events::Bus;
use crate::gallery::Gallery;
use crate::history::{self, Thumbnails};
use crate::logging;
use crate::metrics::Metrics;
use crate::pull::{Pulls, Tuning};
use crate::server::{Context, Socket, Uploads, accept, is_listening, path_of};
use crate::settings::Live;
use crate::store::{Part, Store};
use crate::{Error, Result};

/// How often inputs that nobody uses are looked for.
const TIDY: Duration = Duration::from_secs(3600);

/// What still blocks after the farewell (a disk that hangs) is given so long.
const LAST: Duration = Duration::from_millis(300);

/// Runs a daemon until a client, SIGTERM or SIGINT ends it. SIGHUP reads the settings again. Socket and supervision come from the
/// service manager where there is one (`LISTEN_FDS`, `NOTIFY_SOCKET`, `WATCHDOG_USEC`).
///
/// # Errors
/// In words: another daemon runs, a folder or the database cannot be used, the settings are wrong.
pub fn run(options: RunOptions) -> Result<()> {
    // Whatever this process and its workers make is the person's alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("a defect of darkroom, please report it: {panic}")
    }));
    if options.detached {
        shed::priorities_and_limits();
    }
    let given = systemd::socket()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("darkroom")
        .enable_all()
        .build()
        .map_err(|e| Error::io("start", Path::new("the daemon's threads"), e))?;
    let result = runtime.block_on(async {
        let stop = Stop::default();
        let reloads = signals::listen(stop.clone(), options.terminal)?;
        if options.detached {
            shed::signals();
        }
        let (detached, log) = (options.detached, options.paths.log());
        let daemon = Daemon::prepare(options, stop, given).await?;
        if detached {
            shed::output(&log);
        }
        live(daemon, reloads).await;
        Ok(())
    });
    if let Err(error) = &result {
        tracing::error!("{error}");
    }
    runtime.shutdown_timeout(LAST);
    logging::flush(LAST);
    result
}

/// A daemon that holds the lock and listens.
pub(crate) struct Daemon {
    pub context: Arc<Context>,
    socket: Socket,
    now: CancellationToken,
    /// Held to the end.
    lock: Arc<Lock>,
}

impl Daemon {
    /// Takes the lock, opens what there is, puts interrupted jobs back into the line, and listens: on the socket that was given,
    /// or on its own.
    pub async fn prepare(options: RunOptions, stop: Stop, given: Option<UnixListener>) -> Result<Self> {
        let RunOptions {
            paths,
            foreground,
            worker,
            mut limits,
            ..
        } = options;
        let at = given.as_ref().map(path_of).transpose()?;
        let paths = files::prepare(paths, at.is_none())?;
        let at = at.unwrap_or_else(|| paths.socket());
        let mut lock = Lock::take(&paths, &at)?;
        let log = logging::start(&paths.log(), foreground)?;
        limits.connections = limits.connections.min(files::raise_limit());
        let settings = Arc::new(Live::open(&paths.config_file()).await?.with_models(paths.models()));
        let gallery = Gallery::open(&paths)?;
        let swept = gallery.sweep_staging()?;
        let uploads = Uploads::open(&paths.inputs())?;
        let store = Store::open(&paths.database())?;
        let recovered = recover(&store, &gallery).await?;
        tracing::info!(
            pid = std::process::id(),
            recovered,
            swept,
            "darkroom {} begins",
            env!("CARGO_PKG_VERSION")
        );
        let thumbnails = Thumbnails::of(&paths);
        let metrics = Arc::new(Metrics::default());
        let bus = Arc::new(Bus::after(micros_since_1970()).observed_by(metrics.clone()));
        let tools = Tools {
            store: store.clone(),
            bus: bus.clone(),
            metrics: metrics.clone(),
            gallery,
            thumbnails: thumbnails.clone(),
            deliverer: Deliverer::start(store.clone(), bus.clone()).await?,
            paths: paths.clone(),
            limits: limits.clone(),
            program: worker,
            devices: settings.current().workers(),
            settings: settings.clone(),
        };
        let dispatch = Dispatch::start(tools).await?;
        let socket = match given {
            Some(given) => Socket::take(given)?,
            None => bind(&paths)?,
        };
        if socket.path() != at {
            lock.sign(socket.path());
        }
        let pulls = Pulls::start(&paths, settings.clone(), Tuning::default());
        let context = Context {
            whose: DataFolder::at(&paths.data),
            store,
            bus,
            metrics,
            dispatch,
            catalog: Catalog::new(settings.clone())
                .with_caches(caches())
                .with_loras(paths.loras()),
            settings,
            paths,
            limits,
            thumbnails,
            pulls,
            uploads,
            budget: Default::default(),
            started: Instant::now(),
            stop: stop.gently,
            socket: socket.path().to_owned(),
            log,
        };
        Ok(Self {
            context: Arc::new(context),
            socket,
            now: stop.now,
            lock: Arc::new(lock),
        })
    }
}

/// Listens at the socket that the paths give; where somebody else does, at the one that only this home has.
fn bind(paths: &Paths) -> Result<Socket> {
    let own = paths.tagged().socket();
    match Socket::bind(&paths.socket()) {
        Err(error) if own != paths.socket() && is_listening(&paths.socket()) => {
            tracing::warn!("{error} Listening at {}.", crate::error::shown(&own));
            Socket::bind(&own)
        }
        other => other,
    }
}

/// No daemon makes a million events a second, so a later one begins above all numbers of its forerunners, as long as the clock
/// is not set back. JSON holds such numbers exactly until the year 2255.
fn micros_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

/// Puts interrupted jobs back into the line, without files that have no row. Returns how many wait again.
pub(crate) async fn recover(store: &Store, gallery: &Gallery) -> Result<usize> {
    let all = Part {
        after: None,
        limit: u32::MAX,
        bytes: u64::MAX,
    };
    for job in store.line(&[JobState::Running, JobState::Cancelling], all).await?.jobs {
        if let Err(error) = gallery.sweep_unrecorded(job.id, &job.task, &job.pictures) {
            tracing::warn!("{error}");
        }
    }
    Ok(store.recover().await?.len())
}

/// Serves until told to stop, then says goodbye: to peers, to workers, to the store. No part of it takes longer than the
/// farewell allows. Each of `reloads` reads the settings again.
pub(crate) async fn live(daemon: Daemon, reloads: mpsc::Receiver<()>) {
    let Daemon {
        context,
        socket,
        now,
        lock,
    } = daemon;
    let serving = tokio::spawn(accept(socket, context.clone()));
    systemd::ready();
    tokio::select! {
        () = context.stop.cancelled() => {}
        () = watch(&lock, &context) => context.stop.cancel(),
        () = reload(&context, reloads) => {}
        () = collect::keep_collecting(&context) => {}
        () = systemd::keep_told(|| context.dispatch.board()) => {}
        () = tidy_inputs(&context) => {}
        () = tell_changes(&context) => {}
        () = history::keep_watching(&context.store) => {}
    }
    tracing::info!("the daemon ends");
    systemd::stopping();
    context.pulls.stop();
    let farewell = async {
        let ((), served) = tokio::join!(context.dispatch.stop(), serving);
        if let Err(error) = served {
            tracing::error!("the server ended badly: {error}");
        }
        if let Err(error) = context.store.close().await {
            tracing::warn!("{error}");
        }
    };
    tokio::select! {
        said = tokio::time::timeout(context.limits.farewell, farewell) => {
            if said.is_err() {
                tracing::warn!("the daemon ended before everybody was done");
            }
        }
        () = now.cancelled() => {}
    }
    tracing::info!("the daemon has ended");
}

/// Reads the settings again whenever somebody asks. Never returns.
async fn reload(context: &Arc<Context>, mut reloads: mpsc::Receiver<()>) {
    while let Some(()) = reloads.recv().await {
        systemd::reloading();
        context.settings.reload().await;
        systemd::ready();
    }
    std::future::pending::<()>().await;
}

/// Removes inputs that rest and that no job refers to, at the start and then every hour. Never returns.
async fn tidy_inputs(context: &Arc<Context>) {
    let mut due = tokio::time::interval(TIDY);
    loop {
        due.tick().await;
        let found = beside(context, |context| {
            context.uploads.give_up_unfinished();
            context.uploads.unused()
        });
        for input in found.await {
            match context.store.refers_to(&input).await {
                Ok(false) => beside(context, move |context| context.uploads.remove(&input)).await,
                Ok(true) => {}
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }
}

/// Does what may block, beside the tasks that must not.
async fn beside<T: Default + Send + 'static>(
    context: &Arc<Context>,
    work: impl FnOnce(&Context) -> T + Send + 'static,
) -> T {
    let context = context.clone();
    let done = tokio::task::spawn_blocking(move || work(&context)).await;
    done.unwrap_or_default()
}

/// Returns when the lock, the database or the folder of the logs was taken away: what is acknowledged now would be lost or could
/// not be told, and another daemon may begin.
async fn watch(lock: &Arc<Lock>, context: &Context) {
    let mut check = tokio::time::interval(context.limits.socket_check);
    let needed = [context.paths.database(), context.paths.job_logs()];
    loop {
        check.tick().await;
        // For whoever asks no question first: a worker that starts again.
        context.settings.refresh().await;
        let (lock, needed) = (lock.clone(), needed.clone());
        // A disk that hangs is not the runtime's affair.
        let look = move || {
            let gone = needed.iter().find(|path| !path.exists());
            lock.lost().or(gone.map(PathBuf::as_path)).map(Path::to_owned)
        };
        if let Ok(Some(path)) = tokio::task::spawn_blocking(look).await {
            tracing::error!(
                "{} was taken away: the daemon ends, the next command starts another",
                crate::error::shown(&path)
            );
            return;
        }
    }
}
