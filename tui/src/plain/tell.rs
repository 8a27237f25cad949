//! Which moments of a job are worth a line, and how jobs are told: by numbers that stay, in whole sentences. Pure; `session.rs` asks.

use std::collections::HashMap;
use std::time::Duration;

use darkroom_client::words;
use darkroom_protocol::{Job, JobId, JobState, Task};

use crate::app::world::World;

/// Between two lines about how far a job is there is at least this time.
const PAUSE: Duration = Duration::from_secs(5);
/// Columns of a prompt in a line about its job.
const PROMPT: usize = 60;

/// Jobs by the numbers that a person types: given once, from 1, and never to another.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    jobs: Vec<JobId>,
}

impl Numbers {
    /// The number of a job; a new one gets the next.
    pub fn of(&mut self, job: JobId) -> usize {
        match self.jobs.iter().position(|known| *known == job) {
            Some(at) => at + 1,
            None => {
                self.jobs.push(job);
                self.jobs.len()
            }
        }
    }

    /// The job of a number.
    pub fn job(&self, number: usize) -> Option<JobId> {
        self.jobs.get(number.checked_sub(1)?).copied()
    }
}

/// How far each running job was when that was told last.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    told: HashMap<JobId, (u32, Duration)>,
}

impl Moments {
    /// A job has begun, or is met while it runs, at `now`.
    pub fn begin(&mut self, job: JobId, now: Duration) {
        self.told.insert(job, (0, now));
    }

    /// Whether it is worth a line that `part` of a job, from 0 to 1, is done: another quarter, and some time since the last line.
    pub fn is_worth(&mut self, job: JobId, part: f64, now: Duration) -> bool {
        let quarter = (part * 4.0) as u32;
        let (told, at) = *self.told.entry(job).or_insert((quarter, now));
        let is = quarter > told && quarter < 4 && now.saturating_sub(at) >= PAUSE;
        if is {
            self.told.insert(job, (quarter, now));
        }
        is
    }

    /// A job has ended.
    pub fn end(&mut self, job: JobId) {
        self.told.remove(&job);
    }
}

/// What a job is to show, short.
pub fn prompt(job: &Job) -> String {
    let Task::Image(task) = &job.task;
    let line = task.what.prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    words::brief(&line, PROMPT, "…")
}

/// How far a running job is: `50 %, 12 s left`.
pub fn how_far(job: JobId, world: &World) -> String {
    let Some(part) = world.part(job) else {
        return "begins".to_owned();
    };
    let left = world.progress.get(&job).and_then(|progress| progress.eta_s);
    let left = left.map_or_else(String::new, |eta| format!(", {} left", words::duration(eta)));
    format!("{} %{left}", (part * 100.0) as u32)
}

/// A line of the queue.
pub fn line(job: &Job, number: usize, world: &World) -> String {
    let state = match job.state {
        JobState::Running => format!("runs, {}", how_far(job.id, world)),
        JobState::Cancelling => "is being cancelled".to_owned(),
        JobState::Queued if job.held => "is held".to_owned(),
        JobState::Queued => match job.begins_s {
            Some(seconds) => format!("waits, begins {}", words::begins(seconds)),
            None => "waits".to_owned(),
        },
        JobState::Done => "is done".to_owned(),
        JobState::Failed => "failed".to_owned(),
        JobState::Cancelled => "was cancelled".to_owned(),
    };
    format!("Job {number} {state}: {}", prompt(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> JobId {
        format!("{:032x}", 0x0199_0000_0000_7000_8000_0000_0000_0000u128 + number)
            .parse()
            .unwrap()
    }

    #[test]
    fn numbers_stay() {
        let mut numbers = Numbers::default();
        assert_eq!((numbers.of(id(7)), numbers.of(id(3)), numbers.of(id(7))), (1, 2, 1));
        assert_eq!(
            (numbers.job(2), numbers.job(0), numbers.job(3)),
            (Some(id(3)), None, None)
        );
    }

    #[test]
    fn a_quarter_and_five_seconds_are_worth_a_line() {
        let mut moments = Moments::default();
        let s = Duration::from_secs;
        moments.begin(id(1), s(0));
        let mut told = |part, at| moments.is_worth(id(1), part, s(at));
        assert!(!told(0.1, 6), "no quarter yet");
        assert!(!told(0.3, 4), "too soon");
        assert!(told(0.3, 5));
        assert!(!told(0.49, 60), "the same quarter");
        assert!(!told(0.55, 9), "too soon after the last");
        assert!(told(0.8, 10), "one line for what was passed over");
        assert!(!told(1.0, 30), "the end is told otherwise");
        assert!(!moments.is_worth(id(2), 0.6, s(60)), "a job that is met on its way");
        assert!(moments.is_worth(id(2), 0.8, s(65)));
    }
}
