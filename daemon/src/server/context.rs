//! What `lifecycle` opens once and every request is answered from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use darkroom_protocol::data_folder::DataFolder;
use darkroom_protocol::paths::Paths;
use tokio_util::sync::CancellationToken;

use super::Uploads;
use super::budget::Budget;
use crate::catalog::Catalog;
use crate::dispatch::Dispatch;
use crate::events::Bus;
use crate::history::Thumbnails;
use crate::limits::Limits;
use crate::logging::Control;
use crate::metrics::Metrics;
use crate::pull::Pulls;
use crate::settings::Live;
use crate::store::Store;

/// What requests are answered from.
#[derive(Debug)]
pub struct Context {
    /// Jobs and pictures.
    pub store: Store,
    /// Events.
    pub bus: Arc<Bus>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Workers and the line.
    pub dispatch: Dispatch,
    /// Models.
    pub catalog: Catalog,
    /// The person's settings.
    pub settings: Arc<Live>,
    /// The data folder that the daemon serves, as it was when the daemon began.
    pub whose: Option<DataFolder>,
    /// Where the daemon listens.
    pub socket: PathBuf,
    /// What is logged.
    pub log: Control,
    /// Where everything is.
    pub paths: Paths,
    /// Deadlines and caps.
    pub limits: Limits,
    /// Small pictures.
    pub thumbnails: Thumbnails,
    /// Models on their way.
    pub pulls: Pulls,
    /// Inputs on their way.
    pub uploads: Uploads,
    /// Memory for long messages.
    pub budget: Budget,
    /// When the daemon started.
    pub started: Instant,
    /// Ends the daemon.
    pub stop: CancellationToken,
}
