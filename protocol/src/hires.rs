//! The second pass of a picture (A1111's "Hires. fix"): it is made at the size that the model knows, enlarged, and denoised again in
//! part. Here are the group of a task about it, the words for enlarging latents, and A1111's arithmetic of sizes and steps (its
//! `modules/processing.py`, `calculate_target_resolution` and `sample_hr_pass`). The daemon fills the group where it is asked for, the
//! worker's `pipeline/hires.rs` does it.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;
use crate::task::ImageTask;
use crate::{Sampler, Schedule, upscaler};

/// How latents are enlarged: torch's `interpolate` of that mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatentMode {
    /// `bilinear`.
    Bilinear,
    /// `bilinear`, `antialias`.
    BilinearAntialiased,
    /// `bicubic`.
    Bicubic,
    /// `bicubic`, `antialias`.
    BicubicAntialiased,
    /// `nearest`.
    Nearest,
    /// `nearest-exact`.
    NearestExact,
}

impl Named for LatentMode {
    /// A1111's names (`modules/shared_items.py`, `latent_upscale_modes`).
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (
            Self::Bilinear,
            "Latent",
            &["Latent (bilinear)", "Latent bilinear", "Latent Linear"],
        ),
        (
            Self::BilinearAntialiased,
            "Latent (antialiased)",
            &[
                "Latent (bilinear antialiased)",
                "Latent bilinear antialias",
                "Latent antialias",
            ],
        ),
        (Self::Bicubic, "Latent (bicubic)", &["Latent bicubic", "Latent Cubic"]),
        (
            Self::BicubicAntialiased,
            "Latent (bicubic antialiased)",
            &["Latent bicubic antialiased", "Latent bicubic antialias"],
        ),
        (Self::Nearest, "Latent (nearest)", &["Latent nearest"]),
        (
            Self::NearestExact,
            "Latent (nearest-exact)",
            &["Latent nearest-exact", "Latent nearest exact"],
        ),
    ];
}

/// The group of a task about a second pass. Nothing of it is set where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hires {
    /// How many times as wide and high the picture becomes.
    pub scale: Option<f64>,
    /// The width in pixels that it becomes, in place of `scale`.
    pub width: Option<u32>,
    /// The height, in place of `scale`.
    pub height: Option<u32>,
    /// What enlarges it: a name of [`LatentMode`], a word of [`crate::upscaler`], or the absolute path of a network's file.
    pub upscaler: Option<String>,
    /// The steps that are run; as many as the first pass where it is none.
    pub steps: Option<u32>,
    /// 0 to 1: how far the enlarged picture may change.
    pub denoise: Option<f64>,
    /// Where the second pass has another.
    pub sampler: Option<Sampler>,
    /// Where the second pass has another.
    pub schedule: Option<Schedule>,
    /// Where the second pass has another.
    pub cfg_scale: Option<f64>,
}

impl Hires {
    /// How far the enlarged picture may change where nobody says (A1111's).
    pub const DENOISE: f64 = 0.7;
    /// How many times as wide and high it becomes where nobody says (A1111's).
    pub const SCALE: f64 = 2.0;

    /// Whether there is a second pass.
    pub fn is_asked(&self) -> bool {
        self.scale.is_some() || self.upscaler.is_some() || self.width.is_some() || self.height.is_some()
    }

    /// See [`Self::denoise`].
    pub fn denoise(&self) -> f64 {
        self.denoise.unwrap_or(Self::DENOISE)
    }

    /// See [`Self::upscaler`].
    pub fn upscaler(&self) -> &str {
        self.upscaler.as_deref().unwrap_or(LatentMode::Bilinear.name())
    }

    /// The same with every default that counts; nothing at all where there is no second pass.
    pub fn resolved(&self) -> Self {
        if !self.is_asked() {
            return Self::default();
        }
        let sized = self.width.is_some() || self.height.is_some();
        Self {
            scale: (!sized).then(|| self.scale.unwrap_or(Self::SCALE)),
            upscaler: Some(self.upscaler().to_owned()),
            steps: self.steps.filter(|steps| *steps > 0),
            denoise: Some(self.denoise()),
            ..self.clone()
        }
    }

