//! The `darkroom` command: arguments in, requests out. It links no torch and starts in milliseconds.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod error;
mod host;
mod local;
mod output;
mod progress;
mod say;
mod settings;
mod size;
mod start;
mod style;
mod typed;
mod verbs;
mod watch;
mod worker;

use std::process::ExitCode;

use darkroom_protocol::paths::Paths;
use darkroom_tui::graphics;
use error::Error;

/// What the parts of the command return.
type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> ExitCode {
    if let Ok(paths) = Paths::from_env() {
        graphics::remember_in(paths.run);
    }
    let result = cli::run(std::env::args_os());
    graphics::settle();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_quiet() {
                say::error(&error);
            }
            ExitCode::from(error.code())
        }
    }
}

/// Runs a verb's conversation on a runtime of one thread.
fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|e| Error::Failed(format!("The system gives no event loop: {e}")))?
        .block_on(future)
}
