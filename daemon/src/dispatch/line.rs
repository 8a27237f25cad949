use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use darkroom_protocol::JobId;

use crate::store::Waiting;

/// The jobs that wait, in the order in which they run: by priority, then age. The store holds the truth; this saves asking.
#[derive(Debug, Default)]
pub struct Line {
    entries: BTreeMap<Place, Entry>,
    places: HashMap<JobId, Place>,
}

type Place = (Reverse<i64>, JobId);

/// A waiting job.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is known of it.
    pub waiting: Waiting,
    /// How often a younger job went first, because its model was in memory.
    pub overtaken: u32,
    /// Since when it waits here.
    pub since: Instant,
}

impl Line {
    /// Adds a job at its place.
    pub fn insert(&mut self, waiting: Waiting) {
        let entry = Entry {
            waiting,
            overtaken: 0,
            since: Instant::now(),
        };
        let place = place(&entry.waiting);
        self.places.insert(place.1, place);
        self.entries.insert(place, entry);
    }

    /// Takes a job out.
    pub fn remove(&mut self, job: JobId) -> Option<Entry> {
        self.entries.remove(&self.places.remove(&job)?)
    }

    /// The entry of a job.
    pub fn get(&self, job: JobId) -> Option<&Entry> {
        self.entries.get(self.places.get(&job)?)
    }

    /// Notes that a younger job goes first.
    pub fn overtake(&mut self, waiting: &Waiting) {
        if let Some(entry) = self.entries.get_mut(&place(waiting)) {
            entry.overtaken += 1;
        }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

fn place(waiting: &Waiting) -> Place {
    (Reverse(waiting.priority), waiting.job)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(job: JobId, priority: i64) -> Waiting {
        Waiting {
            job,
            priority,
            model: String::new(),
            device: String::new(),
        }
    }

    #[test]
    fn by_priority_then_age_wherever_it_came_in() {
        let (old, young, urgent) = (JobId::new(), JobId::new(), JobId::new());
        let mut line = Line::default();
        for (job, priority) in [(young, 0), (urgent, 5), (old, 0)] {
            line.insert(waiting(job, priority));
        }
        let order: Vec<JobId> = line.iter().map(|e| e.waiting.job).collect();
        assert_eq!(order, [urgent, old, young]);
        assert!(line.remove(old).is_some() && line.remove(old).is_none());
        assert_eq!(line.len(), 2);
    }
}
