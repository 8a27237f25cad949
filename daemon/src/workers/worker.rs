//! A worker process as the dispatcher holds it: started with its channel and its log, given orders, killed. Its `keeper` listens to
//! it in a task of its own.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use darkroom_protocol::Order;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::keeper::{Keeper, Word};
use super::{Program, WorkerLog, oom};
use crate::{Error, Result};

/// What a worker is to be.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What to run.
    pub program: Program,
    /// The device; empty for the best that it finds.
    pub device: String,
    /// Bytes that models may take; `None` for what the device's memory allows.
    pub memory_budget: Option<u64>,
    /// Folders of the person's models.
    pub models: Vec<PathBuf>,
    /// Where it puts finished pictures.
    pub staging: PathBuf,
    /// Where the pictures are that tasks begin with.
    pub inputs: PathBuf,
    /// Within this it must be ready.
    pub start: Duration,
    /// Silent for so long, it is ended.
    pub silence: Duration,
    /// It is pinged, and looked at, so often.
    pub beat: Duration,
    /// With more reports a second than this from one ping to the next it is out of its mind, and ended.
    pub talkative: f32,
}

/// A running worker process. Dropped, it is told to end by the end of its input.
#[derive(Debug)]
pub struct Worker {
    orders: mpsc::UnboundedSender<Order>,
    kill: mpsc::UnboundedSender<String>,
    log: WorkerLog,
    pid: u32,
}

impl Worker {
    /// Starts a process. What it says goes through `hear`, which is `false` once nobody listens.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start<H, F>(ask: Ask, log: WorkerLog, hear: H) -> Result<Self>
    where
        H: FnMut(Word) -> F + Send + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let path = ask.program.path.clone();
        let failed = |e| Error::io("start", &path, e);
        let oom_before = oom::kills();
        let (child, channel, output) = spawn(&ask.program).map_err(failed)?;
        let pid = child.id().unwrap_or(0);
        let pump = tokio::spawn(pump(output, log.clone()));
        let (orders, order_box) = mpsc::unbounded_channel();
        let (kill, kill_box) = mpsc::unbounded_channel();
        let keeper = Keeper {
            child,
            kill: kill_box,
            log: log.clone(),
            pump,
            silence: ask.silence,
            beat: ask.beat,
            talkative: ask.talkative,
            start: ask.start,
            oom_before,
            orders: orders.downgrade(),
        };
        let first = Order::Configure {
            staging: ask.staging.to_string_lossy().into_owned(),
            inputs: ask.inputs.to_string_lossy().into_owned(),
            device: ask.device,
            memory_budget: ask.memory_budget,
            models: ask
                .models
                .iter()
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
        };
        // The receiver lives: it was made above.
        let _ = orders.send(first);
        tokio::spawn(keeper.keep(channel, order_box, hear));
        Ok(Self { orders, kill, log, pid })
    }

    /// Gives an order. One that comes too late is answered by [`Word::Gone`].
    pub fn send(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Ends the process now; `reason` completes "The worker …".
    pub fn kill(&self, reason: &str) {
        let _ = self.kill.send(reason.to_owned());
    }

    /// Where its output goes.
    pub fn log(&self) -> &WorkerLog {
        &self.log
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

/// The process, the daemon's end of its channel, and what it prints.
fn spawn(program: &Program) -> io::Result<(Child, tokio::net::UnixStream, pipe::Receiver)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (output, stdout) = io::pipe()?;
    let stderr = stdout.try_clone()?;
    let child = Command::new(&program.path)
        .args(&program.args)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        // A group of its own: Ctrl-C in the daemon's terminal is not for it, and what it starts can be ended with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let channel = tokio::net::UnixStream::from_std(ours)?;
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
    Ok((child, channel, output))
}

/// Carries what the process prints into its log, until nobody can print any more.
async fn pump(mut output: pipe::Receiver, log: WorkerLog) {
    use tokio::io::AsyncReadExt as _;
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        log.write(&buffer[..count]);
    }
}
