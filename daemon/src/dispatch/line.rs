//! The line of waiting jobs in memory, in one total order. `floor` keeps it up to date from commits, `assign` takes jobs out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use darkroom_protocol::JobId;

use crate::store::Waiting;

/// So many younger jobs may go before a job, because their model is in memory and its is not.
pub const MAX_OVERTAKEN: u32 = 8;

/// The jobs that wait, in the order in which they run: by priority, then place. The store holds the truth; this saves asking.
///
/// Jobs for one device stand in a lane of their own, so that a long line for a busy device costs an idle one nothing.
#[derive(Clone, Debug, Default)]
pub struct Line {
    lanes: BTreeMap<String, BTreeMap<Key, Entry>>,
    /// Lane and key of every job in a lane.
    keys: HashMap<JobId, (String, Key)>,
    /// Jobs that are held back.
    held: HashMap<JobId, Waiting>,
}

/// Jobs of one place, which only a job that returns can have, stand by age.
type Key = (Reverse<i32>, i64, JobId);

/// A waiting job.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is known of it.
    pub waiting: Waiting,
    /// How often a job behind it went first, because its model was in memory.
    pub overtaken: u32,
    /// Since when it waits here.
    pub since: Instant,
}

impl Line {
    /// Adds a job at its place. One that is there already goes to that place, and what it has waited counts.
    pub fn insert(&mut self, waiting: Waiting) {
        let old = self.remove(waiting.job);
        if waiting.held {
            self.held.insert(waiting.job, waiting);
            return;
        }
        let (overtaken, since) = old.map_or((0, Instant::now()), |old| (old.overtaken, old.since));
        let key = key(&waiting);
        self.keys.insert(waiting.job, (waiting.device.clone(), key));
        let entry = Entry {
            waiting,
            overtaken,
            since,
        };
        self.lanes
            .entry(entry.waiting.device.clone())
            .or_default()
            .insert(key, entry);
    }

    /// Puts a job back that was taken out and has not started.
    pub fn put_back(&mut self, entry: Entry) {
        let (job, overtaken, since) = (entry.waiting.job, entry.overtaken, entry.since);
        self.insert(entry.waiting);
        if let Some(entry) = self.get_mut(job) {
            (entry.overtaken, entry.since) = (overtaken, since);
        }
    }

    /// Gives a waiting job another place; what it has waited counts.
    pub fn redraw(&mut self, job: JobId, place: i64) {
        if let Some(waiting) = self.held.get_mut(&job) {
            waiting.place = place;
        } else if let Some(mut entry) = self.remove(job) {
            entry.waiting.place = place;
            self.put_back(entry);
        }
    }

    /// Takes a job out; what is known of it unless it was held back.
    pub fn remove(&mut self, job: JobId) -> Option<Entry> {
        self.held.remove(&job);
        let (device, key) = self.keys.remove(&job)?;
        let lane = self.lanes.get_mut(&device)?;
        let entry = lane.remove(&key);
        if lane.is_empty() {
            self.lanes.remove(&device);
        }
        entry
    }

    /// Whether a job waits, held back or not.
    #[cfg(test)]
    pub fn contains(&self, job: JobId) -> bool {
        self.keys.contains_key(&job) || self.held.contains_key(&job)
    }

    /// The entry of a job that is not held back.
    #[cfg(test)]
    pub fn get(&self, job: JobId) -> Option<&Entry> {
        let (device, key) = self.keys.get(&job)?;
        self.lanes.get(device)?.get(key)
    }

    /// Every job that waits: those that are not held back in their order, then the others.
    #[cfg(test)]
    pub fn all(&self) -> (Vec<&Waiting>, Vec<&Waiting>) {
        let front = self.front(|_| true, usize::MAX);
        (
            front.into_iter().map(|entry| &entry.waiting).collect(),
            self.held.values().collect(),
        )
    }

    /// Notes that a job behind it goes first.
    pub fn overtake(&mut self, job: JobId) {
        if let Some(entry) = self.get_mut(job) {
            entry.overtaken += 1;
        }
    }

    /// Lets no job go first whose model is in memory: a person has given this one its place.
    pub fn insist(&mut self, job: JobId) {
        if let Some(entry) = self.get_mut(job) {
            entry.overtaken = MAX_OVERTAKEN;
        }
    }

    fn get_mut(&mut self, job: JobId) -> Option<&mut Entry> {
        let (device, key) = self.keys.get(&job)?;
        self.lanes.get_mut(device)?.get_mut(key)
    }

    /// The devices that waiting jobs ask for.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.lanes.keys().map(String::as_str)
    }

    /// The first `reach` jobs for devices that `wanted` takes, in order.
    pub fn front(&self, wanted: impl Fn(&str) -> bool, reach: usize) -> Vec<&Entry> {
        let lanes = self.lanes.iter().filter(|(device, _)| wanted(device));
        let mut front: Vec<(&Key, &Entry)> = lanes.flat_map(|(_, lane)| lane.iter().take(reach)).collect();
        front.sort_unstable_by_key(|(key, _)| **key);
        front.truncate(reach);
        front.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The jobs for a device, in order.
    pub fn lane(&self, device: &str) -> impl Iterator<Item = &Entry> {
        self.lanes.get(device).into_iter().flat_map(BTreeMap::values)
    }

    /// How many wait, held back or not.
    pub fn len(&self) -> usize {
        self.keys.len() + self.held.len()
    }

    /// How many are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

fn key(waiting: &Waiting) -> Key {
    (Reverse(waiting.priority), waiting.place, waiting.job)
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
