//! Every interleaving of what two and three callers ask, of the dispatcher and of a worker, over the store's own transitions:
//! what everybody was told last is what the row says, the line is the database's, and nothing is stranded.

use std::collections::{HashMap, HashSet, VecDeque};

use darkroom_protocol::event::QueueChange;
use darkroom_protocol::{EventKind, JobId, JobState};
use rstest::rstest;

use super::floor::Floor;
use crate::jobs::{Move, step};
use crate::store::trial::{Made, Trial};
use crate::store::{Coming, Committed, Spot, Start};

/// What a caller asks; jobs are numbered as they were accepted.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Submit,
    Cancel(usize),
    CancelAll,
    Retry(usize),
    First(usize),
    After(usize, usize),
    Priority(usize, i32),
    Hold(usize),
    Let(usize),
    Pause,
    Resume,
}

/// How the world stands, but for the database.
#[derive(Clone, Default)]
struct World {
    /// How far each caller is.
    callers: Vec<usize>,
    jobs: Vec<JobId>,
    /// Committed, and not followed yet.
    news: VecDeque<Committed>,
    floor: Floor,
    /// The job that the worker has, and whether it was told to end it.
    slot: Option<(JobId, bool)>,
    /// What was told last of each job.
    told: HashMap<JobId, (JobState, Option<QueueChange>)>,
    /// Deaths of the worker that may still come.
    deaths: u32,
}

struct Search {
    trial: Trial,
    programs: Vec<Vec<Ask>>,
    seen: HashSet<String>,
}

impl World {
    /// The dispatcher follows one change.
    fn follow(&mut self, news: Committed) {
        let upshot = self.floor.take(news);
        for (of, kind) in upshot.events {
            let job = of.job().unwrap();
            let told = self.told.get(&job).copied();
            match kind {
                EventKind::State(change) => {
                    let legal = |from| Move::ALL.iter().any(|m| step(from, *m) == Some(change.state));
                    assert!(told.is_none_or(|(from, _)| legal(from)), "{told:?} to {change:?}");
                    self.told.insert(job, (change.state, told.and_then(|(_, queue)| queue)));
                }
                EventKind::Queue(change) => drop(self.told.insert(job, (told.unwrap().0, Some(change)))),
                other => panic!("{other:?}"),
            }
        }
        if let Some((job, _)) = upshot.cancel
            && let Some((running, cancelled)) = &mut self.slot
            && *running == job
        {
            *cancelled = true;
        }
    }

    fn follow_until(&mut self, own: impl Fn(&Committed) -> bool) {
        while let Some(news) = self.news.pop_front() {
            let last = own(&news);
            self.follow(news);
            if last {
                return;
            }
        }
        panic!("a change that was made was not told");
    }

    fn made<T>(&mut self, made: Made<T>) -> Option<T> {
        let (value, told) = made.ok()?;
        self.news.extend(told);
        Some(value)
    }
}

impl Search {
    /// Tries everything that may happen next, and so on.
    fn explore(&mut self, world: &World) {
        if !self.seen.insert(self.key(world)) {
            return;
        }
        if world.news.is_empty() {
            self.check(world);
        }
        for caller in 0..self.programs.len() {
            if let Some(ask) = self.programs[caller].get(world.callers[caller]).copied() {
                self.branch(world, |trial, world| {
                    world.callers[caller] += 1;
                    obey(trial, world, ask);
                });
            }
        }
        if !world.news.is_empty() {
            self.branch(world, |_, world| {
                let news = world.news.pop_front().unwrap();
                world.follow(news);
            });
        }
        match world.slot {
            None => self.branch(world, assign),
            Some((_, cancelled)) => {
                self.branch(world, |trial, world| end(trial, world, JobState::Done));
                if cancelled {
                    self.branch(world, |trial, world| end(trial, world, JobState::Cancelled));
                }
                if world.deaths > 0 {
                    self.branch(world, |trial, world| {
                        world.deaths -= 1;
                        end(trial, world, JobState::Queued);
                    });
                }
            }
        }
    }

    fn branch(&mut self, world: &World, happens: impl FnOnce(&Trial, &mut World)) {
        let mut next = world.clone();
        self.trial.mark();
        happens(&self.trial, &mut next);
        self.explore(&next);
        self.trial.back();
    }

    /// Everything that was committed has been followed: all say the same.
    fn check(&self, world: &World) {
        for job in &world.jobs {
            let state = self.trial.state(*job);
            let told = world.told[job];
            assert_eq!(told.0, state, "the last word");
            let has_it = world.slot.is_some_and(|(running, _)| running == *job);
            assert_eq!(has_it, state.is_in_work(), "{state:?}");
            if let Some((_, cancelled)) = world.slot.filter(|(running, _)| running == job) {
                assert_eq!(cancelled, state == JobState::Cancelling, "the worker knows");
            }
        }
        let (rows, paused) = self.trial.waiting();
        assert_eq!(world.floor.paused, paused);
        let (line, held) = world.floor.line.all();
        let free: Vec<_> = rows.iter().filter(|row| !row.held).collect();
        assert_eq!(line, free);
        assert_eq!(held.len() + line.len(), rows.len());
        assert!(held.iter().all(|waiting| rows.contains(waiting)));
        for row in &rows {
            if let (_, Some(change)) = world.told[&row.job] {
                assert_eq!((change.priority, change.held), (row.priority, row.held));
            }
        }
    }

