//! `Watch`: follows one job to its end and tells of its progress and pictures, through Ctrl-C and the loss of a daemon.
//! `generate` and `wait` make one for a job. What is shown is in `progress/`, where pictures go in `output/`. Which of several
//! jobs ends first is found in `any.rs`; when another daemon may be started is a rule of the client crate (`follow.rs`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use darkroom_client::{Client, WhenGone, again};
use darkroom_daemon::clock;
use darkroom_daemon::deliver::Facts;
use darkroom_protocol::event::QueueChange;
use darkroom_protocol::message::client::Subscribe;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{self as protocol, Event, EventKind, Failure, FailureKind, Job, JobId, JobState, Task};

use super::{Interrupts, OnInterrupt, summary};
use crate::output::{Delivery, Origin, Report};
use crate::progress::{Display, Wish};
use crate::{Error, Result};

/// A daemon may be lost so often without anything happening in between.
const TRIES: u32 = 3;
/// The daemon is asked so often whether it has brought the pictures of a job that has ended.
const PAUSE: Duration = Duration::from_millis(25);
/// When it was asked so often, the person is told what is waited for.
const LONG: u32 = 40;

/// One job, watched.
pub struct Watch<'a> {
    paths: &'a Paths,
    client: Client,
    job: JobId,
    origin: Origin,
    delivery: &'a Delivery,
    display: &'a mut Display,
    interrupts: Interrupts,
    on_interrupt: OnInterrupt,
    /// Whether the daemon brings the pictures to where they go.
    by_daemon: bool,
    /// Pictures that it has yet to bring, or about which that is not known.
    arrived: BTreeMap<u32, Event>,
    /// What became of those that it brought.
    brought: HashMap<u32, protocol::Delivery>,
    /// The job as the daemon has it, once that was asked for.
    record: Option<Job>,
    /// The job's end, which is told after its pictures.
    last: Option<Event>,
    asked: u32,
    /// Pictures that were delivered, or could not be.
    delivered: HashSet<u32>,
    /// The first picture that could not be delivered.
    undelivered: Option<Error>,
    state: Option<JobState>,
    cancelling: bool,
    lost: u32,
}

impl<'a> Watch<'a> {
    /// A watch on `job`, which `model` computes.
    pub fn new(
        paths: &'a Paths,
        client: Client,
        (job, model): (JobId, String),
        delivery: &'a Delivery,
        display: &'a mut Display,
        (interrupts, on_interrupt): (Interrupts, OnInterrupt),
    ) -> Self {
        Self {
            paths,
            client,
            job,
            origin: Origin { model, job: None },
            delivery,
            display,
            interrupts,
            on_interrupt,
            by_daemon: false,
            arrived: BTreeMap::new(),
            brought: HashMap::new(),
            record: None,
            last: None,
            asked: 0,
            delivered: HashSet::new(),
            undelivered: None,
            state: None,
            cancelling: false,
            lost: 0,
        }
    }

    /// Whether the daemon brings the pictures to where they go, so that this has only to wait for that.
    pub fn brought_by_daemon(mut self, by_daemon: bool) -> Self {
        self.by_daemon = by_daemon;
        self
    }

    /// Until the job's end, on a connection that is subscribed to it already. `interrupted` by the person before there was a
    /// job, it does first what that asks for.
    ///
    /// # Errors
    /// [`Error::Job`] when it failed, [`Error::Cancelled`] when it was cancelled, [`Error::Left`] when the person left, the
    /// first delivery that failed.
    pub async fn follow(mut self, interrupted: bool) -> Result<()> {
        let begun = if interrupted { self.interrupted().await } else { Ok(()) };
        let begun = match begun {
            Err(e) if e.is_lost() => self.recover(e).await,
            other => other,
        };
        let result = match begun {
            Ok(()) => self.run().await,
            Err(e) => Err(e),
        };
        self.display.clear();
        result
    }