    /// The size that a picture of `first` is enlarged to, and what is left of it when it is cut to the shape asked for, both in pixels
    /// and in multiples of `factor`, at least one.
    pub fn sizes(&self, (w, h): (u32, u32), factor: u32) -> ((u32, u32), (u32, u32)) {
        let (w, h, factor) = (u64::from(w.max(1)), u64::from(h.max(1)), u64::from(factor.max(1)));
        let scale = self.scale.unwrap_or(Self::SCALE);
        let scaled = |side: u64| (side as f64 * scale) as u64;
        let wanted = |side: Option<u32>| side.filter(|side| *side > 0).map(u64::from);
        let (whole, over) = match (wanted(self.width), wanted(self.height)) {
            (None, None) => ((scaled(w), scaled(h)), (0, 0)),
            (Some(x), None) => ((x, x * h / w), (0, 0)),
            (None, Some(y)) => ((y * w / h, y), (0, 0)),
            (Some(x), Some(y)) => {
                let whole = match w * y < x * h {
                    true => (x, x * h / w),
                    false => (y * w / h, y),
                };
                (
                    whole,
                    (whole.0.saturating_sub(x) / factor, whole.1.saturating_sub(y) / factor),
                )
            }
        };
        let cells = |side: u64| (side / factor).max(1);
        let pixels = |cells: u64| u32::try_from(cells * factor).unwrap_or(u32::MAX);
        let (wide, high) = (cells(whole.0), cells(whole.1));
        let left = |all: u64, over: u64| pixels(all.saturating_sub(over).max(1));
        ((pixels(wide), pixels(high)), (left(wide, over.0), left(high, over.1)))
    }
}

/// The numbers of a second pass.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondPass {
    /// The same task with the size, sampler, steps and guidance of this pass, and no further one. Its steps are those of a whole
    /// loop, of which the last [`Self::steps`] run.
    pub task: ImageTask,
    /// Width and height in pixels that the first picture is enlarged to, before it is cut to the task's.
    pub enlarged: (u32, u32),
    /// The steps that run: 0 where the picture is only enlarged.
    pub steps: u32,
    /// What enlarges it.
    pub upscaler: String,
}

impl ImageTask {
    /// The second pass, for a model whose VAE factor that is; `None` where there is none.
    ///
    /// A1111 runs as many steps as are asked for: it plans `steps / denoise` of them and begins late.
    pub fn second_pass(&self, factor: u32) -> Option<SecondPass> {
        let hires = Some(&self.hires).filter(|hires| hires.is_asked())?;
        let (enlarged, (width, height)) = hires.sizes((self.size.width, self.size.height), factor);
        let denoise = hires.denoise().min(0.999);
        let asked = hires.steps.filter(|steps| *steps > 0).unwrap_or(self.sampling.steps);
        let steps = if denoise > 0.0 { asked } else { 0 };
        let mut task = self.clone();
        task.hires = Hires::default();
        (task.size.width, task.size.height) = (width, height);
        if steps > 0 {
            task.sampling.steps = (f64::from(asked) / denoise).min(f64::from(u32::MAX)) as u32;
        }
        task.sampling.sampler = hires.sampler.unwrap_or(task.sampling.sampler);
        task.sampling.schedule = hires.schedule.unwrap_or(task.sampling.schedule);
        task.guidance.cfg_scale = hires.cfg_scale.unwrap_or(task.guidance.cfg_scale);
        task.inputs.denoise = Some(hires.denoise());
        Some(SecondPass {
            task,
            enlarged,
            steps,
            upscaler: hires.upscaler().to_owned(),
        })
    }

    /// Width and height in pixels before an upscaler: those of the second pass where there is one, of whose cut to whole latents nothing
    /// is known here.
    pub fn made_size(&self) -> (u32, u32) {
        let first = (self.size.width, self.size.height);
        match self.hires.is_asked() {
            true => self.hires.sizes(first, 1).1,
            false => first,
        }
    }

    /// Pixels of that size.
    pub fn made_pixels(&self) -> u64 {
        let (width, height) = self.made_size();
        u64::from(width) * u64::from(height)
    }

    /// Steps × pixels of one picture.
    pub fn work(&self) -> f64 {
        let first = self.pixels() as f64 * f64::from(self.steps_run());
        let second = self
            .second_pass(1)
            .map_or(0.0, |second| second.task.pixels() as f64 * f64::from(second.steps));
        first + second
    }
}

