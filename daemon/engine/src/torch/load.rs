//! How the threads of an operation wait for each other, by what else the machine does.
//!
//! libtorch's parallel loops are OpenMP's, and a thread of libgomp that waits for the others looks again and again for 3 to
//! 20 ms before it sleeps. On a quiet machine that is the fastest way: the others come within microseconds. Where other
//! programs want the processors it is ruin: the one that looks takes the time that the one it waits for would need, and a
//! picture of many small operations takes thirty times as long. So the worker's tasks call [`follow_load`]: while they run, a
//! thread reads how long the process's threads stood ready without a processor, and [`Policy`] decides. A decision changes
//! only the waiting, never who computes what: a result does not depend on it. Which threads there are is not decided here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::ffi;
use crate::Result;

/// Between two looks at the load.
const INTERVAL: Duration = Duration::from_millis(50);
/// The part of the time that a thread may stand in line for a processor before the machine counts as busy. Two programs that
/// want one processor come to a half; what else runs on a quiet machine to less than a tenth.
const BUSY: f64 = 0.3;
/// Below this part it counts as quiet. Threads that sleep stand in line for less than those that spin: about 0.3 beside eight
/// programs on two processors.
const QUIET: f64 = 0.12;
/// How long it must be quiet before waiting threads spin again, at first and at most: doubled whenever that was wrong.
const PATIENCE: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(60)];
/// A return to spinning that lasts less was wrong.
const TOO_SHORT: Duration = Duration::from_secs(2);

/// Decides between spinning and sleeping. Time is told, not read.
#[derive(Debug)]
struct Policy {
    sleeping: bool,
    /// The part that a thread stood in line for, the last look counting half.
    waited: f64,
    /// Since the last change.
    since: Duration,
    /// Of which the machine was quiet without a break, to its end.
    quiet: Duration,
    patience: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            sleeping: false,
            waited: 0.0,
            since: Duration::MAX,
            quiet: Duration::ZERO,
            patience: PATIENCE[0],
        }
    }
}

impl Policy {
    /// Whether waiting threads are to sleep, after `elapsed` more in which a thread stood in line for the part `waited`.
    fn next(&mut self, elapsed: Duration, waited: f64) -> bool {
        self.since = self.since.saturating_add(elapsed);
        self.waited = f64::midpoint(self.waited, waited);
        self.quiet = match self.waited < QUIET {
            true => self.quiet.saturating_add(elapsed),
            false => Duration::ZERO,
        };
        if !self.sleeping && self.waited > BUSY {
            self.patience = match self.since < TOO_SHORT {
                true => (2 * self.patience).min(PATIENCE[1]),
                false => PATIENCE[0],
            };
            (self.sleeping, self.since) = (true, Duration::ZERO);
        } else if self.sleeping && self.quiet >= self.patience {
            (self.sleeping, self.since) = (false, Duration::ZERO);
        }
        self.sleeping
    }
}

/// As long as it lives, waiting threads follow the machine's load.
#[derive(Debug)]
pub struct FollowingLoad(());

/// Tasks that run now, and the threads that the last one computes with.
static TASKS: AtomicU32 = AtomicU32::new(0);
static THREADS: AtomicU32 = AtomicU32::new(1);
static FOLLOWER: Mutex<Option<Thread>> = Mutex::new(None);

/// Lets waiting threads follow the load while a task is computed with `threads` of them. Does nothing for one thread, and where
/// the system does not say how long threads stand in line (anything but Linux).
pub fn follow_load(threads: u32) -> Option<FollowingLoad> {
    if threads < 2 || delays().is_none() {
        return None;
    }
    THREADS.store(threads, Ordering::Relaxed);
    TASKS.fetch_add(1, Ordering::Relaxed);
    let mut follower = FOLLOWER.lock().unwrap_or_else(PoisonError::into_inner);
    if follower.is_none() {
        let started = thread::Builder::new().name("load".to_owned()).spawn(follow);
        *follower = started.ok().map(|handle| handle.thread().clone());
    }
    if let Some(follower) = &*follower {
        follower.unpark();
    }
    Some(FollowingLoad(()))
}

