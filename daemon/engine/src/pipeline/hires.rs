//! The second pass of a picture (A1111's "Hires. fix"): the latents of the first are enlarged, as they are or by way of pixels, and
//! denoised again from part of the way, with noise of the same seeds. `pictures.rs` opens a [`SecondPass`] once a task and asks for its
//! start for each group; the loop is `denoise.rs`'s, as for any pass. The arithmetic of sizes and steps is `protocol/src/hires.rs`'s.

use darkroom_protocol::hires::{self, LatentMode};
use darkroom_protocol::sampler::Named;
use darkroom_protocol::{ImageTask, ModelTask};
use tch::{Kind, Tensor};

use super::encode_prompts::Times;
use super::prepare::{Beginning, Group, Start, extras, stream, without_picture};
use super::upscale::Upscaler;
use super::{Observer, Work};
use crate::model::{Model, Posterior};
use crate::sampling::Plan;
use crate::{Cancel, Error, Result, torch};

/// A second pass, ready to begin with the latents of any first one.
pub struct SecondPass {
    /// Its numbers.
    pub of: hires::SecondPass,
    /// Its denoise loop, which begins late.
    pub plan: Plan,
    /// What it begins with beside the enlarged latents.
    beginning: Beginning,
    with: With,
}

/// What enlarges.
enum With {
    Latents(LatentMode),
    Pixels(Upscaler),
}

/// What a second pass begins with.
pub enum Enlarged {
    /// Latents [B, C, h, w].
    Latents(Tensor),
    /// Pictures that went through the autoencoder: [B, C, h, w] each.
    Encoded(Posterior),
}

/// The second pass of `task`, as far as numbers go; `None` where there is none.
///
/// # Errors
/// [`Error::Unsupported`] beside a mask, and with a model that edits.
pub fn asked(task: &ImageTask, model: &Model) -> Result<Option<hires::SecondPass>> {
    let factor = model.family().latents().kind.factor;
    let Some(pass) = task.second_pass(factor) else {
        return Ok(None);
    };
    if task.inpaint.is_asked() || model.family().task() == ModelTask::Edit {
        return Err(Error::Unsupported(
            "A second pass makes all of a picture again: leave out hires, or the mask and outpaint, or take a model that does not edit.".to_owned(),
        ));
    }
    Ok(Some(pass))
}

/// The denoise loop of `pass`, of which the last steps run.
///
/// # Errors
/// Those of the family's plans.
pub fn plan(pass: &hires::SecondPass, model: &Model) -> Result<Plan> {
    let task = &pass.task;
    let plan = super::pictures::whole_plan(task, model)?;
    let listed = !task.sampling.sigmas.is_empty() || !task.sampling.timesteps.is_empty();
    match pass.steps {
        0 => Ok(plan),
        // A list has the steps that it has.
        _ if listed => plan.denoise(task.inputs.denoise()),
        steps => plan.late(task.sampling.steps.saturating_sub(steps) as usize),
    }
}

/// When its prompts change: counted on from the first pass, as in A1111.
pub fn times(first: &ImageTask, pass: &hires::SecondPass) -> Times {
    Times {
        run: pass.steps as usize,
        of: pass.steps as usize,
        before: Some(first.sampling.steps as usize),
    }
}

/// What enlarges for `pass`: a file that is none is told before anybody waits.
///
/// # Errors
/// Those of [`Upscaler::named`].
fn opened(pass: &hires::SecondPass, model: &Model, cancel: &Cancel) -> Result<With> {
    match LatentMode::from_name(&pass.upscaler) {
        Some(mode) => Ok(With::Latents(mode)),
        None => Ok(With::Pixels(Upscaler::named(&pass.upscaler, model.device(), cancel)?)),
    }
}

impl SecondPass {
    /// Opens what enlarges, and makes what does not depend on the first pass.
    ///
    /// # Errors
    /// Those of [`Upscaler::named`], and of encoding what a model for inpainting is shown.
    pub fn open(
        of: &hires::SecondPass,
        plan: &Plan,
        (work, model): (&Work, &Model),
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let with = opened(of, model, work.cancel)?;
        // A picture to begin with was the first pass's.
        let mut task = of.task.clone();
        task.inputs.init_image = None;
        let beginning = without_picture(&task, work, model, observer)?;
        Ok(Self {
            of: of.clone(),
            plan: plan.clone(),
            beginning,
            with,
        })
    }

