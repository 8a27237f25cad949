//! What the computing thread does for each order: configure, run a task, load, unload, unpin. Whatever fails in a task, the next
//! one finds it usable. `worker/mod.rs` calls it, and `bench.rs` shares how it reads dtype, quantisation and threads. Cancels,
//! pings and wishes for previews end in `inbox.rs`; stages of a task are in `pipeline/`, models in `residency/`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use darkroom_protocol::message::worker::Wanted;
use darkroom_protocol::{
    Assignment, Dtype, ImageTask, JobId, KeepAlive, LoadId, ModelSource, Phase, Quant, Report, Task, failpoint,
};
use tch::Kind;

use super::describe;
use super::failure::outcome;
use super::outbox::Outbox;
use super::previews::Previews;
use super::reporter::Reporter;
use super::shelf::{Shelf, budget};
use crate::model::Key;
use crate::pipeline::{Observer, Relief, Work, make_pictures_within, stage};
use crate::residency::Models;
use crate::torch::{self, Device};
use crate::{Cancel, Error, Result};

/// Where the daemon and this process exchange files.
#[derive(Debug, Default)]
pub struct Folders {
    /// Finished pictures, which the daemon takes from there.
    pub staging: PathBuf,
    /// What tasks begin with, by hash.
    pub inputs: PathBuf,
}

/// Runs tasks one after the other on one device and keeps models between them.
pub struct Executor {
    outbox: Outbox,
    folders: Folders,
    models: Models,
    previews: Previews,
}

impl Executor {
    /// An executor that knows nothing yet.
    pub fn new(outbox: Outbox, previews: Previews) -> Self {
        Self {
            outbox,
            folders: Folders::default(),
            models: Models::new(u64::MAX),
            previews,
        }
    }

    /// Takes up a device and says what it is. Models may take `memory_budget` bytes, or what the device's memory allows;
    /// `models` are the person's folders of models.
    ///
    /// # Errors
    /// When the machine has no such device.
    pub fn configure(
        &mut self,
        folders: Folders,
        device: &str,
        memory_budget: Option<u64>,
        models: &[String],
    ) -> Result<()> {
        let ready = torch::catch(|| describe::ready(device))?;
        let device = describe::choose(&ready.device, &ready.devices)?;
        self.folders = folders;
        let memory = torch::memory(device);
        self.models = Models::on(
            device,
            memory_budget.unwrap_or(budget(device, memory.total)),
            memory.used,
        );
        self.previews = self.previews.with_models(models.iter().map(PathBuf::from).collect());
        self.outbox.send(Report::Ready(ready));
        self.outbox
            .send(Report::Resident(self.models.residency(Instant::now())));
        Ok(())
    }

    /// Runs a task and reports how it ended. Whatever happens, the worker stays usable. Its model stays for `keep_alive`.
    pub fn run(&mut self, job: JobId, task: &Task, skip: &[u32], keep_alive: KeepAlive, cancel: &Cancel) {
        failpoint::hit(4);
        let of = Assignment::Job(job);
        self.outbox.send(Report::Started { of });
        let Task::Image(image) = task;
        let result = self.guarded(|own| own.image(job, image, skip, keep_alive, cancel));
        self.end(of, result);
    }

    /// Brings a model into memory and reports how that ended.
    pub fn load(&mut self, load: LoadId, wanted: &Wanted, keep_alive: KeepAlive, pinned: bool, cancel: &Cancel) {
        let of = Assignment::Load(load);
        self.outbox.send(Report::Started { of });
        let result = self.guarded(|own| own.fetch(of, wanted, keep_alive, pinned, cancel));
        self.end(of, result);
    }

    fn end(&mut self, of: Assignment, result: Result<()>) {
        if let Err(e) = &result {
            tracing::info!(?of, "ended: {e}");
        }
        // Main memory is everybody's: an idle worker holds no more of it than its models.
        if self.models.device() == Device::Cpu || matches!(result, Err(Error::NoRoom(_) | Error::OutOfMemory { .. })) {
            self.models.free_cached();
        }
        self.models.settle();
        self.outbox.send(Report::Ended {
            of,
            outcome: outcome(result),
            resident: self.models.residency(Instant::now()),
        });
    }