impl Drop for FollowingLoad {
    fn drop(&mut self) {
        TASKS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The thread that looks. What it has decided stays between tasks.
fn follow() {
    let mut policy = Policy::default();
    let mut crowd = None;
    let mut last: Option<(Instant, HashMap<String, u64>)> = None;
    loop {
        if TASKS.load(Ordering::Relaxed) == 0 {
            last = None;
            thread::park();
            continue;
        }
        thread::park_timeout(INTERVAL);
        let (now, after) = (Instant::now(), delays().unwrap_or_default());
        if let Some((then, before)) = &last {
            let elapsed = now.duration_since(*then);
            if elapsed < INTERVAL / 2 {
                continue;
            }
            let waited = longest_wait(before, &after).as_secs_f64() / elapsed.as_secs_f64();
            match (policy.next(elapsed, waited), crowd.is_some()) {
                (true, false) => crowd = Crowd::gather(THREADS.load(Ordering::Relaxed)),
                (false, true) => crowd = None,
                _ => {}
            }
        }
        last = Some((now, after));
    }
}

/// How long each thread of this process stood ready without a processor so far, in nanoseconds by its number. `None` where the
/// system does not tell.
fn delays() -> Option<HashMap<String, u64>> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let told: HashMap<_, _> = threads
        .filter_map(|thread| {
            let thread = thread.ok()?;
            // Time on a processor, time in line for one, times that it was given one.
            let line = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let delay = line.split_whitespace().nth(1)?.parse().ok()?;
            Some((thread.file_name().to_string_lossy().into_owned(), delay))
        })
        .collect();
    (!told.is_empty()).then_some(told)
}

/// The longest that one thread stood in line between two looks.
fn longest_wait(before: &HashMap<String, u64>, after: &HashMap<String, u64>) -> Duration {
    let waits = after
        .iter()
        .map(|(thread, delay)| delay.saturating_sub(before.get(thread).copied().unwrap_or(0)));
    Duration::from_nanos(waits.max().unwrap_or(0))
}

/// More threads of OpenMP than there are processors, which do nothing: while they exist, libgomp lets those that wait sleep.
struct Crowd {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// Starts them beside the `threads` that compute; `None` where the system gives no thread.
    fn gather(threads: u32) -> Option<Self> {
        let (end, ended) = channel();
        let work = move || {
            if let Err(error) = crowd(threads) {
                tracing::debug!("waiting threads go on spinning: {error}");
            }
            // The runtime counts the others as this thread's until it ends.
            let _ = ended.recv();
        };
        let thread = thread::Builder::new().name("crowd".to_owned()).spawn(work).ok()?;
        Some(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Has OpenMP start so many threads for the calling one that there are more than processors; how many these are.
#[allow(unsafe_code)]
fn crowd(threads: u32) -> Result<u32> {
    let mut ran = 0;
    let threads = i32::try_from(threads).unwrap_or(i32::MAX);
    // SAFETY: a pointer to a local.
    ffi::check(unsafe { ffi::dk_crowd(threads, &mut ran) })?;
    Ok(u32::try_from(ran).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = INTERVAL;

    /// How long the machine must be quiet until the policy spins again.
    fn until_it_spins(policy: &mut Policy) -> Duration {
        let mut time = Duration::ZERO;
        while policy.next(STEP, 0.0) {
            time += STEP;
        }
        time + STEP
    }

    /// Tells it of a busy machine until it sleeps.
    fn until_it_sleeps(policy: &mut Policy) -> Duration {
        let mut time = STEP;
        while !policy.next(STEP, 0.5) {
            time += STEP;
        }
        time
    }

    #[test]
    fn it_sleeps_soon_on_a_busy_machine_and_spins_again_when_it_is_quiet_for_a_while() {
        let mut policy = Policy::default();
        // What else runs now and then is no load.
        for waited in [0.02, 0.1, 0.22, 0.03, 0.3, 0.05] {
            assert!(!policy.next(STEP, waited));
        }
        assert!(until_it_sleeps(&mut policy) <= 3 * STEP);
        // Threads that sleep wait less, and it is the same load.
        for _ in 0..1000 {
            assert!(policy.next(STEP, 0.3));
        }
        let quiet = until_it_spins(&mut policy);
        assert!((PATIENCE[0]..PATIENCE[0] + 3 * STEP).contains(&quiet), "{quiet:?}");
        assert!(!policy.next(STEP, 0.05));
    }

    #[test]
    fn a_return_that_was_wrong_is_tried_less_and_less_often() {
        let mut policy = Policy::default();
        until_it_sleeps(&mut policy);
        let waits: Vec<_> = (0..10)
            .map(|_| {
                let quiet = until_it_spins(&mut policy);
                until_it_sleeps(&mut policy);
                quiet
            })
            .collect();
        let grows = |two: &[Duration]| two[1] > two[0] + (two[0] - 3 * STEP).min(STEP);
        assert!(waits[..8].windows(2).all(grows), "{waits:?}");
        assert!(waits[9] < PATIENCE[1] + 4 * STEP, "{waits:?}");
        // Long after, the first patience serves again.
        until_it_spins(&mut policy);
        assert!(!policy.next(Duration::from_secs(10), 0.0));
        until_it_sleeps(&mut policy);
        assert!(until_it_spins(&mut policy) < PATIENCE[0] + 4 * STEP);
    }

    #[test]
    fn the_longest_wait_is_that_of_one_thread_new_ones_included() {
        let map = |list: &[(&str, u64)]| list.iter().map(|(name, delay)| ((*name).to_owned(), *delay)).collect();
        let before = map(&[("1", 100), ("2", 7), ("9", 1)]);
        let after = map(&[("1", 130), ("2", 57), ("3", 40)]);
        assert_eq!(longest_wait(&before, &after), Duration::from_nanos(50));
        assert_eq!(longest_wait(&after, &after), Duration::ZERO);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_says_how_long_threads_stand_in_line() {
        let before = delays().unwrap();
        assert!(before.contains_key(&std::process::id().to_string()));
    }

    /// libgomp's rule is by number: there must be more than processors, the one that computes included.
    #[test]
    fn a_crowd_is_more_than_there_are_processors() {
        let processors = thread::available_parallelism().unwrap().get() as u32;
        for threads in [1, processors, processors + 5] {
            let ran = thread::spawn(move || crowd(threads).unwrap()).join().unwrap();
            assert!(ran >= 2 && threads + ran > processors + 1, "{threads} and {ran}");
        }
        drop(Crowd::gather(processors).unwrap());
    }

    #[test]
    fn following_takes_no_time_and_ends_with_its_task() {
        assert!(follow_load(1).is_none());
        let following = follow_load(2);
        assert_eq!(following.is_some(), cfg!(target_os = "linux"));
        drop(following);
        drop(follow_load(2));
    }
}
