use darkroom_protocol::paths::Paths;

use crate::limits::Limits;
use crate::workers::Program;

/// How a daemon is to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where everything is.
    pub paths: Paths,
    /// Whether to log to standard error too.
    pub foreground: bool,
    /// Whether a command started it in the background: it keeps nothing of that command's process.
    pub detached: bool,
    /// Whether the daemon is a terminal's, and ends with it.
    pub terminal: bool,
    /// The worker's program; `None` for `DARKROOM_WORKER`, else the one beside this program.
    pub worker: Option<Program>,
    /// Deadlines and caps.
    pub limits: Limits,
}

impl RunOptions {
    /// As `darkroom daemon run` runs.
    pub fn new(paths: Paths) -> Self {
        Self {
            paths,
            foreground: false,
            detached: false,
            terminal: false,
            worker: None,
            limits: Limits::default(),
        }
    }
}