/// What a word means that enlarges between the passes and is no file: a name of [`LatentMode`], or a word of [`crate::upscaler`]. A1111's
/// `None` enlarges with Lanczos.
pub fn known(word: &str) -> Option<&'static str> {
    if let Some(mode) = LatentMode::from_name(word) {
        return Some(mode.name());
    }
    upscaler::known(word).map(|word| match word {
        upscaler::NONE => upscaler::Filter::Lanczos.name(),
        word => word,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hires(scale: Option<f64>, width: Option<u32>, height: Option<u32>) -> Hires {
        Hires {
            scale,
            width,
            height,
            ..Hires::default()
        }
    }

    /// A1111's `calculate_target_resolution`, followed by hand.
    #[rstest]
    #[case(hires(Some(2.0), None, None), (512, 768), (1024, 1536), (1024, 1536))]
    #[case(hires(None, None, None), (512, 512), (1024, 1024), (1024, 1024))]
    #[case(hires(Some(1.3), None, None), (512, 512), (664, 664), (664, 664))]
    #[case(hires(None, Some(1024), None), (512, 768), (1024, 1536), (1024, 1536))]
    #[case(hires(None, None, Some(1024)), (512, 768), (680, 1024), (680, 1024))]
    #[case(hires(None, Some(1024), Some(1024)), (512, 768), (1024, 1536), (1024, 1024))]
    #[case(hires(None, Some(1536), Some(1024)), (512, 512), (1536, 1536), (1536, 1024))]
    #[case(hires(None, Some(640), Some(1024)), (512, 512), (1024, 1024), (640, 1024))]
    #[case(hires(Some(1.0), Some(0), None), (64, 64), (64, 64), (64, 64))]
    fn sizes_are_a1111s(
        #[case] hires: Hires,
        #[case] first: (u32, u32),
        #[case] enlarged: (u32, u32),
        #[case] left: (u32, u32),
    ) {
        assert_eq!(hires.sizes(first, 8), (enlarged, left));
    }

    #[rstest]
    #[case(None, None, 20, (28, 20))]
    #[case(Some(0), Some(0.5), 20, (40, 20))]
    #[case(Some(10), Some(1.0), 20, (10, 10))]
    #[case(Some(7), Some(0.3), 20, (23, 7))]
    #[case(Some(7), Some(0.0), 20, (20, 0))]
    fn as_many_steps_run_as_are_asked_for(
        #[case] steps: Option<u32>,
        #[case] denoise: Option<f64>,
        #[case] first: u32,
        #[case] (planned, run): (u32, u32),
    ) {
        let mut task = ImageTask::of("sd15", "a fox");
        task.sampling.steps = first;
        assert_eq!(task.second_pass(8), None);
        task.hires = Hires {
            steps,
            denoise,
            ..hires(Some(2.0), None, None)
        };
        let second = task.second_pass(8).unwrap();
        assert_eq!((second.task.sampling.steps, second.steps), (planned, run));
        assert!(!second.task.hires.is_asked());
    }

    #[test]
    fn nothing_is_kept_where_there_is_no_second_pass() {
        let idle = Hires {
            steps: Some(4),
            denoise: Some(0.3),
            ..Hires::default()
        };
        assert_eq!(idle.resolved(), Hires::default());
        let asked = Hires {
            upscaler: Some("Latent".into()),
            ..idle
        };
        let resolved = asked.resolved();
        assert_eq!((resolved.scale, resolved.denoise), (Some(2.0), Some(0.3)));
        assert_eq!(resolved.resolved(), resolved);
        let sized = hires(Some(3.0), Some(640), None).resolved();
        assert_eq!((sized.scale, sized.width), (None, Some(640)));
    }

    #[rstest]
    #[case("latent", Some("Latent"))]
    #[case("Latent (nearest-exact)", Some("Latent (nearest-exact)"))]
    #[case("latent bicubic antialiased", Some("Latent (bicubic antialiased)"))]
    #[case("None", Some("lanczos"))]
    #[case("R-ESRGAN AnimeVideo", Some(upscaler::EMBEDDED))]
    #[case("4x-UltraSharp", None)]
    fn words_are_known(#[case] word: &str, #[case] expected: Option<&str>) {
        assert_eq!(known(word), expected);
    }
}
