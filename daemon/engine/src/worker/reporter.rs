//! What a pipeline tells its `Observer`, as reports about one job or load; `executor.rs` makes one for each. Tests hold or kill a
//! worker here, at the points of `darkroom_protocol::failpoint`. That a job began and how it ended is reported by `executor.rs`;
//! when previews are due is known to `pipeline/preview/`.

use std::time::Duration;

use darkroom_protocol::message::worker::Staged;
use darkroom_protocol::{Assignment, ImageTask, JobId, Progress, Report, Residency, Task, failpoint};

use super::outbox::Outbox;
use super::previews::Previews;
use crate::Cancel;
use crate::pipeline::preview::{Estimate, Painted};
use crate::pipeline::{Observer, Saved};

/// A test that holds a worker is asked again after so long.
const HOLD: Duration = Duration::from_millis(5);

/// Turns what a pipeline tells into reports about one job or load.
pub struct Reporter {
    of: Assignment,
    outbox: Outbox,
    previews: Previews,
    cancel: Cancel,
}

impl Reporter {
    /// Reports about what begins now and ends when `cancel` says so.
    pub fn new(of: Assignment, outbox: Outbox, previews: Previews, cancel: &Cancel) -> Self {
        previews.begin();
        Self {
            of,
            outbox,
            previews,
            cancel: cancel.clone(),
        }
    }

    /// The job, if it is one: a load makes no pictures.
    fn job(&self) -> Option<JobId> {
        match self.of {
            Assignment::Job(job) => Some(job),
            Assignment::Load(_) => None,
        }
    }

    /// Stands still where a test asks for that.
    fn hold(&self, progress: &Progress) {
        let place = || format!("{}:{}:{}", progress.phase.name(), progress.image, progress.step);
        while failpoint::holds(place) && !self.cancel.is_wanted() {
            std::thread::park_timeout(HOLD);
        }
    }

    /// Tells what is in memory now.
    pub fn resident(&self, residency: Residency) {
        self.outbox.send(Report::Resident(residency));
    }
}

impl Observer for Reporter {
    fn progress(&mut self, progress: Progress) {
        let (of, report) = (self.of, progress.clone());
        self.outbox.send(Report::Progress { of, progress: report });
        self.hold(&progress);
    }

    fn notice(&mut self, line: &str) {
        self.outbox.send(Report::Notice {
            of: self.of,
            text: line.to_owned(),
        });
    }

    fn adjusted(&mut self, task: &ImageTask) {
        let Some(job) = self.job() else { return };
        self.outbox.send(Report::Adjusted {
            job,
            task: Box::new(Task::Image(task.clone())),
        });
    }

    fn estimate(&mut self, estimate: &Estimate<'_>) {
        let Some(job) = self.job().filter(|_| !self.outbox.is_showing()) else {
            return;
        };
        let Painted { preview, notices } = self.previews.paint(estimate);
        notices.iter().for_each(|line| self.notice(line));
        if let Some(preview) = preview {
            self.outbox.send(Report::Preview { job, preview });
        }
    }

    fn saved(&mut self, picture: Saved) {
        failpoint::hit(7);
        let Some(job) = self.job() else { return };
        self.outbox.send(Report::Staged(Staged {
            job,
            index: picture.index,
            file: picture.file,
            sha256: picture.sha256,
            bytes: picture.bytes,
            width: picture.width,
            height: picture.height,
            seed: picture.seed,
            elapsed_ms: picture.elapsed_ms,
        }));
    }
}