    /// The same on a connection that is not subscribed yet.
    ///
    /// # Errors
    /// As [`Self::follow`].
    pub async fn subscribe_and_follow(mut self) -> Result<()> {
        let result = match self.subscribe().await {
            Err(e) if e.is_lost() => self.recover(e).await,
            other => other,
        };
        let result = match result {
            Ok(()) => self.run().await,
            Err(e) => Err(e),
        };
        self.display.clear();
        result
    }

    async fn run(&mut self) -> Result<()> {
        loop {
            if self.state.is_some_and(JobState::is_final) {
                match self.finish().await {
                    Err(e) if e.is_lost() => self.recover(e).await?,
                    Ok(false) => self.pause().await?,
                    other => return other.map(drop),
                }
                continue;
            }
            let step = tokio::select! {
                event = self.client.next_event() => Some(event),
                () = self.interrupts.next() => None,
            };
            let handled = match step {
                Some(Ok(event)) => self.handle(&event).await,
                Some(Err(e)) => Err(e.into()),
                None => self.interrupted().await,
            };
            match handled {
                Err(e) if e.is_lost() => self.recover(e).await?,
                other => other?,
            }
        }
    }

    async fn handle(&mut self, event: &Event) -> Result<()> {
        if event.job() != Some(self.job) {
            return Ok(());
        }
        match &event.kind {
            EventKind::State(change) => {
                if self.state != Some(change.state) {
                    self.state = Some(change.state);
                    match change.state.is_final() && self.by_daemon {
                        true => self.last = Some(event.clone()),
                        false => self.report(event)?,
                    }
                }
            }
            EventKind::Progress(progress) => {
                self.lost = 0;
                self.display.progress(progress);
                self.report(event)?;
            }
            EventKind::Preview(preview) => {
                self.display.preview(preview);
                self.report(event)?;
            }
            EventKind::Queue(change) => {
                self.display.waiting(&waiting(change));
                self.report(event)?;
            }
            EventKind::Picture(_) => self.picture(event).await?,
            EventKind::Delivery(delivery) => self.was_brought(delivery).await?,
            EventKind::Warning(text) => {
                self.display.warn(text);
                self.report(event)?;
            }
            EventKind::Notice(text) => {
                self.display.notice(text);
                self.report(event)?;
            }
            // None of these is of a job.
            EventKind::Load(_)
            | EventKind::Worker(_)
            | EventKind::Line(_)
            | EventKind::Models {}
            | EventKind::Settings(_)
            | EventKind::History(_) => {}
        }
        Ok(())
    }

    fn report(&mut self, event: &Event) -> Result<()> {
        let report = self.delivery.report;
        if report != Report::Events {
            return Ok(());
        }
        self.display.aside(|| report.event(event))
    }

    /// Brings a picture, once.
    async fn deliver(&mut self, event: &Event) -> Result<()> {
        let EventKind::Picture(picture) = &event.kind else {
            return Ok(());
        };
        if self.delivered.contains(&picture.index) {
            return Ok(());
        }
        if self.record.is_none() {
            self.record = Some(self.client.job(&self.job.to_string()).await?);
        }
        let Some(record) = &self.record else { return Ok(()) };
        let made_ms = record.finished_ms.and_then(|ms| i64::try_from(ms).ok());
        let facts = Facts {
            task: &record.task,
            picture,
            made: clock::local(made_ms.unwrap_or_else(clock::now_ms), None),
        };
        let delivery = self.delivery;
        if delivery.report == Report::Json {
            // As it is now: a shortage of memory may have changed the task on the way.
            self.origin.job = Some(self.client.job(&self.job.to_string()).await?);
        }
        let delivering = delivery.deliver(&self.client, event, &facts, &self.origin, self.display);
        let result = tokio::select! {
            result = delivering => result,
            () = self.interrupts.next(), if delivery.may_block() => {
                let path = &picture.path;
                return Err(Error::Left(format!("Nobody has read the picture; it is kept as {path}.")));
            }
        };
        self.settle(picture.index, result)
    }

