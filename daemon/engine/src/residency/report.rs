//! What is in memory, as `models ps` and `status` show it, and the account set right by what the process takes in fact.
//! `worker/executor.rs` calls it after each task and after each change. What a component's weights take is counted in
//! `weights/ledger.rs`; which parts go is chosen in `room.rs`.

use std::time::Instant;

use darkroom_protocol::{Residency, ResidentComponent, ResidentModel};

use super::Models;
use super::held::{Entry, Held};
use crate::torch;

impl Models {
    /// Corrects the account by what is measured: what the process takes beyond its weights is room that models do not have. Where
    /// that leaves too little for those in memory, the parts used longest ago go at once, but none of the model used last.
    ///
    /// To be called between tasks, when nothing is computed. On the CPU that is the process's resident memory. Weights that
    /// nobody has touched yet are not in it, so that it never makes room larger than it was at the start.
    pub fn settle(&mut self) {
        let measured = torch::memory(self.device()).used;
        self.beside = measured.saturating_sub(self.weights()).max(self.floor);
        let last = self.entries.last().map(|entry| entry.key().clone());
        if let Some(last) = last.filter(|_| self.weights().saturating_add(self.beside) > self.budget) {
            // Pinned models may be over it by themselves: they stay.
            let _ = self.make_room(&last, 0);
        }
    }

    /// Bytes of all parts, each once.
    pub fn weights(&self) -> u64 {
        self.held.iter().map(Held::bytes).sum()
    }

    /// What is in memory, for people.
    pub fn residency(&self, now: Instant) -> Residency {
        Residency {
            budget: self.budget,
            used: self.weights().saturating_add(self.beside),
            models: self.entries.iter().map(|entry| self.describe(entry, now)).collect(),
        }
    }

    fn describe(&self, entry: &Entry, now: Instant) -> ResidentModel {
        let held: Vec<&Held> = entry.parts.iter().filter_map(|id| self.part(*id)).collect();
        let shared = |id: u64| self.entries.iter().filter(|other| other.parts.contains(&id)).count() > 1;
        let components = held.iter().map(|held| ResidentComponent {
            name: held.name().to_owned(),
            bytes: held.bytes(),
            shared: shared(held.id),
        });
        let key = entry.key();
        ResidentModel {
            name: key.name.clone(),
            source: key.source.clone(),
            dtype: key.format(),
            complete: held.len() == entry.blueprint.components().len(),
            bytes: held.iter().map(|held| held.bytes()).sum(),
            components: components.collect(),
            pinned: entry.pinned,
            busy: entry.busy,
            used_s: now.saturating_duration_since(entry.used).as_secs(),
            expires_s: entry
                .used
                .checked_add(entry.keep_alive.duration().unwrap_or(std::time::Duration::MAX))
                .map(|at| at.saturating_duration_since(now).as_secs()),
        }
    }
}
