//! One worker process from its start to its end: its greeting is checked, its reports are passed on, its silence and its death are
//! noticed. `worker` starts it; the dispatcher hears it as [`Word`]s. What a death means for a job is not decided here.

use std::process::ExitStatus;
use std::time::Duration;

use darkroom_protocol::codec::frame;
use darkroom_protocol::message::worker::Ready;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Order, Report};
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::{Death, WorkerLog, oom};

/// A process that closed its channel has so long to end.
const LAST_BREATH: Duration = Duration::from_secs(2);
/// What a process said before it ended is waited for so long.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The CPU worker gives way to what the person does on the machine: so much is added to the daemon's own niceness.
const CPU_NICENESS: i32 = 5;
/// Beyond it there is nothing.
const MAX_NICENESS: i32 = 19;

/// What is heard from a worker, in order; [`Word::Gone`] is the last.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// It takes orders.
    Ready(Box<Ready>),
    /// It reports.
    Report(Box<Report>),
    /// It has ended.
    Gone(Death),
}

type Reports = FramedRead<OwnedReadHalf, LengthDelimitedCodec>;

/// Stays with one process from its start to its end.
pub(super) struct Keeper {
    pub child: Child,
    pub kill: mpsc::UnboundedReceiver<String>,
    pub log: WorkerLog,
    /// Ends when nobody can print any more.
    pub pump: JoinHandle<()>,
    pub start: Duration,
    pub silence: Duration,
    pub beat: Duration,
    pub talkative: f32,
    pub oom_before: Option<u64>,
    /// For pings; weak, so that the channel closes with its owner.
    pub orders: mpsc::WeakUnboundedSender<Order>,
}

/// How a conversation ended.
enum End {
    /// The process closed the channel or ended.
    Theirs,
    /// The daemon has a reason to end it.
    Ours(String),
}

impl Keeper {
    /// Passes on what it says, then how it ended.
    pub async fn keep<H, F>(mut self, channel: UnixStream, orders: mpsc::UnboundedReceiver<Order>, mut hear: H)
    where
        H: FnMut(Word) -> F + Send,
        F: Future<Output = bool> + Send,
    {
        let (read, write) = channel.into_split();
        let mut reports = FramedRead::new(read, frame::framing());
        let writer = tokio::spawn(deliver(write, orders));
        let end = match self.greet(&mut reports).await {
            Ok(ready) => {
                self.make_nice(&ready);
                hear(Word::Ready(Box::new(ready))).await;
                self.listen(&mut reports, &mut hear).await
            }
            Err(end) => end,
        };
        let death = self.bury(end).await;
        writer.abort();
        hear(Word::Gone(death)).await;
    }

    /// Waits for the first report, which must be [`Report::Ready`] of this release.
    async fn greet(&mut self, reports: &mut Reports) -> Result<Ready, End> {
        let deadline = Instant::now() + self.start;
        let first = tokio::select! {
            first = timeout_at(deadline, reports.next()) => first,
            Some(reason) = self.kill.recv() => return Err(End::Ours(reason)),
        };
        let Ok(first) = first else {
            let seconds = self.start.as_secs_f32();
            return Err(End::Ours(format!("was not ready within {seconds} s and was ended")));
        };
        match report(first)? {
            Report::Ready(ready) if ready.version == env!("CARGO_PKG_VERSION") => Ok(ready),
            Report::Ready(ready) => Err(End::Ours(format!(
                "is release {}, the daemon {}: install both of one release",
                escape_line(&ready.version),
                env!("CARGO_PKG_VERSION")
            ))),
            _ => Err(End::Ours("did not say first that it is ready".to_owned())),
        }
    }

    /// Passes reports on until there are no more.
    async fn listen<H, F>(&mut self, reports: &mut Reports, hear: &mut H) -> End
    where
        H: FnMut(Word) -> F + Send,
        F: Future<Output = bool> + Send,
    {
        let mut beat = tokio::time::interval(self.beat.max(Duration::from_millis(1)));
        let mut heard = Instant::now();
        let (mut ping, mut said) = (0, 0_f32);
        loop {
            tokio::select! {
                next = reports.next() => {
                    if let Err(end) = pass_on(next, hear).await {
                        return end;
                    }
                    // After it was passed on: a slow daemon is not the worker's silence.
                    heard = Instant::now();
                    said += 1.0;
                }
                _ = self.child.wait() => return drain(reports, hear).await,
                Some(reason) = self.kill.recv() => return End::Ours(reason),
                _ = beat.tick() => {
                    if heard.elapsed() > self.silence {
                        return End::Ours(format!("was silent for {} s and was ended", self.silence.as_secs_f32()));
                    }
                    if said > self.talkative * beat.period().as_secs_f32() {
                        return End::Ours(format!("sent {said} reports at once and was ended"));
                    }
                    said = 0.0;
                    ping += 1;
                    if let Some(orders) = self.orders.upgrade() {
                        // A closed channel shows at the next read.
                        let _ = orders.send(Order::Ping { n: ping });
                    }
                }
            }
        }
    }

