//! The place of one worker: its process, what it does now, and what it has in memory. Slots outlive processes; the dispatcher owns
//! them all, and its other files change them. What decides anything is there, not here.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use darkroom_protocol::message::worker::Ready;
use darkroom_protocol::{Assignment, Failure, Format, JobId, ModelSource, WorkerState, WorkerStatus};
use tokio::time::Instant;

use super::message::Ask;
use super::named::Held;
use super::resident::Resident;
use super::route::Face;
use crate::events::Demand;
use crate::gallery::Tray;
use crate::store::Waiting;
use crate::workers::Worker;

/// The place of one worker, which outlives its processes.
#[derive(Debug)]
pub struct Slot {
    /// The device it is for; empty for the best there is.
    pub asked: String,
    /// Whether it takes jobs that leave the device open.
    pub open: bool,
    /// Its process.
    pub worker: Option<Worker>,
    /// Where its process puts pictures.
    pub tray: Option<Tray>,
    /// What it last said it is.
    pub ready: Option<Ready>,
    /// What it does.
    pub phase: Phase,
    /// How often it was started again after a death.
    pub restarts: u32,
    /// Deaths since a job last ended on it: each doubles the pause before the next start.
    pub deaths: u32,
    /// Processes in a row that died before they were ready.
    pub stillborn: u32,
    /// What it has in memory.
    pub resident: Resident,
    /// Models to bring into memory before the next job, in order.
    pub loads: VecDeque<Ask>,
    /// The previews that its process was last told to make.
    pub shown: Demand,
    /// How it stood as everybody was told last, and when its process had said what it holds.
    told: Option<(WorkerStatus, Option<Instant>)>,
}

/// What a slot does.
#[derive(Debug)]
pub enum Phase {
    /// A process has been started and is not ready.
    Starting,
    /// It waits for work.
    Idle,
    /// It works.
    Busy(Box<Busy>),
    /// It brings a model into memory.
    Loading(Box<Loading>),
    /// Its process died; the next one is started then.
    Pausing(Instant),
    /// It cannot be started; the next job tries again.
    Down,
}

/// A job in progress.
#[derive(Debug)]
pub struct Busy {
    /// What was known of it while it waited.
    pub waiting: Waiting,
    /// Pictures it is to make.
    pub pictures: u32,
    /// About the most bytes that one of their files can have.
    pub bytes: u64,
    /// The format of their files.
    pub format: Format,
    /// How they are called among other things.
    pub called: String,
    /// The model that makes them.
    pub source: ModelSource,
    /// Those whose rows are written.
    pub kept: HashSet<u32>,
    /// Whether another is on its way there. Its worker is not heard meanwhile.
    pub keeping: bool,
    /// When its worker last got on with it.
    pub last_sign: Instant,
    /// How far that was.
    pub reached: Option<(darkroom_protocol::Phase, u32, u32)>,
    /// How long its last step took.
    pub last_step: Duration,
    /// When its worker was told to end it.
    pub cancelling: Option<Instant>,
    /// Whether somebody has asked for its end.
    pub unwanted: bool,
    /// Whether its worker was told to end it after the picture in the making. It goes on meanwhile, and is not hurried.
    pub after_picture: bool,
    /// Why it has failed already, though its worker goes on.
    pub failure: Option<Failure>,
    /// Whether it returns to the line, because the disk does not take its pictures now.
    pub shelved: bool,
}

/// A model on its way into memory.
#[derive(Debug)]
pub struct Loading {
    /// What was asked for.
    pub ask: Ask,
    /// When its worker last said something of it.
    pub last_sign: Instant,
    /// When its worker was told to stop.
    pub cancelling: Option<Instant>,
}

impl Slot {
    /// A place for a worker on `asked`, for jobs that name this device and, where it is `open`, for those that name none.
    pub fn new(asked: &str, open: bool) -> Self {
        Self {
            asked: asked.to_owned(),
            open,
            worker: None,
            tray: None,
            ready: None,
            phase: Phase::Down,
            restarts: 0,
            deaths: 0,
            stillborn: 0,
            resident: Resident::default(),
            loads: VecDeque::new(),
            shown: Demand::default(),
            told: None,
        }
    }