    /// Its steps, and what its calls of the network are worth in those of a first pass of so many `pixels`.
    pub fn cost(&self, pixels: u64) -> (u32, f64) {
        if self.of.steps == 0 {
            return (0, 0.0);
        }
        let ratio = self.of.task.pixels() as f64 / pixels.max(1) as f64;
        (self.plan.steps() as u32, self.plan.calls() as f64 * ratio)
    }

    /// What enlarges pixels; `None` where latents are enlarged as they are.
    pub fn upscaler(&self) -> Option<&Upscaler> {
        match &self.with {
            With::Latents(_) => None,
            With::Pixels(upscaler) => Some(upscaler),
        }
    }

    /// Latents [B, C, h, w] of a first pass enlarged and cut; `None` where that goes by way of pixels.
    pub fn enlarge(&self, latents: &Tensor, factor: u32) -> Option<Tensor> {
        let With::Latents(mode) = self.with else {
            return None;
        };
        let side = |pixels: u32| i64::from(pixels / factor.max(1));
        let size = [side(self.of.enlarged.1), side(self.of.enlarged.0)];
        Some(self.cut(&interpolated(latents, size, mode), factor))
    }

    /// What was encoded of enlarged pictures, cut, one after the other.
    pub fn together(&self, each: &[Posterior], factor: u32) -> Posterior {
        let of = |part: fn(&Posterior) -> &Tensor| {
            let parts: Vec<Tensor> = each.iter().map(|one| self.cut(part(one), factor)).collect();
            Tensor::cat(&parts, 0)
        };
        Posterior {
            mean: of(|one| &one.mean),
            std: of(|one| &one.std),
        }
    }

    /// The middle of enlarged latents in the shape that is asked for (A1111's `truncate_x` and `truncate_y`).
    fn cut(&self, latents: &Tensor, factor: u32) -> Tensor {
        let side = |pixels: u32| i64::from(pixels / factor.max(1));
        let (width, height) = (side(self.of.task.size.width), side(self.of.task.size.height));
        let over = |axis: i64, side: i64| (latents.size()[axis as usize] - side).max(0);
        let rows = latents.narrow(2, over(2, height) / 2, height);
        rows.narrow(3, over(3, width) / 2, width)
    }

    /// What its loop begins with for `group`, whose task is this pass's.
    pub fn start(&self, group: &Group, from: Enlarged) -> Result<Start> {
        let device = group.model.device();
        let there = |noise: Tensor| torch::to(&noise, device, Kind::Float);
        let mut stream = stream(group, &self.plan)?;
        let clean = match from {
            Enlarged::Latents(latents) => latents,
            Enlarged::Encoded(posterior) => posterior.sample(&there(stream.posterior()?)?),
        };
        let noise = there(stream.first()?)?;
        let extras = extras(group, &self.beginning, &mut stream)?;
        Ok(Start {
            latents: self.plan.noised(&clean, &noise),
            noise: stream,
            kept: None,
            extras,
            edited: None,
        })
    }
}

/// `torch.nn.functional.interpolate` of that mode, without aligned corners.
pub fn interpolated(latents: &Tensor, size: [i64; 2], mode: LatentMode) -> Tensor {
    let none = None::<f64>;
    match mode {
        LatentMode::Bilinear => latents.upsample_bilinear2d(size, false, none, none),
        LatentMode::BilinearAntialiased => latents.internal_upsample_bilinear2d_aa(size, false, none, none),
        LatentMode::Bicubic => latents.upsample_bicubic2d(size, false, none, none),
        LatentMode::BicubicAntialiased => latents.internal_upsample_bicubic2d_aa(size, false, none, none),
        LatentMode::Nearest => latents.upsample_nearest2d(size, none, none),
        LatentMode::NearestExact => latents.internal_upsample_nearest_exact2d(size, none, none),
    }
}