    /// Sees to it that the process has ended, and says how.
    async fn bury(&mut self, end: End) -> Death {
        let (ordered, mut status) = match end {
            End::Theirs => (
                None,
                timeout(LAST_BREATH, self.child.wait()).await.ok().and_then(Result::ok),
            ),
            End::Ours(reason) => (Some(reason), None),
        };
        let ordered = match (ordered, status) {
            (None, None) => Some("closed its channel, did not end, and was ended".to_owned()),
            (ordered, _) => ordered,
        };
        if status.is_none() {
            status = self.end().await;
        }
        let _ = timeout(LAST_WORDS, &mut self.pump).await;
        let mut death = Death::of(status, ordered);
        death.out_of_memory = death.signal == Some(libc::SIGKILL)
            && death.ordered.is_none()
            && oom::kills()
                .zip(self.oom_before)
                .is_some_and(|(now, before)| now > before);
        let last_lines = self.log.last_lines();
        if death.code != Some(0) {
            // Whoever reads the job's log wants to know why it breaks off.
            self.log.write(format!("\n-- The worker {death}.\n").as_bytes());
        }
        death.last_lines = last_lines;
        death
    }

    /// Kills the process and what it started.
    async fn end(&mut self) -> Option<ExitStatus> {
        let group = self
            .child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            // It may have ended by itself meanwhile.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.start_kill();
        self.child.wait().await.ok()
    }

    fn make_nice(&self, ready: &Ready) {
        let group = self
            .child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        if ready.device != "cpu" {
            return;
        }
        let own = rustix::process::getpriority_process(None);
        let set = own.and_then(|own| {
            let niceness = (own + CPU_NICENESS).min(MAX_NICENESS);
            rustix::process::setpriority_pgrp(group, niceness)
        });
        if let Err(error) = set {
            tracing::debug!("the worker's niceness stays as it is: {error}");
        }
    }
}

/// Passes one report on, or says how the conversation ended.
async fn pass_on<H, F>(next: Option<std::io::Result<bytes::BytesMut>>, hear: &mut H) -> Result<(), End>
where
    H: FnMut(Word) -> F + Send,
    F: Future<Output = bool> + Send,
{
    let said = report(next)?;
    if matches!(said, Report::Pong { .. }) || hear(Word::Report(Box::new(said))).await {
        Ok(())
    } else {
        Err(End::Ours("was ended with the daemon".to_owned()))
    }
}

/// Passes on what a process said before it ended. What it started may hold the channel open, so this has a deadline.
async fn drain<H, F>(reports: &mut Reports, hear: &mut H) -> End
where
    H: FnMut(Word) -> F + Send,
    F: Future<Output = bool> + Send,
{
    while let Ok(next) = timeout(LAST_WORDS, reports.next()).await {
        if let Err(end) = pass_on(next, hear).await {
            return end;
        }
    }
    End::Theirs
}

/// The report in a frame, or how its absence ends the conversation.
fn report(next: Option<std::io::Result<bytes::BytesMut>>) -> Result<Report, End> {
    let unreadable = |e: String| End::Ours(format!("sent what cannot be read ({e}) and was ended"));
    match next {
        Some(Ok(bytes)) => frame::decode(&bytes).map_err(|e| unreadable(e.to_string())),
        Some(Err(e)) if e.kind() == std::io::ErrorKind::InvalidData => Err(unreadable(e.to_string())),
        Some(Err(_)) | None => Err(End::Theirs),
    }
}

/// Writes orders until their sender is gone or nobody reads.
async fn deliver(mut channel: OwnedWriteHalf, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        let bytes = match frame::frame(&order) {
            Ok(bytes) => bytes,
            Err(e) => {
                tracing::error!("an order cannot be written: {e}");
                continue;
            }
        };
        if channel.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
