//! When waiting jobs begin, and how long a running one still takes: from what earlier jobs of the same model took.
//!
//! The server's verbs ask it whenever jobs are listed. It is arithmetic over what the store and the workers know; it promises
//! nothing, and where nothing was measured it says nothing. Dispatch does not use it.

use std::collections::HashMap;

use darkroom_protocol::{JobId, Progress, Task};

/// Measurements that count for one model. The fastest of them tells, because the first of a series also loads the model.
const LAST: usize = 5;

/// Seconds that one unit of work takes, by model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace(HashMap<String, (f64, usize)>);

/// A job that has ended, as far as it tells the pace.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its model's name.
    pub model: String,
    /// Work that was done: steps that were run × pixels of all its pictures.
    pub work: f64,
    /// Seconds from its start to its end.
    pub seconds: f64,
}

/// A job that waits and is not held back.
#[derive(Clone, Debug, PartialEq)]
pub struct Ahead {
    /// The job.
    pub job: JobId,
    /// Its model's name.
    pub model: String,
    /// The device it asks for; empty for the best there is.
    pub device: String,
    /// Work to do: steps × pixels of all its pictures.
    pub work: f64,
}

/// A worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Its device.
    pub device: String,
    /// Seconds until it is free; `None` when that cannot be told.
    pub free_s: Option<f64>,
}

impl Pace {
    /// From the jobs that ended last, the last one first.
    pub fn of(measured: &[Measured]) -> Self {
        let mut pace = Self::default();
        for one in measured {
            pace.learn(&one.model, one.work, one.seconds);
        }
        pace
    }

    /// One more measurement, older than those before it.
    pub fn learn(&mut self, model: &str, work: f64, seconds: f64) {
        let each = seconds / work;
        if !(each.is_finite() && each > 0.0) {
            return;
        }
        let (fastest, count) = self.0.entry(model.to_owned()).or_insert((each, 0));
        if *count < LAST {
            *fastest = fastest.min(each);
            *count += 1;
        }
    }

    /// What a running job tells of its model, where nothing else does: pixels that are computed at once, seconds of a step.
    pub fn glimpse(&mut self, task: &Task, progress: &Progress) {
        let Task::Image(image) = task;
        let Some(step_s) = progress.step_s else { return };
        if !self.0.contains_key(&image.what.model) {
            let pixels = image.pixels() as f64 * f64::from(image.compute.micro_batch.max(1));
            self.learn(&image.what.model, pixels, step_s);
        }
    }

    /// Seconds that so much work takes; `None` when nothing was measured.
    pub fn seconds(&self, model: &str, work: f64) -> Option<f64> {
        self.0.get(model).map(|(each, _)| each * work)
    }
}

/// Steps × pixels of all pictures of a task.
pub fn work(task: &Task) -> f64 {
    let Task::Image(image) = task;
    image.work() * f64::from(image.pictures())
}

/// Seconds until each job of the `line` begins, as far as that can be told. `lanes` are all the workers there are.
pub fn begins(mut lanes: Vec<Lane>, line: &[Ahead], pace: &Pace) -> HashMap<JobId, f64> {
    let mut begins = HashMap::new();
    for job in line {
        let able = lanes
            .iter_mut()
            .filter(|lane| job.device.is_empty() || lane.device == job.device);
        let free = |lane: &Lane| lane.free_s.unwrap_or(f64::INFINITY);
        let Some(lane) = able.min_by(|a, b| free(a).total_cmp(&free(b))) else {
            continue;
        };
        if let Some(at) = lane.free_s {
            begins.insert(job.job, at);
            lane.free_s = pace.seconds(&job.model, job.work).map(|seconds| at + seconds);
        }
    }
    begins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(job: JobId, model: &str, device: &str, work: f64) -> Ahead {
        Ahead {
            job,
            model: model.to_owned(),
            device: device.to_owned(),
            work,
        }
    }

    fn lane(device: &str, free_s: Option<f64>) -> Lane {
        Lane {
            device: device.to_owned(),
            free_s,
        }
    }

    fn measured(model: &str, work: f64, seconds: f64) -> Measured {
        Measured {
            model: model.to_owned(),
            work,
            seconds,
        }
    }

    #[test]
    fn one_worker_takes_them_one_after_the_other_at_the_measured_pace() {
        let pace = Pace::of(&[
            measured("a", 10.0, 5.0),
            measured("a", 10.0, 20.0),
            measured("b", 1.0, 2.0),
        ]);
        let jobs = [JobId::new(), JobId::new(), JobId::new()];
        let line = [
            ahead(jobs[0], "a", "", 20.0),
            ahead(jobs[1], "b", "", 3.0),
            ahead(jobs[2], "a", "", 1.0),
        ];
        let told = begins(vec![lane("cpu", Some(4.0))], &line, &pace);
        assert_eq!(
            jobs.map(|job| told.get(&job).copied()),
            [Some(4.0), Some(14.0), Some(20.0)]
        );
    }

    #[test]
    fn a_picture_to_begin_with_leaves_less_work() {
        let mut image = darkroom_protocol::ImageTask::of("m", "fox");
        let whole = work(&Task::Image(image.clone()));
        image.inputs.init_image = Some("0f".repeat(32));
        image.inputs.denoise = Some(0.25);
        assert!((work(&Task::Image(image)) * 4.0 - whole).abs() < 1e-6);
    }

    #[test]
    fn what_was_never_measured_leaves_those_behind_it_untold() {
        let pace = Pace::of(&[measured("a", 10.0, 5.0), measured("a", 0.0, 5.0)]);
        let jobs = [JobId::new(), JobId::new(), JobId::new()];
        let line = [
            ahead(jobs[0], "a", "", 2.0),
            ahead(jobs[1], "new", "", 2.0),
            ahead(jobs[2], "a", "", 2.0),
        ];
        let told = begins(vec![lane("cpu", Some(0.0))], &line, &pace);
        assert_eq!(jobs.map(|job| told.get(&job).copied()), [Some(0.0), Some(1.0), None]);
        assert!(begins(vec![lane("cpu", None)], &line, &pace).is_empty());
    }

    #[test]
    fn several_workers_share_the_line_and_a_device_has_its_own() {
        let pace = Pace::of(&[measured("a", 1.0, 1.0)]);
        let jobs = [JobId::new(), JobId::new(), JobId::new(), JobId::new()];
        let line = [
            ahead(jobs[0], "a", "", 10.0),
            ahead(jobs[1], "a", "cuda:1", 5.0),
            ahead(jobs[2], "a", "", 1.0),
            ahead(jobs[3], "a", "mps", 1.0),
        ];
        let lanes = vec![lane("cuda:0", Some(2.0)), lane("cuda:1", Some(3.0))];
        let told = begins(lanes, &line, &pace);
        assert_eq!(
            jobs.map(|job| told.get(&job).copied()),
            [Some(2.0), Some(3.0), Some(8.0), None]
        );
    }

    #[test]
    fn only_the_last_measurements_count() {
        let mut all = vec![measured("a", 1.0, 2.0); LAST];
        all.push(measured("a", 1.0, 0.1));
        assert_eq!(Pace::of(&all).seconds("a", 1.0), Some(2.0));
        assert_eq!(Pace::of(&all).seconds("b", 1.0), None);
    }
}
