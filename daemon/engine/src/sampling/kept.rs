//! What of a picture stays while the rest is made: [`Kept`], which [`super::run`] asks at every call of the network. Where the
//! original stays, the network sees it with its noise of that level, and the clean sample is the original's own, so that every sampler
//! carries it along without knowing. `pipeline/prepare.rs` makes one of a mask; masks in pixels are in `pipeline/inpaint/`.

use tch::{Kind, Tensor};

use super::Noising;
use super::Plan;
use super::prediction::Implies;

/// A picture that stays in part. Tensors are f32 on the state's device.
#[derive(Debug)]
pub struct Kept {
    /// Its latents [B, C, h, w].
    pub clean: Tensor,
    /// The noise that the loop begins with, in the same shape.
    pub noise: Tensor,
    /// How far each latent may change, [1, 1, h, w] in 0..1.
    pub map: Tensor,
    /// Whether the map says when each latent is let go, and not only whether: one of 0.3 is free for the last 0.3 of the steps
    /// (differential diffusion, Levin and Fried 2023, arXiv 2306.00950; diffusers' community pipeline of that name).
    pub soft: bool,
}

impl Kept {
    /// The state at σ with the original's own where it stays. The first one is what the loop was given, as in diffusers.
    pub(super) fn state(&self, plan: &Plan, x: &Tensor, sigma: f64) -> Tensor {
        if sigma == plan.first_sigma() {
            return x.shallow_clone();
        }
        let original = plan.noising.noised(&self.clean, &self.noise, sigma);
        self.mixed(&self.free(plan, sigma, 0), x, &original)
    }

    /// The clean sample as seen from σ with the original where it stays.
    pub(super) fn clean(&self, plan: &Plan, denoised: &Tensor, sigma: f64) -> Tensor {
        self.mixed(&self.free(plan, sigma, 1), denoised, &self.clean)
    }

    /// The input of unit variance at that level, likewise, for DDIM.
    pub(super) fn input(&self, plan: &Plan, x: &Tensor, timestep: f64) -> Tensor {
        let (level, sigma) = plan.at(timestep);
        if sigma == plan.first_sigma() {
            return x.shallow_clone();
        }
        let original = &self.clean * level.alpha + &self.noise * level.sigma;
        self.mixed(&self.free(plan, sigma, 0), x, &original)
    }

    /// The output for such an `input`, likewise: what a network that knew the original would say of it.
    pub(super) fn output(&self, plan: &Plan, input: &Tensor, output: &Tensor, timestep: f64) -> Tensor {
        let (level, sigma) = plan.at(timestep);
        let Noising::VariancePreserving { prediction, .. } = &plan.noising else {
            return output.shallow_clone();
        };
        let truth = prediction.truth(&self.clean, input, level);
        self.mixed(&self.free(plan, sigma, 1), output, &truth)
    }

    /// The end of the loop, with the original where it stays for good.
    pub fn end(&self, latents: &Tensor) -> Tensor {
        match self.soft {
            true => latents.shallow_clone(),
            false => self.mixed(&self.map, latents, &self.clean),
        }
    }

    /// 1 where a latent is free in the step that σ is in, or `later` steps after it.
    fn free(&self, plan: &Plan, sigma: f64, later: usize) -> Tensor {
        if !self.soft {
            return self.map.shallow_clone();
        }
        let begins = plan.sigmas.iter().take(plan.timesteps.len()).skip(plan.start + 1);
        let step = begins.filter(|begins| **begins >= sigma).count() + later;
        let stays: Tensor = 1.0 - &self.map;
        let kept = stays.gt(step as f64 / plan.steps() as f64);
        kept.logical_not().to_kind(Kind::Float)
    }

    /// `free` where `share` is 1, `kept` where it is 0.
    fn mixed(&self, share: &Tensor, free: &Tensor, kept: &Tensor) -> Tensor {
        kept.lerp_tensor(free, share)
    }
}