    /// A picture is in the gallery.
    async fn picture(&mut self, event: &Event) -> Result<()> {
        if !self.by_daemon {
            return self.deliver(event).await;
        }
        let EventKind::Picture(picture) = &event.kind else {
            return Ok(());
        };
        let index = picture.index;
        self.arrived.insert(index, event.clone());
        self.match_up(index).await
    }

    /// The daemon has brought a picture, or could not.
    async fn was_brought(&mut self, delivery: &protocol::Delivery) -> Result<()> {
        self.brought.insert(delivery.index, delivery.clone());
        self.match_up(delivery.index).await
    }

    /// Tells of a picture that was made and brought, once.
    async fn match_up(&mut self, index: u32) -> Result<()> {
        let Some(brought) = self.brought.get(&index).filter(|_| self.by_daemon) else {
            return Ok(());
        };
        let Some(event) = self.arrived.remove(&index) else {
            return Ok(());
        };
        let EventKind::Picture(picture) = &event.kind else {
            return Ok(());
        };
        if self.delivered.contains(&index) {
            return Ok(());
        }
        let delivery = self.delivery;
        if delivery.report == Report::Json {
            self.origin.job = Some(self.client.job(&self.job.to_string()).await?);
        }
        let told = delivery.delivered(&self.client, &event, picture, brought, &self.origin, self.display);
        let told = told.await;
        self.settle(index, told)
    }

    /// A picture is dealt with. A failure ends neither the job nor the watch: the others may still arrive.
    fn settle(&mut self, index: u32, result: Result<()>) -> Result<()> {
        match result {
            Err(e) if e.is_lost() || matches!(e, Error::BrokenPipe) => return Err(e),
            Err(e) if self.undelivered.is_none() => self.undelivered = Some(e),
            Err(e) => self.display.warn(&format!("darkroom: {e}")),
            Ok(()) => {}
        }
        self.lost = 0;
        self.delivered.insert(index);
        Ok(())
    }

    async fn interrupted(&mut self) -> Result<()> {
        let short = self.job.short();
        if self.on_interrupt == OnInterrupt::Leave {
            return Err(Error::Left(format!(
                "Job {short} goes on: `darkroom wait {short}` watches it again."
            )));
        }
        if self.cancelling {
            return Err(Error::Left(format!(
                "Job {short} is being cancelled; not waiting for it: `darkroom queue` tells when it has ended."
            )));
        }
        self.cancelling = true;
        self.display.warn(&format!(
            "Cancelling job {short}. Ctrl-C again leaves it to the daemon."
        ));
        let job = self.job.to_string();
        let asked = tokio::select! {
            asked = self.client.cancel(&job, false) => asked,
            () = self.interrupts.next() => return Err(Error::Left(format!("Job {short} may go on: `darkroom cancel {short}` ends it."))),
        };
        self.state = Some(asked?.1).filter(|state| state.is_final()).or(self.state);
        Ok(())
    }

    /// What the daemon's record says of the end; what was not told before is delivered now. `false` while the daemon has yet to
    /// bring some of it.
    async fn finish(&mut self) -> Result<bool> {
        let job = self.client.job(&self.job.to_string()).await?;
        self.catch_up(&job).await?;
        if !self.arrived.is_empty() {
            return Ok(false);
        }
        if let Some(end) = self.last.take() {
            self.report(&end)?;
        }
        if let Some(e) = self.undelivered.take() {
            return Err(e);
        }
        let short = self.job.short();
        match job.state {
            JobState::Done => {
                if let Some(line) = summary::line(&job, self.on_interrupt == OnInterrupt::Cancel, self.delivery.report)
                {
                    self.display.notice(&line);
                }
                Ok(true)
            }
            JobState::Cancelled => Err(Error::Cancelled(format!("Job {short} was cancelled."))),
            _ => Err(Error::Job(job.failure.unwrap_or_else(|| Failure {
                kind: FailureKind::Internal,
                message: format!("Job {short} failed and gave no reason: see `darkroom daemon logs`."),
            }))),
        }
    }