    /// Runs `work` so that neither a failure of libtorch nor a defect of the engine ends the process. After a defect nothing
    /// in memory is trusted.
    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let caught = catch_unwind(AssertUnwindSafe(|| torch::catch(|| work(self))));
        caught.unwrap_or_else(|_| {
            self.models.clear();
            Err(Error::Defect)
        })
    }

    /// Forgets the model of these files, or all.
    pub fn unload(&mut self, source: Option<&ModelSource>) {
        self.models.unload(source);
        self.tell();
    }

    /// Pins the model of these files no longer.
    pub fn unpin(&mut self, source: &ModelSource) {
        self.models.unpin(source);
        self.expire();
        self.tell();
    }

    /// For how long there is nothing to do without an order; `None` for ever.
    pub fn idle_for(&self) -> Option<Duration> {
        let at = self.models.next_expiry()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Unloads the models whose time is over.
    pub fn expire(&mut self) {
        if self.models.expire(Instant::now()) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.models.settle();
        self.outbox
            .send(Report::Resident(self.models.residency(Instant::now())));
    }

    fn image(
        &mut self,
        job: JobId,
        task: &ImageTask,
        skip: &[u32],
        keep_alive: KeepAlive,
        cancel: &Cancel,
    ) -> Result<()> {
        let _inference = torch::inference_mode();
        let threads = threads_for(task);
        torch::set_threads(threads);
        let _following = torch::follow_load(threads);
        let mut reporter = Reporter::new(Assignment::Job(job), self.outbox.clone(), self.previews.clone(), cancel);
        let device = self.models.device();
        let kind = kind_for(device, task.compute.dtype, &mut reporter);
        let key = Key {
            source: task.what.source.clone(),
            parts: task.what.parts.clone(),
            name: task.what.model.clone(),
            device,
            kind,
            quant: quant_for(device, kind, task.compute.quant, &mut reporter)?,
        };
        if task.compute.offload && device == Device::Cpu {
            reporter.notice("Offload does nothing on the CPU: the model is there already.");
        }
        let shelf = Shelf::new(&mut self.models, key).with_loras(task.what.loras.clone());
        let mut relief = Relief::new(task.clone(), shelf);
        let made = make(&mut relief, job, &self.folders, skip, cancel, &mut reporter);
        relief.into_room().release(keep_alive);
        made
    }

    fn fetch(
        &mut self,
        of: Assignment,
        wanted: &Wanted,
        keep_alive: KeepAlive,
        pinned: bool,
        cancel: &Cancel,
    ) -> Result<()> {
        let _inference = torch::inference_mode();
        let mut reporter = Reporter::new(of, self.outbox.clone(), self.previews.clone(), cancel);
        let device = self.models.device();
        let kind = kind_for(device, wanted.dtype, &mut reporter);
        let key = Key {
            source: wanted.source.clone(),
            parts: Vec::new(),
            name: wanted.name.clone(),
            device,
            kind,
            quant: quant_for(device, kind, wanted.quant, &mut reporter)?,
        };
        let mut shelf = Shelf::new(&mut self.models, key);
        let loaded = shelf.fetch(pinned, cancel, &mut reporter);
        shelf.release(if loaded.is_ok() {
            keep_alive
        } else {
            KeepAlive::Seconds(0)
        });
        loaded
    }
}

/// Loads the model and makes the pictures, going down the ladder where memory runs out.
fn make(
    relief: &mut Relief<Shelf>,
    job: JobId,
    folders: &Folders,
    skip: &[u32],
    cancel: &Cancel,
    reporter: &mut Reporter,
) -> Result<()> {
    let model = loop {
        let offload = relief.task().compute.offload;
        match stage(Phase::Load, || relief.room().load_adapted(offload, cancel, reporter)) {
            Ok(model) => break model,
            Err(error) => relief.after(error, Phase::Load, None, reporter)?,
        }
    };
    relief.room().tell(reporter);
    failpoint::hit(5);
    let work = Work {
        job: job.to_string(),
        staging: &folders.staging,
        inputs: &folders.inputs,
        skip,
        cancel,
    };
    make_pictures_within(&work, &model, reporter, relief)
}

/// The number format that a task's `dtype` comes to on `device`; says so where that is another than was asked.
pub fn kind_for(device: Device, dtype: Dtype, observer: &mut dyn Observer) -> Kind {
    let asked = match dtype {
        Dtype::Auto => None,
        Dtype::F32 => Some(Kind::Float),
        Dtype::Bf16 => Some(Kind::BFloat16),
        Dtype::F16 => Some(Kind::Half),
    };
    let (kind, reason) = torch::dtype_for(device, asked);
    if asked.is_some_and(|asked| asked != kind) {
        observer.notice(&format!("Computing in {}: {reason}.", torch::kind_name(kind)));
    }
    kind
}

/// What a task's `quant` comes to on `device`; says what it leaves in `kind`.
///
/// # Errors
/// [`Error::Unsupported`] where there is no kernel for it.
pub fn quant_for(device: Device, kind: Kind, quant: Quant, observer: &mut dyn Observer) -> Result<Quant> {
    if quant == Quant::Int8 {
        if !torch::int8_possible(device) {
            return Err(Error::Unsupported(format!(
                "--quant int8 needs a processor with AVX-512 VNNI, and {device} is none: leave it out."
            )));
        }
        observer.notice(&format!(
            "int8: linear layers of the denoiser's transformer blocks; all others stay {}.",
            torch::kind_name(kind)
        ));
    }
    Ok(quant)
}

/// The threads that a task is computed with.
pub fn threads_for(task: &ImageTask) -> u32 {
    match task.compute.threads {
        0 => torch::physical_cores(),
        threads => threads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_defect_ends_the_task_and_not_the_worker() {
        let (channel, _daemon) = UnixStream::pair().unwrap();
        let mut executor = Executor::new(Outbox::start(channel), Previews::default());
        let failed = executor.guarded(|_| panic!("a defect, on purpose"));
        assert!(matches!(failed, Err(Error::Defect)));
        assert!(executor.guarded(|_| Ok(())).is_ok());
    }
}
