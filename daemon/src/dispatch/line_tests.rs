//! The line's order, over insertions, returns and moves.

use proptest::prelude::*;

use super::*;
use crate::dispatch::choose::{REACH, choose};

fn waiting(job: JobId, priority: i32, place: i64) -> Waiting {
    Waiting {
        job,
        priority,
        place,
        held: false,
        model: String::new(),
        device: String::new(),
    }
}

fn order(line: &Line) -> Vec<JobId> {
    let front = line.front(|_| true, usize::MAX);
    front.into_iter().map(|entry| entry.waiting.job).collect()
}

#[test]
fn by_priority_then_place_then_age_wherever_it_came_in() {
    let (old, young, urgent, twin) = (JobId::new(), JobId::new(), JobId::new(), JobId::new());
    let mut line = Line::default();
    for (job, priority, place) in [(young, 0, 2), (twin, 0, 2), (urgent, 5, 3), (old, 0, 1)] {
        line.insert(waiting(job, priority, place));
    }
    assert_eq!(order(&line), [urgent, old, young, twin]);
    assert!(line.remove(old).is_some() && line.remove(old).is_none());
    assert_eq!(line.len(), 3);
}

#[test]
fn a_job_that_is_placed_again_keeps_what_it_has_waited() {
    let (a, b) = (JobId::new(), JobId::new());
    let mut line = Line::default();
    line.insert(waiting(a, 0, 1));
    line.insert(waiting(b, 0, 2));
    line.overtake(a);
    line.insert(waiting(a, 0, 3));
    assert_eq!(order(&line), [b, a]);
    assert_eq!(line.get(a).unwrap().overtaken, 1);
    let entry = line.remove(a).unwrap();
    line.put_back(entry);
    assert_eq!(line.get(a).unwrap().overtaken, 1);
    line.insist(b);
    assert_eq!(line.get(b).unwrap().overtaken, MAX_OVERTAKEN);
}

#[test]
fn what_is_held_back_waits_and_is_not_in_line() {
    let job = JobId::new();
    let mut line = Line::default();
    let held = Waiting {
        held: true,
        ..waiting(job, 0, 1)
    };
    line.insert(held);
    assert_eq!((line.len(), line.held(), order(&line)), (1, 1, vec![]));
    assert!(line.contains(job) && line.get(job).is_none());
    line.insert(waiting(job, 0, 1));
    assert_eq!((line.len(), line.held(), order(&line)), (1, 0, vec![job]));
    line.remove(job);
    assert_eq!(line.len(), 0);
}

#[test]
fn each_device_has_a_lane() {
    let mut line = Line::default();
    let on = |place: i64, device: &str| Waiting {
        device: device.to_owned(),
        ..waiting(JobId::new(), 0, place)
    };
    let jobs = [on(1, "cpu"), on(2, "cuda:0"), on(3, "cpu"), on(4, "")];
    jobs.iter().for_each(|job| line.insert(job.clone()));
    let places = |front: Vec<&Entry>| front.iter().map(|e| e.waiting.place).collect::<Vec<_>>();
    assert_eq!(places(line.front(|d| d != "cuda:0", 2)), [1, 3]);
    assert_eq!(places(line.front(|d| d != "cpu", 9)), [2, 4]);
    assert_eq!(line.lane("cpu").count(), 2);
    line.remove(jobs[1].job);
    assert_eq!(line.devices().collect::<Vec<_>>(), ["", "cpu"]);
}

