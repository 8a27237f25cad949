//! The dispatcher's task and the way to it. [`Dispatch`] is what the rest of the daemon holds; the task behind it owns the workers and
//! the line, takes messages and commits one after the other, and shows how things stand on the board. What it does with each is in
//! the files beside this one, as further `impl Dispatcher`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use darkroom_protocol::event::LineStatus;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{EventKind, JobId, Order, Report, Subject, WorkerStatus};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::Board;
use super::ending::Owed;
use super::floor::Floor;
use super::message::{Ask, Message};
use super::named::Named;
use super::shortage::Shortage;
use super::slot::{Phase, Slot};
use crate::Result;
use crate::deliver::Deliverer;
use crate::events::Bus;
use crate::gallery::Gallery;
use crate::history::Thumbnails;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::settings::Live;
use crate::store::{Committed, Following, Store};
use crate::workers::{Program, Word};

/// Messages that may wait; a worker that talks faster waits itself.
const BACKLOG: usize = 256;

/// What the dispatcher works with.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Jobs and pictures.
    pub store: Store,
    /// Where events go.
    pub bus: Arc<Bus>,
    /// Where workers' deaths are counted.
    pub metrics: Arc<Metrics>,
    /// Where pictures go.
    pub gallery: Gallery,
    /// Where small pictures of them go.
    pub thumbnails: Thumbnails,
    /// Who brings them further.
    pub deliverer: Deliverer,
    /// Where logs go.
    pub paths: Paths,
    /// Deadlines.
    pub limits: Limits,
    /// The worker's program; `None` to look for it at each start.
    pub program: Option<Program>,
    /// The devices to start workers for, those that jobs run on which name none; empty for the best one there is.
    pub devices: Vec<String>,
    /// The person's settings, as they are when a worker starts.
    pub settings: Arc<Live>,
}

/// The way to the dispatcher.
#[derive(Clone, Debug)]
pub struct Dispatch {
    messages: mpsc::Sender<Message>,
    board: watch::Receiver<Board>,
}

impl Dispatch {
    /// Starts the dispatcher with the jobs that the store has waiting, and the first worker, for which nobody waits.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(tools: Tools) -> Result<Self> {
        let Following { waiting, paused, news } = tools.store.follow().await?;
        let kept = waiting.iter().map(|waiting| waiting.job).collect();
        let floor = Floor::new(waiting, paused);
        let (messages, inbox) = mpsc::channel(BACKLOG);
        let (show, board) = watch::channel(Board {
            line: floor.status(None),
            ..Board::default()
        });
        let slots = match tools.devices.as_slice() {
            [] => vec![Slot::new("", true)],
            devices => devices.iter().map(|device| Slot::new(device, true)).collect(),
        };
        let dispatcher = Dispatcher {
            floor,
            news,
            unsorted: Vec::new(),
            slots,
            owed: Vec::new(),
            stopping: None,
            shortage: Shortage::default(),
            broken: None,
            kept,
            strange: HashMap::new(),
            told_line: None,
            known: Vec::new(),
            tools,
            messages: messages.clone(),
            show,
        };
        tokio::spawn(dispatcher.run(inbox));
        Ok(Self { messages, board })
    }

    /// Once this is done, the line, the events and the board show everything that was committed before.
    pub async fn settled(&self) {
        let (done, known) = oneshot::channel();
        // The dispatcher ends only with the daemon; what is stored then holds after the next start.
        if self.messages.send(Message::Settle(done)).await.is_ok() {
            let _ = known.await;
        }
    }

    /// A model is wanted in memory: events under its number tell how it goes.
    pub async fn load(&self, ask: Ask) {
        let _ = self.messages.send(Message::Load(ask)).await;
    }

    /// Removes a model from memory, `None` for all, on a device, everywhere when that is empty. The names of those that leave.
    ///
    /// # Errors
    /// When it is not clear which model is meant.
    pub async fn unload(&self, model: Option<Named>, device: String) -> Result<Vec<String>, RemoteError> {
        let (answer, names) = oneshot::channel();
        let _ = self.messages.send(Message::Unload(model, device, answer)).await;
        names.await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    /// Pins a model no longer. Its name where it was pinned.
    ///
    /// # Errors
    /// When it is not clear which model is meant.
    pub async fn unpin(&self, model: Named) -> Result<Vec<String>, RemoteError> {
        let (answer, names) = oneshot::channel();
        let _ = self.messages.send(Message::Unpin(model, answer)).await;
        names.await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    /// Ends the workers; running jobs return to the line. Returns when all have ended.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.messages.send(Message::Stop(done)).await.is_ok() {
            let _ = ended.await;
        }
    }

    /// Is done once the work stands so.
    pub async fn until(&self, so: impl FnMut(&Board) -> bool) {
        // An error means that the daemon ends, and with it the workers.
        let _ = self.board.clone().wait_for(so).await;
    }

    /// How the work stands.
    pub fn board(&self) -> Board {
        self.board.borrow().clone()
    }
}

