//! The log of this process: begun once, its filter changed at any time.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry};

use super::filter::Filter;
use super::line::Line;
use super::rotate::Rotating;
use super::writer::Lines;
use crate::{Error, Result};

/// The variable that says what is logged from the start.
const VARIABLE: &str = "DARKROOM_LOG";
/// A process has one log.
static CONTROL: OnceLock<Control> = OnceLock::new();

/// Says what is logged, while the daemon runs.
#[derive(Clone)]
pub struct Control {
    lines: Lines,
    /// `None` where another library took this process's log first.
    handle: Option<reload::Handle<Targets, Registry>>,
    filter: Arc<Mutex<Filter>>,
}

impl Control {
    /// What is logged.
    pub fn filter(&self) -> Filter {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs what `filter` says from now on.
    ///
    /// # Errors
    /// When this process's log is not the daemon's.
    pub fn set(&self, filter: Filter) -> Result<(), String> {
        let refused = "The log of this process belongs to something else: its filter cannot be set.";
        let handle = self.handle.as_ref().ok_or(refused)?;
        handle
            .reload(filter.targets())
            .map_err(|e| format!("{refused} ({e})"))?;
        *self.filter.lock().unwrap_or_else(PoisonError::into_inner) = filter;
        Ok(())
    }
}

/// Waits until what was logged so far is on its way to the disk, at most so long.
pub fn flush(patience: Duration) {
    if let Some(control) = CONTROL.get() {
        control.lines.flush(patience);
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Control({})", self.filter())
    }
}

/// Sends what `tracing` says to the file at `path`, and to standard error in the foreground. `DARKROOM_LOG` filters. A process
/// that logs already goes on as it does.
///
/// # Errors
/// When the file cannot be opened.
pub fn start(path: &Path, foreground: bool) -> Result<Control> {
    if let Some(control) = CONTROL.get() {
        return Ok(control.clone());
    }
    let file = Rotating::open(path).map_err(|e| Error::io("open", path, e))?;
    let (filter, wrong) = wanted();
    let file = Lines::to(file).map_err(|e| Error::io("start a thread for", path, e))?;
    let handed = file.clone();
    let writer = if foreground {
        BoxMakeWriter::new(file.and(io::stderr))
    } else {
        BoxMakeWriter::new(file)
    };
    let (targets, handle) = reload::Layer::new(filter.targets());
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(Line)
        .with_writer(writer);
    let taken = Registry::default().with(targets).with(lines.boxed()).try_init().is_ok();
    // The one library that logs this way is the HTTP client, and its lines hold whole requests, tokens included.
    log::set_max_level(log::LevelFilter::Off);
    let control = Control {
        lines: handed,
        handle: taken.then_some(handle),
        filter: Arc::new(Mutex::new(filter)),
    };
    if let Some(wrong) = wrong {
        tracing::warn!("{VARIABLE}: {wrong} It is not used.");
    }
    Ok(CONTROL.get_or_init(|| control).clone())
}

/// The filter that the environment asks for, and what is wrong with it.
fn wanted() -> (Filter, Option<String>) {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    match Filter::parse(&text) {
        Ok(filter) => (filter, None),
        Err(wrong) => (Filter::default(), Some(wrong)),
    }
}