/// What may happen to a line. Jobs are named by when they came.
#[derive(Clone, Debug)]
enum Act {
    Submit {
        priority: i32,
        model: u8,
    },
    Place {
        job: usize,
        priority: i32,
        place: i64,
    },
    Hold {
        job: usize,
        held: bool,
    },
    Cancel {
        job: usize,
    },
    /// A worker with this model in memory is free.
    Start {
        model: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let job = 0usize..40;
    prop_oneof![
        4 => (-1i32..2, 0u8..3).prop_map(|(priority, model)| Act::Submit { priority, model }),
        1 => (job.clone(), -1i32..2, 0i64..40).prop_map(|(job, priority, place)| Act::Place { job, priority, place }),
        1 => (job.clone(), any::<bool>()).prop_map(|(job, held)| Act::Hold { job, held }),
        1 => job.prop_map(|job| Act::Cancel { job }),
        4 => (0u8..3).prop_map(|model| Act::Start { model }),
    ]
}

/// A job of the model that the line is compared with.
#[derive(Clone)]
struct Known {
    waiting: Waiting,
    started: u32,
    /// How often a job behind it was started before it.
    passed: u32,
}

/// Every act on a line and on a plain list; whatever happens, both agree.
#[derive(Default)]
struct World {
    line: Line,
    known: Vec<Known>,
    gone: Vec<JobId>,
}

impl World {
    fn act(&mut self, act: &Act) {
        match *act {
            Act::Submit { priority, model } => self.submit(priority, model),
            Act::Place { job, priority, place } => self.change(job, |waiting| {
                (waiting.priority, waiting.place) = (priority, place);
            }),
            Act::Hold { job, held } => self.change(job, |waiting| waiting.held = held),
            Act::Cancel { job } => {
                if let Some(known) = self.known.get(job) {
                    self.line.remove(known.waiting.job);
                    self.gone.push(known.waiting.job);
                }
            }
            Act::Start { model } => drop(self.start(model)),
        }
    }

    fn submit(&mut self, priority: i32, model: u8) {
        let place = self.known.len() as i64;
        let waiting = Waiting {
            model: model.to_string(),
            ..waiting(JobId::new(), priority, place)
        };
        self.line.insert(waiting.clone());
        let (started, passed) = (0, 0);
        self.known.push(Known {
            waiting,
            started,
            passed,
        });
    }

    fn change(&mut self, job: usize, change: impl FnOnce(&mut Waiting)) {
        let gone = &self.gone;
        if let Some(known) = self
            .known
            .get_mut(job)
            .filter(|known| !gone.contains(&known.waiting.job))
        {
            change(&mut known.waiting);
            self.line.insert(known.waiting.clone());
        }
    }

    /// What the plain list says the order is.
    fn expected(&self) -> Vec<JobId> {
        let here = |known: &&Known| !known.waiting.held && !self.gone.contains(&known.waiting.job);
        let mut here: Vec<&Waiting> = self.known.iter().filter(here).map(|known| &known.waiting).collect();
        here.sort_by_key(|waiting| (Reverse(waiting.priority), waiting.place, waiting.job));
        here.into_iter().map(|waiting| waiting.job).collect()
    }

    fn start(&mut self, model: u8) -> Option<JobId> {
        let front = self.line.front(|_| true, REACH);
        let first = front.first()?.waiting.job;
        let chosen = choose(front.into_iter(), &[model.to_string()])?.waiting.job;
        if chosen != first {
            self.line.overtake(first);
            let passed = self.known.iter_mut().find(|known| known.waiting.job == first)?;
            passed.passed += 1;
        }
        self.line.remove(chosen);
        self.gone.push(chosen);
        self.known.iter_mut().find(|known| known.waiting.job == chosen)?.started += 1;
        Some(chosen)
    }
}

proptest! {
    /// Whatever people do: the order is total and the one that priorities and places say, each job is started once, and none
    /// is passed over more often than the bound.
    #[test]
    fn the_line_keeps_its_order_and_nobody_starves(acts in proptest::collection::vec(act(), 0..120)) {
        let mut world = World::default();
        for act in &acts {
            world.act(act);
            prop_assert_eq!(order(&world.line), world.expected());
        }
        let held = world.line.held();
        let mut left = world.line.len() - held;
        while left > 0 {
            prop_assert!(world.start((left % 3) as u8).is_some());
            left -= 1;
        }
        prop_assert_eq!(world.line.len(), held);
        for known in &world.known {
            prop_assert!(known.started <= 1);
            prop_assert!(known.passed <= MAX_OVERTAKEN, "passed over {} times", known.passed);
            let ended = world.gone.contains(&known.waiting.job);
            prop_assert!(ended || known.waiting.held, "{:?} never ran", known.waiting.job);
        }
    }
}