    fn key(&self, world: &World) -> String {
        let states: Vec<_> = world.jobs.iter().map(|job| self.trial.state(*job)).collect();
        let mut told: Vec<_> = world.told.iter().collect();
        told.sort_by_key(|(job, _)| **job);
        let (line, mut held) = world.floor.line.all();
        held.sort_by_key(|waiting| waiting.job);
        let mut key = format!(
            "{:?}{states:?}{:?}{:?}{line:?}{held:?}{}{:?}{told:?}{}",
            world.callers,
            self.trial.waiting(),
            world.news,
            world.floor.paused,
            world.slot,
            world.deaths
        );
        // A job that is submitted on the way has another id on every way.
        for (n, job) in world.jobs.iter().enumerate() {
            key = key.replace(&job.to_string(), &format!("#{n}"));
        }
        key
    }
}

fn obey(trial: &Trial, world: &mut World, ask: Ask) {
    let job = |at: usize| world.jobs.get(at).copied().unwrap_or_default();
    let made = match ask {
        Ask::Submit => {
            if let Some(job) = world.made(trial.accept()) {
                world.jobs.push(job);
            }
            return;
        }
        Ask::Cancel(at) => trial.cancel(job(at)),
        Ask::CancelAll => trial.cancel_all(),
        Ask::Retry(at) => trial.retry(job(at)),
        Ask::First(at) => trial.move_to(job(at), Spot::First),
        Ask::After(at, other) => trial.move_to(job(at), Spot::After(job(other))),
        Ask::Priority(at, priority) => trial.prioritise(job(at), priority),
        Ask::Hold(at) => trial.hold(job(at), true),
        Ask::Let(at) => trial.hold(job(at), false),
        Ask::Pause => trial.pause(true),
        Ask::Resume => trial.pause(false),
    };
    // What is refused changes nothing.
    world.made(made);
}

/// As `assign` does: the first in a line that may be old.
fn assign(trial: &Trial, world: &mut World) {
    let front = world.floor.line.front(|_| true, 1);
    let Some(job) = front
        .first()
        .map(|entry| entry.waiting.job)
        .filter(|_| !world.floor.paused)
    else {
        return;
    };
    let entry = world.floor.line.remove(job).unwrap();
    match world.made(trial.start(job)).unwrap() {
        Start::Begun => {
            world.follow_until(|news| *news == Committed::Began(job));
            world.slot = Some((job, false));
        }
        Start::Gone => {}
        Start::Paused => {
            world.floor.line.put_back(entry);
            while let Some(news) = world.news.pop_front() {
                world.follow(news);
            }
            assert!(world.floor.paused);
        }
    }
}

/// As `end` does; `Queued` for a worker that died.
fn end(trial: &Trial, world: &mut World, state: JobState) {
    let (job, _) = world.slot.take().unwrap();
    if state == JobState::Queued {
        world.made(trial.requeue(job)).unwrap();
    } else {
        world.made(trial.finish(job, state, None)).unwrap();
    }
    world.follow_until(|news| match news {
        Committed::Ended { job: other, .. } => *other == job,
        Committed::Waits(waiting, Coming::Returned) => waiting.job == job,
        _ => false,
    });
}

#[rstest]
#[case::cancel_beside_retry(vec![vec![Ask::Cancel(0), Ask::Cancel(0), Ask::Cancel(1)], vec![Ask::Retry(0), Ask::Retry(0), Ask::Retry(1)]])]
#[case::pause_beside_resume(vec![vec![Ask::Pause, Ask::Resume], vec![Ask::Resume, Ask::Pause], vec![Ask::Cancel(0), Ask::Retry(0)]])]
#[case::places_beside_ends(vec![vec![Ask::First(1), Ask::Priority(0, 3)], vec![Ask::Cancel(1), Ask::Retry(1)], vec![Ask::Hold(1), Ask::Let(1)]])]
#[case::all_beside_new(vec![vec![Ask::CancelAll, Ask::Retry(2)], vec![Ask::Submit, Ask::After(0, 2)], vec![Ask::Hold(0), Ask::Let(0)]])]
#[case::holds_beside_holds(vec![vec![Ask::Hold(0), Ask::Cancel(0), Ask::Retry(0)], vec![Ask::Let(0), Ask::Priority(0, 9), Ask::First(0)]])]
fn whatever_the_order_all_say_the_same(#[case] programs: Vec<Vec<Ask>>) {
    let trial = Trial::new();
    let mut world = World {
        callers: vec![0; programs.len()],
        deaths: 1,
        ..World::default()
    };
    for _ in 0..2 {
        obey(&trial, &mut world, Ask::Submit);
    }
    let mut search = Search {
        trial,
        programs,
        seen: HashSet::new(),
    };
    search.explore(&world);
    assert!(search.seen.len() > 1000, "{}", search.seen.len());
    println!("{} states", search.seen.len());
}
