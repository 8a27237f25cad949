//! Models that people want in memory or out of it without a job: loads, unloads and pins, passed to the workers. Events about a
//! load tell how it goes. What is in memory is the worker's own business (`resident` is what it said last).

use std::collections::VecDeque;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{
    Assignment, EventKind, Failure, FailureKind, LoadChange, LoadId, LoadState, ModelSource, Order, Outcome, Progress,
};
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::message::Ask;
use super::named::{Held, Named, names};
use super::route::{Face, Route, route, runs_on};
use super::slot::{Loading, Phase, Slot};

impl Dispatcher {
    /// Puts a model in line for its worker, or says why there is none.
    pub async fn want(&mut self, ask: Ask) {
        let devices = self.devices();
        let faces: Vec<Face<'_>> = self.slots.iter().map(Slot::face).collect();
        match route(&ask.device, &faces, devices.as_deref()) {
            Route::Known => {
                let first = (0..faces.len()).find(|at| runs_on(&ask.device, *at, &faces, devices.as_deref()));
                self.slots[first.unwrap_or(0)].loads.push_back(ask);
            }
            Route::Open(device) => {
                let mut slot = Slot::new(&device, false);
                slot.loads.push_back(ask);
                self.slots.push(slot);
                self.start_worker(self.slots.len() - 1).await;
            }
            Route::Nowhere(devices) => {
                let message = format!(
                    "There is no device {} here: --device takes one of {}.",
                    darkroom_protocol::text::escape_line(&ask.device),
                    devices.join(", ")
                );
                self.fail_load(&ask, FailureKind::Usage, message);
            }
        }
    }

    /// Gives a worker without a job the next model to load. Whether it has one, or is started for it.
    pub async fn begin_load(&mut self, at: usize) -> bool {
        if self.slots[at].loads.is_empty() {
            return false;
        }
        if matches!(self.slots[at].phase, Phase::Down) {
            self.start_worker(at).await;
            return true;
        }
        let slot = &mut self.slots[at];
        let (Some(ask), Some(worker)) = (slot.loads.pop_front(), &slot.worker) else {
            return false;
        };
        worker.send(Order::Load {
            load: ask.load,
            model: Box::new(ask.wanted.clone()),
            keep_alive: ask.keep_alive,
            pinned: ask.pinned,
        });
        self.tell_load(&ask, LoadState::Loading, None);
        self.slots[at].phase = Phase::Loading(Box::new(Loading {
            ask,
            last_sign: Instant::now(),
            cancelling: None,
        }));
        true
    }

    /// Whether that worker loads a model under this number.
    pub fn loads(&self, at: usize, load: LoadId) -> bool {
        matches!(&self.slots[at].phase, Phase::Loading(loading) if loading.ask.load == load)
    }

    /// A model is on its way.
    pub fn sign_of_loading(&mut self, at: usize, load: LoadId, progress: Progress) {
        if let Phase::Loading(loading) = &mut self.slots[at].phase
            && loading.ask.load == load
        {
            loading.last_sign = Instant::now();
            self.tools.bus.publish(load, EventKind::Progress(progress));
        }
    }

    /// A model is in memory, or will not be.
    pub fn end_load(&mut self, at: usize, load: LoadId, outcome: Outcome) {
        let slot = &mut self.slots[at];
        let Phase::Loading(loading) = &slot.phase else { return };
        if loading.ask.load != load {
            return;
        }
        let (state, failure) = match outcome {
            Outcome::Done => (LoadState::Loaded, None),
            Outcome::Cancelled => (LoadState::Cancelled, None),
            Outcome::Failed(failure) => (LoadState::Failed, Some(failure)),
        };
        let ask = loading.ask.clone();
        (slot.phase, slot.deaths) = (Phase::Idle, 0);
        self.tell_load(&ask, state, failure);
    }

    /// No model that waits for that worker will be loaded, for this reason.
    pub fn fail_loads(&mut self, at: usize, reason: &str) {
        for ask in std::mem::take(&mut self.slots[at].loads) {
            self.fail_load(&ask, FailureKind::Crash, reason.to_owned());
        }
    }

    /// A model will not be loaded.
    pub fn fail_load(&self, ask: &Ask, kind: FailureKind, message: String) {
        self.tell_load(ask, LoadState::Failed, Some(Failure { kind, message }));
    }

    /// Removes a model, `None` for all, from the memory of `device`, everywhere when that is empty, and stops loading it. The names
    /// of those concerned.
    ///
    /// # Errors
    /// As [`Named::among`].
    pub fn unload(&mut self, model: Option<&Named>, device: &str) -> Result<Vec<String>, RemoteError> {
        let places = self.on(device);
        let held: Vec<Held> = places.iter().flat_map(|at| self.slots[*at].held()).collect();
        let source = match model {
            None => None,
            Some(named) => match named.among(&held)? {
                None => return Ok(Vec::new()),
                found => found,
            },
        };
        let is_meant = |other: &ModelSource| source.as_ref().is_none_or(|source| source == other);
        for at in places {
            let slot = &mut self.slots[at];
            let (dropped, kept) = std::mem::take(&mut slot.loads)
                .into_iter()
                .partition(|ask| is_meant(&ask.wanted.source));
            slot.loads = kept;
            let Some(worker) = &slot.worker else { continue };
            if let Phase::Loading(loading) = &mut slot.phase
                && is_meant(&loading.ask.wanted.source)
            {
                worker.send(Order::Cancel {
                    of: Assignment::Load(loading.ask.load),
                    after_picture: false,
                });
                loading.cancelling.get_or_insert_with(Instant::now);
            }
            worker.send(Order::Unload { source: source.clone() });
            let dropped: VecDeque<Ask> = dropped;
            for ask in dropped {
                self.tell_load(&ask, LoadState::Cancelled, None);
            }
        }
        let sources: Vec<ModelSource> = held.iter().map(|(_, source)| source.clone()).filter(is_meant).collect();
        Ok(names(&sources, &held))
    }

    /// Pins a model no longer, wherever it is in memory. Its name where it was pinned.
    ///
    /// # Errors
    /// As [`Named::among`].
    pub fn unpin(&mut self, model: &Named) -> Result<Vec<String>, RemoteError> {
        let all: Vec<Held> = self.slots.iter().flat_map(Slot::held).collect();
        let resident = self.slots.iter().flat_map(|slot| slot.resident.now().models);
        let pinned: Vec<Held> = resident
            .filter(|model| model.pinned)
            .map(|model| (model.name, model.source))
            .collect();
        let Some(source) = model.among(&pinned)? else {
            return Ok(Vec::new());
        };
        for worker in self.slots.iter().filter_map(|slot| slot.worker.as_ref()) {
            worker.send(Order::Unpin { source: source.clone() });
        }
        Ok(names(&[source], &all))
    }

    /// The workers of a device; all when it is empty.
    fn on(&self, device: &str) -> Vec<usize> {
        let serves = |slot: &Slot| device.is_empty() || slot.asked == device || slot.face().device == Some(device);
        (0..self.slots.len()).filter(|at| serves(&self.slots[*at])).collect()
    }

    /// How a load stands now.
    pub fn tell_load(&self, ask: &Ask, state: LoadState, failure: Option<Failure>) {
        let change = LoadChange {
            model: ask.wanted.name.clone(),
            device: ask.device.clone(),
            state,
            failure: failure.map(Failure::bounded),
        };
        self.tools.bus.publish(ask.load, EventKind::Load(change));
    }
}
