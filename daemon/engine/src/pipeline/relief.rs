//! A stage that runs out of memory is done again: here the next rung of the ladder is taken, told to the observer and written
//! into the task, and at the end an error says which size would fit. `pictures.rs` takes its stages through it,
//! `worker/executor.rs` the loading of a model. Which rung is next is `ladder.rs`'s choice; unloading is done by what implements
//! `Room`, in the worker `worker/shelf.rs`.

use darkroom_protocol::{ImageTask, Phase, failpoint};

use super::Observer;
use super::ladder::{Ladder, Rung, Shortage};
use crate::model::Model;
use crate::torch::{self, Device};
use crate::{Error, Result};

/// What can make room on a device.
pub trait Room {
    /// Where.
    fn device(&self) -> Device;
    /// Gives memory that is kept for reuse back to the device.
    fn free_cached(&mut self);
    /// Whether there are models that the task does not use and that may go.
    fn has_others(&self) -> bool;
    /// Unloads these.
    fn unload_others(&mut self);
    /// Keeps no part of the task's own model any longer.
    fn forget(&mut self);
}

/// A task on its way down the ladder.
pub struct Relief<R> {
    task: ImageTask,
    ladder: Ladder,
    room: R,
    tile: u32,
}

impl<R: Room> Relief<R> {
    /// At the top.
    pub fn new(task: ImageTask, room: R) -> Self {
        Self {
            task,
            ladder: Ladder::default(),
            room,
            tile: u32::MAX,
        }
    }

    /// The task as it is now: what the ladder changed is in it.
    pub fn task(&self) -> &ImageTask {
        &self.task
    }

    /// Where room is made.
    pub fn room(&mut self) -> &mut R {
        &mut self.room
    }

    /// Where room was made.
    pub fn into_room(self) -> R {
        self.room
    }

    /// Tiled decoding leaves pictures up to this side whole.
    pub fn set_tile(&mut self, pixels: u32) {
        self.tile = pixels;
    }

    /// Does a stage of the task, again with what the ladder changed while memory runs out.
    ///
    /// # Errors
    /// As [`Self::after`].
    pub fn stage<T>(
        &mut self,
        phase: Phase,
        model: &Model,
        observer: &mut dyn Observer,
        mut work: impl FnMut(&ImageTask, &mut dyn Observer) -> Result<T>,
    ) -> Result<T> {
        loop {
            match stage(phase, || work(&self.task, observer)) {
                Ok(done) => return Ok(done),
                Err(error) => self.after(error, phase, Some(model), observer)?,
            }
        }
    }

    /// After `error` in a stage of the task: where it is out of memory, goes one rung down, after which the stage is to be done
    /// again.
    ///
    /// # Errors
    /// Any other error as it is; [`Error::NoRoom`] with what would fit when nothing is left to try.
    pub fn after(
        &mut self,
        error: Error,
        phase: Phase,
        model: Option<&Model>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Error::OutOfMemory { doing, asked } = error else {
            return Err(error);
        };
        let at = Shortage {
            phase,
            on_cpu: self.room.device() == Device::Cpu,
            others: self.room.has_others(),
            tile: self.tile,
        };
        let doing = if doing.is_empty() {
            doing_now(phase, &self.task)
        } else {
            doing
        };
        let Some(rung) = self.ladder.next(&self.task, at) else {
            let free = torch::memory(self.room.device()).free;
            return Err(Error::NoRoom(advice(&doing, phase, &self.task, asked, free)));
        };
        let line = format!("Out of memory {doing}: retrying {}.", rung.words());
        tracing::warn!("{line}");
        observer.notice(&line);
        match rung {
            Rung::FreeCached => self.room.free_cached(),
            Rung::UnloadOthers => self.room.unload_others(),
            Rung::Offload => {
                self.room.forget();
                if let Some(model) = model {
                    model.offload();
                }
                self.room.free_cached();
            }
            Rung::TileVae | Rung::SmallerBatch(_) | Rung::TwoPasses | Rung::SmallerTiles(_) => {}
        }
        if rung.change(&mut self.task) {
            observer.adjusted(&self.task);
        }
        Ok(())
    }
}

/// Does a stage of a task so that running out of memory is an error and nothing else.
///
/// # Errors
/// What `work` returns, and failures of libtorch.
pub fn stage<T>(phase: Phase, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if failpoint::starves(phase.name()) {
        return Err(Error::OutOfMemory {
            doing: String::new(),
            asked: 0,
        });
    }
    torch::catch(work)
}

fn doing_now(phase: Phase, task: &ImageTask) -> String {
    let (width, height) = task.made_size();
    let size = format!("{width}×{height}");
    match (phase, task.compute.micro_batch.min(task.size.batch)) {
        (Phase::Load, _) => format!(
            "while loading {}",
            darkroom_protocol::text::escape_line(&task.what.model)
        ),
        (Phase::Encode, _) => "while reading the prompt".to_owned(),
        (Phase::Prepare, _) => format!("while reading the picture to begin with at {size}"),
        (Phase::Denoise, 0 | 1) => format!("at {size}"),
        (Phase::Denoise, together) => format!("at {size} with {together} pictures at a time"),
        (Phase::Decode, _) => format!("decoding {size}"),
        (Phase::Upscale, _) => format!("making {size} larger"),
        (Phase::Save, _) => format!("saving {size}"),
    }
}