    /// What routing needs to know.
    pub fn face(&self) -> Face<'_> {
        Face {
            asked: &self.asked,
            device: self.ready.as_ref().map(|ready| ready.device.as_str()),
            open: self.open,
        }
    }

    /// The job in progress.
    pub fn busy(&mut self) -> Option<&mut Busy> {
        match &mut self.phase {
            Phase::Busy(busy) => Some(busy),
            _ => None,
        }
    }

    /// The job in progress, when it is that one.
    pub fn busy_with(&mut self, job: JobId) -> Option<&mut Busy> {
        self.busy().filter(|busy| busy.waiting.job == job)
    }

    /// The id of the job in progress.
    pub fn job(&self) -> Option<JobId> {
        match &self.phase {
            Phase::Busy(busy) => Some(busy.waiting.job),
            _ => None,
        }
    }

    /// The job in progress, or the model on its way into memory.
    pub fn assignment(&self) -> Option<Assignment> {
        match &self.phase {
            Phase::Busy(busy) => Some(Assignment::Job(busy.waiting.job)),
            Phase::Loading(loading) => Some(Assignment::Load(loading.ask.load)),
            _ => None,
        }
    }

    /// Whether the end of the job in progress was asked for.
    pub fn is_unwanted(&self) -> bool {
        matches!(&self.phase, Phase::Busy(busy) if busy.unwanted)
    }

    /// The models that are in memory, or on their way there.
    pub fn held(&self) -> Vec<Held> {
        let resident = self.resident.now().models.into_iter();
        let waiting = self.loads.iter().map(|ask| &ask.wanted);
        let mut held: Vec<Held> = resident
            .map(|model| (model.name, model.source))
            .chain(waiting.map(|wanted| (wanted.name.clone(), wanted.source.clone())))
            .collect();
        if let Phase::Loading(loading) = &self.phase {
            let wanted = &loading.ask.wanted;
            held.push((wanted.name.clone(), wanted.source.clone()));
        }
        held
    }

    /// What `status` tells of it.
    pub fn status(&self) -> WorkerStatus {
        let state = match self.phase {
            Phase::Starting | Phase::Pausing(_) => WorkerState::Starting,
            Phase::Idle => WorkerState::Idle,
            Phase::Busy(_) => WorkerState::Busy,
            Phase::Loading(_) => WorkerState::Loading,
            Phase::Down => WorkerState::Stopped,
        };
        let ready = self.ready.as_ref();
        WorkerStatus {
            device: ready.map_or_else(|| self.asked.clone(), |r| r.device.clone()),
            pid: self.worker.as_ref().map_or(0, Worker::pid),
            state,
            restarts: self.restarts,
            libtorch: ready.map(|r| r.libtorch.clone()).unwrap_or_default(),
            devices: ready.map(|r| r.devices.clone()).unwrap_or_default(),
            resident: self.resident.now(),
        }
    }

    /// Whether `status` says more than everybody was told last, which it is from now on: that times go on is no news.
    pub fn is_news(&mut self, status: &WorkerStatus) -> bool {
        let heard = self.resident.heard_at();
        let is_old = |(told, then): &(WorkerStatus, Option<Instant>)| {
            let same = WorkerStatus {
                resident: status.resident.clone(),
                ..told.clone()
            };
            *then == heard && same == *status
        };
        let news = !self.told.as_ref().is_some_and(is_old);
        if news {
            self.told = Some((status.clone(), heard));
        }
        news
    }
}

impl Busy {
    /// When a worker that was told to cancel and shows no sign of life is to be ended: after `patience`, or twice its last
    /// step where that is longer.
    pub fn kill_due(&self, patience: Duration) -> Option<Instant> {
        let since = self.cancelling?.max(self.last_sign);
        Some(since + patience.max(2 * self.last_step))
    }
}

impl Loading {
    /// Whether somebody wants it no more.
    pub fn is_cancelled(&self) -> bool {
        self.cancelling.is_some()
    }

    /// When a worker that was told to stop loading and shows no sign of life is to be ended.
    pub fn kill_due(&self, patience: Duration) -> Option<Instant> {
        Some(self.cancelling?.max(self.last_sign) + patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_step_is_given_its_time() {
        let now = Instant::now();
        let seconds = Duration::from_secs;
        let mut busy = Busy {
            waiting: Waiting {
                job: JobId::new(),
                priority: 0,
                place: 0,
                held: false,
                model: String::new(),
                device: String::new(),
            },
            pictures: 1,
            bytes: 1,
            format: Format::Png,
            called: "fox".to_owned(),
            source: ModelSource::Embedded("emoji".to_owned()),
            kept: HashSet::new(),
            keeping: false,
            last_sign: now,
            reached: None,
            last_step: seconds(1),
            cancelling: None,
            unwanted: false,
            after_picture: false,
            failure: None,
            shelved: false,
        };
        assert_eq!(busy.kill_due(seconds(5)), None);
        busy.cancelling = Some(now);
        assert_eq!(busy.kill_due(seconds(5)), Some(now + seconds(5)));
        busy.last_step = seconds(9);
        assert_eq!(busy.kill_due(seconds(5)), Some(now + seconds(18)));
        busy.last_sign = now + seconds(7);
        assert_eq!(busy.kill_due(seconds(5)), Some(now + seconds(25)));
    }
}