/// The task behind [`Dispatch`].
pub(super) struct Dispatcher {
    pub tools: Tools,
    /// The jobs that wait.
    pub floor: Floor,
    /// What was committed and has yet to be followed, in that order.
    pub news: mpsc::UnboundedReceiver<Committed>,
    /// Devices that jobs ask for which have come since it was last looked whether these have workers.
    pub unsorted: Vec<String>,
    pub slots: Vec<Slot>,
    /// Ends of jobs that the store would not take yet.
    pub owed: Vec<Owed>,
    pub stopping: Option<Stopping>,
    /// Whether anything can be written.
    pub shortage: Shortage,
    /// Why no worker can be started that jobs wait for.
    pub broken: Option<String>,
    /// Jobs that waited when this daemon began.
    pub kept: HashSet<JobId>,
    /// How often jobs lost their workers for no reason that is known.
    pub strange: HashMap<JobId, u32>,
    /// How the queue stands as everybody was told last.
    pub told_line: Option<LineStatus>,
    /// Who waits for what has been dealt with to show on the board.
    pub known: Vec<oneshot::Sender<()>>,
    pub messages: mpsc::Sender<Message>,
    show: watch::Sender<Board>,
}

/// The daemon ends.
pub(super) struct Stopping {
    /// Who waits for it.
    pub done: oneshot::Sender<()>,
    /// When workers that have not ended are killed.
    pub kill: Option<Instant>,
}