/// What would fit, in numbers: memory for computing grows with the pixels.
fn advice(doing: &str, phase: Phase, task: &ImageTask, asked: u64, free: u64) -> String {
    let needed = match asked {
        0 => format!("{} are free", gigabytes(free)),
        asked => format!("{} more were needed, {} are free", gigabytes(asked), gigabytes(free)),
    };
    let remedy = match largest(phase, task, asked, free) {
        Some((width, height)) => format!("choose a size up to about {width}×{height}, or another device."),
        None => "choose another device, or a model that is smaller or quantised (--quant int8).".to_owned(),
    };
    format!("Out of memory {doing}: {needed}, and nothing is left to free: {remedy}")
}

/// About the largest size of the same shape whose computing fits, in multiples of 64; `None` where size is not what matters.
fn largest(phase: Phase, task: &ImageTask, asked: u64, free: u64) -> Option<(u32, u32)> {
    if !matches!(phase, Phase::Prepare | Phase::Denoise | Phase::Decode | Phase::Upscale) {
        return None;
    }
    // What was asked for came on top of about as much again.
    let needed = (2 * asked).max(free + free / 4).max(1);
    let scale = (free as f64 / needed as f64).sqrt();
    let side = |pixels: u32| (f64::from(pixels) * scale / 64.0) as u32 * 64;
    let made = task.made_size();
    let (width, height) = (side(made.0), side(made.1));
    (width > 0 && height > 0).then_some((width, height))
}

fn gigabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::pipeline::Saved;
    use crate::pipeline::testing::task;
    use darkroom_protocol::Progress;

    #[derive(Default)]
    struct Told {
        notices: Vec<String>,
        tasks: Vec<ImageTask>,
    }

    impl Observer for Told {
        fn progress(&mut self, _: Progress) {}
        fn notice(&mut self, line: &str) {
            self.notices.push(line.to_owned());
        }
        fn saved(&mut self, _: Saved) {}
        fn adjusted(&mut self, task: &ImageTask) {
            self.tasks.push(task.clone());
        }
    }

    #[derive(Default)]
    struct Attic {
        others: bool,
        done: Vec<&'static str>,
    }

    impl Room for Attic {
        fn device(&self) -> Device {
            Device::Cuda(0)
        }
        fn free_cached(&mut self) {
            self.done.push("freed");
        }
        fn has_others(&self) -> bool {
            self.others
        }
        fn unload_others(&mut self) {
            self.others = false;
            self.done.push("unloaded");
        }
        fn forget(&mut self) {
            self.done.push("forgot");
        }
    }

    fn full() -> Error {
        Error::OutOfMemory {
            doing: String::new(),
            asked: 3_000_000_000,
        }
    }

    #[test]
    fn every_rung_is_told_done_and_in_the_task() {
        let attic = Attic {
            others: true,
            ..Attic::default()
        };
        let mut told = Told::default();
        let mut first = task(4, 2);
        first.size.width = 1536;
        first.size.height = 1536;
        let mut relief = Relief::new(first, attic);
        relief.set_tile(512);
        let mut end = None;
        for phase in [
            Phase::Denoise,
            Phase::Denoise,
            Phase::Denoise,
            Phase::Decode,
            Phase::Decode,
            Phase::Decode,
        ] {
            end = relief.after(full(), phase, None, &mut told).err();
        }
        let last = relief.task().clone();
        assert!((last.compute.vae_tiling, last.compute.offload, last.compute.micro_batch) == (true, true, 1));
        assert_eq!(told.tasks.len(), 3);
        assert_eq!(told.tasks.last(), Some(&last));
        assert_eq!(relief.into_room().done, ["freed", "unloaded", "forgot", "freed"]);
        insta::assert_snapshot!(told.notices.join("\n"), @"
        Out of memory at 1536×1536 with 2 pictures at a time: retrying with cached memory freed.
        Out of memory at 1536×1536 with 2 pictures at a time: retrying with other models unloaded.
        Out of memory at 1536×1536 with 2 pictures at a time: retrying with one picture at a time.
        Out of memory decoding 1536×1536: retrying with tiled decode.
        Out of memory decoding 1536×1536: retrying with each part of the model on the device only while it is used.
        ");
        let end = end.unwrap();
        assert!(matches!(end, Error::NoRoom(_)), "{end}");
    }

    #[test]
    fn other_errors_are_left_alone() {
        let mut relief = Relief::new(task(1, 1), Attic::default());
        let error = relief.after(Error::Cancelled, Phase::Denoise, None, &mut Told::default());
        assert!(matches!(error, Err(Error::Cancelled)));
        assert!(relief.into_room().done.is_empty());
    }

    #[rstest]
    #[case(
        Phase::Decode,
        3_000_000_000,
        1_500_000_000,
        "Out of memory decoding 1024×512: 3.0 GB more were needed, 1.5 GB are free, and nothing is left to free: choose a size up to about 512×256, or another device."
    )]
    #[case(
        Phase::Denoise,
        0,
        800_000_000,
        "Out of memory at 1024×512: 800 MB are free, and nothing is left to free: choose a size up to about 896×448, or another device."
    )]
    #[case(
        Phase::Load,
        0,
        1,
        "Out of memory while loading emoji: 0 MB are free, and nothing is left to free: choose another device, or a model that is smaller or quantised (--quant int8)."
    )]
    fn what_would_fit(#[case] phase: Phase, #[case] asked: u64, #[case] free: u64, #[case] expected: &str) {
        let mut task = task(1, 1);
        task.size.width = 1024;
        task.size.height = 512;
        assert_eq!(advice(&doing_now(phase, &task), phase, &task, asked, free), expected);
    }
}
