use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use darkroom_protocol::message::worker::Ready;
use darkroom_protocol::{Dtype, ImageTask, JobId, Quant, Report, Task, failpoint};
use tch::Kind;

use super::describe;
use super::failure::outcome;
use super::outbox::Outbox;
use super::previews::Previews;
use super::reporter::Reporter;
use crate::pipeline::{self, Observer, Work};
use crate::residency::{Key, Models};
use crate::torch::{self, Device};
use crate::{Cancel, Error, Result};

/// Runs tasks one after the other on one device and keeps models between them.
pub struct Executor {
    outbox: Outbox,
    staging: PathBuf,
    device: Device,
    models: Models,
    previews: Previews,
}

impl Executor {
    /// An executor that knows nothing yet.
    pub fn new(outbox: Outbox, previews: Previews) -> Self {
        Self {
            outbox,
            staging: PathBuf::new(),
            device: Device::Cpu,
            models: Models::new(u64::MAX),
            previews,
        }
    }

    /// Takes up a device. `models` are the person's folders of models.
    ///
    /// # Errors
    /// When the machine has no such device.
    pub fn configure(&mut self, staging: &str, device: &str, models: &[String]) -> Result<Ready> {
        let ready = torch::catch(|| describe::ready(device))?;
        self.device = describe::choose(&ready.device, &ready.devices)?;
        self.staging = PathBuf::from(staging);
        self.models = Models::new(budget(self.device));
        self.previews = self.previews.with_models(models.iter().map(PathBuf::from).collect());
        Ok(ready)
    }

    /// Runs a task and reports how it ended. Whatever happens, the worker stays usable.
    pub fn run(&mut self, job: JobId, task: &Task, skip: &[u32], cancel: &Cancel) {
        failpoint::hit(4);
        self.outbox.send(Report::Started { job });
        let result = match task {
            Task::Image(image) => self.guarded(|own| own.image(job, image, skip, cancel)),
            other => Err(Error::Unsupported(format!(
                "This worker cannot run {} tasks yet.",
                other.kind()
            ))),
        };
        let out_of_memory = matches!(result, Err(Error::OutOfMemory { .. }));
        if out_of_memory {
            self.models.clear();
        }
        // Main memory is everybody's: an idle worker holds no more of it than its models.
        if out_of_memory || self.device == Device::Cpu {
            self.empty_cache();
        }
        if let Err(e) = &result {
            tracing::info!(%job, "ended: {e}");
        }
        self.outbox.send(Report::Ended {
            job,
            outcome: outcome(result),
            resident: self.models.names(),
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

    /// Forgets the model of that name, all when it is empty.
    pub fn unload(&mut self, model: &str) {
        self.models.unload(model);
        self.empty_cache();
    }

    /// Memory that stays cached costs the next task room, not this one its result.
    fn empty_cache(&self) {
        if let Err(e) = torch::empty_cache(self.device) {
            tracing::warn!("cached memory stays: {e}");
        }
    }

    fn image(&mut self, job: JobId, task: &ImageTask, skip: &[u32], cancel: &Cancel) -> Result<()> {
        let _inference = torch::inference_mode();
        torch::set_threads(threads_for(task));
        let mut reporter = Reporter::new(job, self.outbox.clone(), self.previews.clone());
        let kind = kind_for(self.device, task.dtype, &mut reporter);
        let quant = quant_for(self.device, kind, task.quant, &mut reporter)?;
        let key = Key {
            source: task.source.clone(),
            name: task.model.clone(),
            device: self.device,
            kind,
            quant,
        };
        let model = self.models.load(&key, cancel, &mut reporter)?;
        failpoint::hit(5);
        let work = Work {
            task,
            job: job.to_string(),
            staging: &self.staging,
            skip,
            cancel,
        };
        pipeline::text_to_image(&work, &model, &mut reporter)
    }
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
    match task.threads {
        0 => torch::physical_cores(),
        threads => threads,
    }
}

/// Bytes of weights to keep: 0.88 × total − 0.8 GiB on an accelerator (ComfyUI's rule), half the memory on the CPU.
fn budget(device: Device) -> u64 {
    let total = torch::memory(device).total;
    match device {
        Device::Cpu => total / 2,
        _ => ((total as f64 * 0.88) as u64).saturating_sub(858_993_459),
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
