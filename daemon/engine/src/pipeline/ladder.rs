//! What is tried when memory runs out, one thing after the other: a choice, no effect.

use darkroom_protocol::{ImageTask, Phase, Tiling};

use crate::upscale::SMALLEST_TILE;

/// One thing to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Give memory that is kept for reuse back to the device.
    FreeCached,
    /// Unload the models that the task does not use.
    UnloadOthers,
    /// Decode tile by tile.
    TileVae,
    /// Compute so many pictures together.
    SmallerBatch(u32),
    /// Predict with and without the prompt one after the other.
    TwoPasses,
    /// Make pictures larger in tiles of so many pixels.
    SmallerTiles(u32),
    /// Keep each part of the model on the device only while it is used.
    Offload,
}

/// Where memory ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// In which stage.
    pub phase: Phase,
    /// Whether the device is the processor: its memory is where other devices offload to.
    pub on_cpu: bool,
    /// Whether models that the task does not use can be unloaded.
    pub others: bool,
    /// The largest side, in pixels, that tiled decoding leaves whole.
    pub tile: u32,
}

/// The way down: each rung once in a task, the batch halved down to 1. A rung that cannot help where memory ran out is left for
/// later.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ladder {
    freed: bool,
    unloaded: bool,
}

impl Ladder {
    /// What to try next; `None` when nothing is left.
    pub fn next(&mut self, task: &ImageTask, at: Shortage) -> Option<Rung> {
        if !self.freed {
            self.freed = true;
            return Some(Rung::FreeCached);
        }
        if at.others && !self.unloaded {
            self.unloaded = true;
            return Some(Rung::UnloadOthers);
        }
        let (width, height) = task.made_size();
        let can_tile = !task.compute.vae_tiling && task.size.tiling == Tiling::Off;
        if at.phase == Phase::Decode && can_tile && width.max(height) > at.tile {
            return Some(Rung::TileVae);
        }
        if at.phase == Phase::Upscale && task.compute.upscale_tile > SMALLEST_TILE {
            return Some(Rung::SmallerTiles((task.compute.upscale_tile / 2).max(SMALLEST_TILE)));
        }
        let together = task.compute.micro_batch.min(task.size.batch);
        if at.phase == Phase::Denoise && together > 1 {
            return Some(Rung::SmallerBatch(together / 2));
        }
        if at.phase == Phase::Denoise && task.is_guided() && !task.compute.two_passes {
            return Some(Rung::TwoPasses);
        }
        (!at.on_cpu && !task.compute.offload).then_some(Rung::Offload)
    }
}

impl Rung {
    /// Writes it into the task, where it changes how pictures are computed. Whether it does.
    pub fn change(self, task: &mut ImageTask) -> bool {
        match self {
            Self::FreeCached | Self::UnloadOthers => return false,
            Self::TileVae => task.compute.vae_tiling = true,
            Self::SmallerBatch(together) => task.compute.micro_batch = together,
            Self::TwoPasses => task.compute.two_passes = true,
            Self::SmallerTiles(side) => task.compute.upscale_tile = side,
            Self::Offload => task.compute.offload = true,
        }
        true
    }

    /// What is done, in words that follow "retrying".
    pub fn words(self) -> String {
        match self {
            Self::FreeCached => "with cached memory freed".to_owned(),
            Self::UnloadOthers => "with other models unloaded".to_owned(),
            Self::TileVae => "with tiled decode".to_owned(),
            Self::SmallerBatch(1) => "with one picture at a time".to_owned(),
            Self::SmallerBatch(together) => format!("with {together} pictures at a time"),
            Self::TwoPasses => "with the two predictions of a step one after the other".to_owned(),
            Self::SmallerTiles(side) => format!("in tiles of {side} pixels"),
            Self::Offload => "with each part of the model on the device only while it is used".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::pipeline::testing::task;

    /// The whole way down from `task`.
    fn down(mut task: ImageTask, at: Shortage) -> Vec<Rung> {
        let mut ladder = Ladder::default();
        std::iter::from_fn(|| {
            let rung = ladder.next(&task, at)?;
            rung.change(&mut task);
            Some(rung)
        })
        .take(20)
        .collect()
    }

    use Rung::{FreeCached, Offload, SmallerBatch, SmallerTiles, TileVae, TwoPasses, UnloadOthers};

    #[rstest]
    #[case::everything_while_denoising(Phase::Denoise, false, true, &[FreeCached, UnloadOthers, SmallerBatch(3), SmallerBatch(1), TwoPasses, Offload])]
    #[case::everything_while_decoding(Phase::Decode, false, true, &[FreeCached, UnloadOthers, TileVae, Offload])]
    #[case::making_larger(Phase::Upscale, false, true, &[FreeCached, UnloadOthers, SmallerTiles(128), SmallerTiles(64), Offload])]
    #[case::nothing_else_in_memory(Phase::Load, false, false, &[FreeCached, Offload])]
    #[case::the_processor_has_nowhere_to_offload_to(Phase::Load, true, true, &[FreeCached, UnloadOthers])]
    #[case::on_the_processor(Phase::Decode, true, false, &[FreeCached, TileVae])]
    fn each_rung_once(#[case] phase: Phase, #[case] on_cpu: bool, #[case] others: bool, #[case] expected: &[Rung]) {
        let at = Shortage {
            phase,
            on_cpu,
            others,
            tile: 64,
        };
        let mut task = task(7, 6);
        task.size.width = 72;
        assert_eq!(down(task, at), expected);
    }

    #[test]
    fn what_is_asked_for_already_is_no_rung() {
        let at = Shortage {
            phase: Phase::Decode,
            on_cpu: false,
            others: false,
            tile: 64,
        };
        let small = task(1, 1);
        assert_eq!(down(small.clone(), at), [FreeCached, Offload]);
        let mut asked = small;
        asked.size.width = 512;
        asked.compute.vae_tiling = true;
        asked.compute.offload = true;
        assert_eq!(down(asked, at), [FreeCached]);
    }

    #[test]
    fn edges_that_fit_are_not_cut_by_tiles() {
        let at = Shortage {
            phase: Phase::Decode,
            on_cpu: true,
            others: false,
            tile: 64,
        };
        let mut large = task(1, 1);
        large.size.width = 512;
        assert_eq!(down(large.clone(), at), [FreeCached, TileVae]);
        large.size.tiling = Tiling::X;
        assert_eq!(down(large, at), [FreeCached]);
    }

    #[test]
    fn what_was_tried_in_one_stage_is_not_tried_in_the_next() {
        let mut ladder = Ladder::default();
        let mut at = Shortage {
            phase: Phase::Encode,
            on_cpu: true,
            others: true,
            tile: 64,
        };
        let mut task = task(1, 1);
        task.size.width = 512;
        assert_eq!(
            [ladder.next(&task, at), ladder.next(&task, at), ladder.next(&task, at)],
            [Some(FreeCached), Some(UnloadOthers), None]
        );
        at.phase = Phase::Decode;
        assert_eq!(ladder.next(&task, at), Some(TileVae));
    }
}
