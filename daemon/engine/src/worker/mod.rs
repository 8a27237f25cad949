//! The process around the engine: orders in, reports out, cancel flags.
//!
//! The main thread computes. A second thread reads orders, raises cancel flags at once and ends the process when the daemon
//! is gone; a third writes reports, so that a slow daemon never slows a step.

mod bench;
mod describe;
mod end;
mod executor;
mod failure;
mod inbox;
mod outbox;
mod previews;
mod reporter;
mod shelf;
mod stopwatch;

use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;

use darkroom_protocol::{Assignment, Order};

use crate::torch;
use executor::{Executor, Folders};
use inbox::Cancels;
use outbox::Outbox;
use previews::Previews;

/// The program: `darkroom-worker` serves the daemon at the other end of its standard input, `--describe` prints what it is
/// as one line of JSON, `--bench ORDER` measures a task and prints what it found as another.
pub fn main() -> ExitCode {
    // First of all: libtorch decides once, at the first question about CUDA, whether there is a backend.
    let backends = torch::load_backends();
    if let Err(e) = torch::keep_memory() {
        eprintln!("darkroom-worker: memory is not kept for reuse, tasks take longer: {e}");
    }
    let result = match std::env::args().nth(1).as_deref() {
        Some("--describe") => print_description(),
        Some("--bench") => print_bench(&std::env::args().nth(2).unwrap_or_default()),
        Some("--version") => {
            writeln!(std::io::stdout(), "darkroom-worker {}", env!("CARGO_PKG_VERSION")).map_err(|e| e.to_string())
        }
        Some(other) => Err(format!(
            "unknown argument {}: the daemon starts this program; `darkroom generate` uses it.",
            other.escape_debug()
        )),
        None => serve(&backends),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("darkroom-worker: {message}");
            ExitCode::FAILURE
        }
    }
}

fn print_description() -> Result<(), String> {
    let ready = torch::catch(|| describe::ready("")).map_err(|e| e.to_string())?;
    let line = serde_json::to_string(&ready).map_err(|e| e.to_string())?;
    writeln!(std::io::stdout(), "{line}").map_err(|e| e.to_string())
}

fn print_bench(order: &str) -> Result<(), String> {
    torch::check_version().map_err(|e| e.to_string())?;
    let line = serde_json::to_string(&bench::bench(order)?).map_err(|e| e.to_string())?;
    writeln!(std::io::stdout(), "{line}").map_err(|e| e.to_string())
}

/// Takes orders until the daemon says goodbye or is gone. Standard error is the job's log.
fn serve(backends: &torch::Backends) -> Result<(), String> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .with_timer(Clock)
        .init();
    tracing::info!(?backends, "darkroom-worker {}", env!("CARGO_PKG_VERSION"));
    torch::check_version().map_err(|e| e.to_string())?;
    let channel = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map(UnixStream::from)
        .map_err(|e| format!("standard input: {e}"))?;
    if channel.peer_addr().is_err() {
        return Err(
            "standard input is no socket: the daemon starts this program; `darkroom generate` uses it.".to_owned(),
        );
    }
    end::with_the_daemon();
    let outbox = Outbox::start(channel.try_clone().map_err(|e| e.to_string())?);
    let inbox = inbox::start(channel, outbox.clone());
    let mut executor = Executor::new(outbox.clone(), Previews::new(inbox.wanted.clone()));
    loop {
        let order = match executor.idle_for() {
            None => inbox.orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(time) => inbox.orders.recv_timeout(time),
        };
        match order {
            Ok(Order::Shutdown {}) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(order) => obey(order, &mut executor, &inbox.cancels)?,
            Err(RecvTimeoutError::Timeout) => executor.expire(),
        }
    }
    outbox.flush();
    Ok(())
}

fn obey(order: Order, executor: &mut Executor, cancels: &Cancels) -> Result<(), String> {
    match order {
        Order::Configure {
            staging,
            inputs,
            device,
            models,
            memory_budget,
        } => executor
            .configure(
                Folders {
                    staging: staging.into(),
                    inputs: inputs.into(),
                },
                &device,
                memory_budget,
                &models,
            )
            .map_err(|e| e.to_string())?,
        Order::Run {
            job,
            task,
            skip,
            keep_alive,
        } => {
            let of = Assignment::Job(job);
            executor.run(job, &task, &skip, keep_alive, &cancels.watch(of));
            cancels.forget(of);
        }
        Order::Load {
            load,
            model,
            keep_alive,
            pinned,
        } => {
            let of = Assignment::Load(load);
            executor.load(load, &model, keep_alive, pinned, &cancels.watch(of));
            cancels.forget(of);
        }
        Order::Unload { source } => executor.unload(source.as_ref()),
        Order::Unpin { source } => executor.unpin(&source),
        Order::Shutdown {} | Order::Cancel { .. } | Order::Ping { .. } | Order::Previews { .. } => {}
    }
    Ok(())
}

/// Times as the daemon writes them.
struct Clock;

impl tracing_subscriber::fmt::time::FormatTime for Clock {
    fn format_time(&self, writer: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        writer.write_str(&darkroom_protocol::time::shown(std::time::SystemTime::now()))
    }
}
