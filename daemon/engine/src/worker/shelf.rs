//! The models in memory as one task sees them: its own is loaded and released, others make room; also how much memory models may
//! take where no setting says so. `executor.rs` makes one for each task and load, and `pipeline/relief.rs` calls it as its
//! `Room`. Which model goes is decided in `residency/`, what is tried first in `pipeline/ladder.rs`.

use std::rc::Rc;
use std::time::Instant;

use darkroom_protocol::KeepAlive;
use darkroom_protocol::lora::Lora;

use super::reporter::Reporter;
use crate::model::{Key, Model};
use crate::pipeline::{Observer, Room, loading};
use crate::residency::Models;
use crate::torch::{self, Device};
use crate::{Cancel, Error, Result};

/// The models in memory, as a task with one of them sees them.
pub struct Shelf<'a> {
    models: &'a mut Models,
    key: Key,
    loras: Vec<Lora>,
}

impl<'a> Shelf<'a> {
    /// For a task with the model of `key`.
    pub fn new(models: &'a mut Models, key: Key) -> Self {
        Self {
            models,
            key,
            loras: Vec::new(),
        }
    }

    /// The same for a task with these LoRAs.
    pub fn with_loras(self, loras: Vec<Lora>) -> Self {
        Self { loras, ..self }
    }

    /// The model with the task's LoRAs and no others, as [`Self::load`] has it; what is to be said of them is told.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Models::adapt`].
    pub fn load_adapted(&mut self, offload: bool, cancel: &Cancel, observer: &mut dyn Observer) -> Result<Rc<Model>> {
        let model = self.load(offload, cancel, observer)?;
        let notices = self.models.adapt(&model, &self.loras, cancel)?;
        notices.iter().for_each(|line| observer.notice(line));
        Ok(model)
    }

    /// The model; where each part is `offload`ed, they are read when they are used.
    ///
    /// # Errors
    /// As [`Models::load`].
    pub fn load(&mut self, offload: bool, cancel: &Cancel, observer: &mut dyn Observer) -> Result<Rc<Model>> {
        if offload && self.key.device != Device::Cpu {
            self.forget();
            return self.models.lazily(&self.key, cancel);
        }
        self.models.load(&self.key, cancel, &mut |done, all| {
            observer.progress(loading(done, all))
        })
    }

    /// Brings the model into memory, others out of it where that is needed.
    ///
    /// # Errors
    /// As [`Models::load`] and [`Models::pin`].
    pub fn fetch(&mut self, pinned: bool, cancel: &Cancel, observer: &mut dyn Observer) -> Result<()> {
        let mut tries = 0;
        loop {
            let loaded = torch::catch(|| self.load(false, cancel, observer));
            match loaded {
                Ok(_) => break,
                Err(Error::OutOfMemory { .. }) if tries == 0 => {
                    observer.notice("Out of memory: retrying with other models unloaded.");
                    self.models.unload_others();
                    self.free_cached();
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
        if pinned { self.models.pin(&self.key) } else { Ok(()) }
    }

    /// Tells what is in memory now.
    pub fn tell(&self, reporter: &Reporter) {
        reporter.resident(self.models.residency(Instant::now()));
    }

    /// The model is used no more and stays for `keep_alive`.
    pub fn release(self, keep_alive: KeepAlive) {
        self.models.release(&self.key, keep_alive, Instant::now());
    }
}

impl Room for Shelf<'_> {
    fn device(&self) -> Device {
        self.key.device
    }

    fn free_cached(&mut self) {
        self.models.free_cached();
    }

    fn has_others(&self) -> bool {
        self.models.has_others()
    }

    fn unload_others(&mut self) {
        self.models.unload_others();
    }

    fn forget(&mut self) {
        self.models.forget(&self.key);
    }
}

/// Bytes that models may take: 0.88 × total − 0.8 GiB on an accelerator (ComfyUI's rule), half the memory on the CPU, where
/// that of a container counts.
pub fn budget(device: Device, total: u64) -> u64 {
    match device {
        Device::Cpu => total / 2,
        _ => ((total as f64 * 0.88) as u64).saturating_sub(858_993_459),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Device::Cpu, 16 << 30, 8 << 30)]
    #[case(Device::Cuda(0), 10 << 30, 8 << 30)]
    #[case(Device::Cuda(0), 1 << 29, 0)]
    fn budgets(#[case] device: Device, #[case] total: u64, #[case] bytes: u64) {
        assert_eq!(budget(device, total), bytes);
    }
}