    /// State and pictures so far come as events, before what happens from now on.
    async fn subscribe(&mut self) -> Result<()> {
        let Wish { max_fps, max_px } = self.display.wish();
        let subscribe = Subscribe {
            job: Some(self.job.to_string()),
            max_fps,
            max_px,
            ..Subscribe::default()
        };
        if self.client.is_daemon() {
            self.client.subscribe(subscribe).await?;
        }
        let job = self.client.job(&self.job.to_string()).await?;
        let Task::Image(task) = &job.task;
        self.origin.model.clone_from(&task.what.model);
        if job.state == JobState::Queued {
            self.display.waiting("Waiting in the queue.");
        }
        if !self.client.is_daemon() {
            // Nothing happens any more; the rest is told from what is kept.
            self.state = Some(job.state);
        }
        Ok(())
    }

    /// Waits a little for the daemon to bring the rest.
    async fn pause(&mut self) -> Result<()> {
        self.asked += 1;
        if self.asked == LONG {
            self.display.waiting("The pictures are made and on their way.");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => Ok(()),
            () = self.interrupts.next() => {
                let short = self.job.short();
                Err(Error::Left(format!(
                    "Job {short} is done and its pictures are on their way: `darkroom wait {short}` tells when they are there."
                )))
            }
        }
    }

    async fn catch_up(&mut self, job: &Job) -> Result<()> {
        for picture in &job.pictures {
            let event = Event {
                seq: 0,
                of: self.job.into(),
                kind: EventKind::Picture(picture.clone()),
            };
            if !self.delivered.contains(&picture.index) {
                self.picture(&event).await?;
            }
        }
        for delivery in &job.deliveries {
            self.was_brought(delivery).await?;
        }
        Ok(())
    }

    async fn recover(&mut self, mut why: Error) -> Result<()> {
        loop {
            self.lost += 1;
            if self.lost > TRIES {
                let short = self.job.short();
                return Err(Error::Unreachable(format!(
                    "The daemon was lost {TRIES} times ({why}); job {short} is kept: `darkroom wait {short}` goes on with it."
                )));
            }
            self.client = self.reconnect(&why).await?;
            match self.again().await {
                Err(e) if e.is_lost() => why = e,
                other => return other,
            }
        }
    }

    /// A connection to the daemon that goes on with the job: it is durable.
    async fn reconnect(&mut self, why: &Error) -> Result<Client> {
        let short = self.job.short();
        let when_gone = match why {
            Error::Wire(wire) => WhenGone::Start.after(wire),
            _ => WhenGone::Start,
        };
        let goes_on = if when_gone == WhenGone::Start {
            ": going on with it."
        } else {
            "."
        };
        self.display.warn(&format!("{why} Job {short} is kept{goes_on}"));
        again(self.paths, when_gone).await?.ok_or_else(|| {
            Error::Unreachable(format!(
                "No daemon is running: `darkroom wait {short}` starts one and goes on with the job."
            ))
        })
    }

    /// On a new connection: what the person asked for still holds.
    async fn again(&mut self) -> Result<()> {
        self.subscribe().await?;
        if self.cancelling && !self.state.is_some_and(JobState::is_final) {
            self.client.cancel(&self.job.to_string(), false).await?;
        }
        Ok(())
    }
}

/// How a waiting job stands, for the person who waits with it.
fn waiting(change: &QueueChange) -> String {
    match change {
        QueueChange { held: true, .. } => "Held back in the queue.".to_owned(),
        QueueChange {
            position: Some(before @ 1..),
            ..
        } => format!("Waiting in the queue: {before} before this one."),
        _ => "Next in the queue.".to_owned(),
    }
}