impl Dispatcher {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        for at in 0..self.slots.len() {
            self.start_worker(at).await;
        }
        self.post();
        let mut demands = self.tools.bus.demands();
        while !self.is_over() {
            let due = self.next_due();
            let stirred = tokio::select! {
                Some(message) = inbox.recv() => self.take(message).await,
                Some(news) = self.news.recv() => {
                    self.learn(news).await;
                    true
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.tick().await;
                    true
                }
                // The bus lives as long as this: it is among the tools.
                Ok(()) = demands.changed() => {
                    self.order_previews();
                    false
                }
            };
            if stirred {
                self.sort_new().await;
                self.assign().await;
                self.post();
                // Who asked may have given up.
                for done in self.known.drain(..) {
                    let _ = done.send(());
                }
            }
        }
        if let Some(stopping) = self.stopping.take() {
            // Who asked may have given up.
            let _ = stopping.done.send(());
        }
    }

    /// Deals with a message. `false` when it changed neither the line nor a worker's phase.
    async fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Settle(done) => {
                self.learn_all().await;
                self.known.push(done);
            }
            Message::Staged { slot, staged, kept } => {
                self.begin_keeping(slot, staged, kept);
                return false;
            }
            // It follows what was committed, new jobs among it.
            Message::Kept(keeping, result) => self.end_keeping(keeping, result).await,
            Message::Load(ask) => self.want(ask).await,
            Message::Unload(model, device, answer) => {
                // Who asked may have gone.
                let _ = answer.send(self.unload(model.as_ref(), &device));
            }
            Message::Unpin(model, answer) => {
                let _ = answer.send(self.unpin(&model));
            }
            Message::Stop(done) => self.stop(done),
            Message::Heard { slot, word } => match word {
                Word::Ready(ready) => self.greet(slot, *ready).await,
                Word::Report(report) => {
                    let ended = matches!(*report, Report::Ended { .. } | Report::Resident(_));
                    self.hear(slot, *report).await;
                    return ended;
                }
                Word::Gone(death) => self.mourn(slot, death).await,
            },
        }
        true
    }

    fn stop(&mut self, done: oneshot::Sender<()>) {
        for slot in &self.slots {
            let Some(worker) = &slot.worker else { continue };
            if let Some(of) = slot.assignment() {
                worker.send(Order::Cancel {
                    of,
                    after_picture: false,
                });
            }
            worker.send(Order::Shutdown {});
        }
        // Some of the farewell is left for the killed ones to be buried.
        let kill = Instant::now() + self.tools.limits.farewell.mul_f64(0.6);
        self.stopping = Some(Stopping { done, kill: Some(kill) });
    }

    fn is_over(&self) -> bool {
        self.stopping.is_some() && self.slots.iter().all(|slot| slot.worker.is_none())
    }

    /// When [`Self::tick`] has something to do.
    fn next_due(&self) -> Option<Instant> {
        let slots = self.slots.iter().filter_map(|slot| match &slot.phase {
            Phase::Pausing(until) => Some(*until),
            // What its worker says waits until the picture is kept.
            Phase::Busy(busy) if busy.keeping => None,
            Phase::Busy(busy) => busy.kill_due(self.tools.limits.cancel),
            Phase::Loading(loading) => loading.kill_due(self.tools.limits.cancel),
            Phase::Starting | Phase::Idle | Phase::Down => None,
        });
        let stop = self.stopping.as_ref().and_then(|stopping| stopping.kill);
        let owed = self.owed.iter().map(|owed| owed.due);
        slots.chain(stop).chain(self.shortage.until).chain(owed).min()
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        if self.shortage.until.is_some_and(|until| until <= now) {
            self.try_disk().await;
        }
        if let Some(stopping) = self.stopping.as_mut().filter(|s| s.kill.is_some_and(|at| at <= now)) {
            stopping.kill = None;
            for worker in self.slots.iter().filter_map(|slot| slot.worker.as_ref()) {
                worker.kill("was ended with the daemon");
            }
        }
        for at in 0..self.slots.len() {
            self.look_after(at, now).await;
        }
        self.pay(now).await;
    }

    /// Starts a worker whose pause is over; ends one that does not obey a cancel.
    async fn look_after(&mut self, at: usize, now: Instant) {
        let patience = self.tools.limits.cancel;
        let slot = &mut self.slots[at];
        match &mut slot.phase {
            Phase::Pausing(until) if *until <= now => self.start_worker(at).await,
            Phase::Busy(busy) if !busy.keeping && busy.kill_due(patience).is_some_and(|due| due <= now) => {
                // Its death ends the job; until then it is not killed twice.
                busy.last_sign = now;
                if let Some(worker) = &slot.worker {
                    worker.kill("was told to cancel, showed no sign of life, and was ended");
                }
            }
            Phase::Loading(loading) if loading.kill_due(patience).is_some_and(|due| due <= now) => {
                loading.last_sign = now;
                if let Some(worker) = &slot.worker {
                    worker.kill("was told to stop loading, showed no sign of life, and was ended");
                }
            }
            _ => {}
        }
    }

    /// The device of jobs that name none; empty where there are several.
    fn default_device(&self) -> String {
        let mut open = self.slots.iter().filter(|slot| slot.open);
        match (open.next(), open.next()) {
            (Some(only), None) => only.face().device.unwrap_or_default().to_owned(),
            _ => String::new(),
        }
    }

    /// Tells everybody how the queue and the workers stand, where that is new.
    fn tell_standing(&mut self, line: &LineStatus, workers: &[WorkerStatus]) {
        if self.told_line.as_ref() != Some(line) {
            self.told_line = Some(line.clone());
            self.tools.bus.publish(Subject::Queue, EventKind::Line(line.clone()));
        }
        for (at, worker) in workers.iter().enumerate() {
            if self.slots[at].is_news(worker) {
                let of = Subject::Worker(u32::try_from(at).unwrap_or(u32::MAX));
                self.tools.bus.publish(of, EventKind::Worker(worker.clone()));
            }
        }
    }

    /// Shows how the work stands.
    fn post(&mut self) {
        let mut capabilities: Vec<String> = Vec::new();
        for kind in self
            .slots
            .iter()
            .filter_map(|slot| slot.ready.as_ref())
            .flat_map(|r| &r.capabilities)
        {
            if !capabilities.contains(kind) {
                capabilities.push(kind.clone());
            }
        }
        let workers: Vec<WorkerStatus> = self.slots.iter().map(Slot::status).collect();
        let line = self.floor.status(self.short());
        self.tell_standing(&line, &workers);
        self.show.send_replace(Board {
            line,
            running: self.slots.iter().filter_map(Slot::job).collect(),
            cancelling: self
                .slots
                .iter()
                .filter(|slot| slot.is_unwanted())
                .filter_map(Slot::job)
                .collect(),
            workers,
            capabilities,
            default_device: self.default_device(),
        });
    }
}
