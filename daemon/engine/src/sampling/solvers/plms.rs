//! Pseudo linear multistep, a row of [`super::super::rows`]: the sampler that Stable Diffusion 1 was published with. It goes by DDIM's levels
//! and keeps the outputs of the last steps itself.

use tch::Tensor;

use super::ddim::{self, misplaced};
use crate::Result;
use crate::sampling::draft::Asked;
use crate::sampling::noising::Noising;
use crate::sampling::plan::Settings;
use crate::sampling::prediction::Implies;
use crate::sampling::run::Run;
use crate::sampling::{Level, Plan, Prediction};

/// Pseudo linear multistep (Liu et al. 2022, arXiv 2202.09778, equations 9 and 12; diffusers PNDMScheduler with `skip_prk_steps`, which
/// is what A1111 calls PLMS): DDIM's step along the outputs of the last four, weighted as Adams and Bashforth do. The first step looks
/// at both its ends.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let (Settings::Ddim { jumps, .. }, Noising::VariancePreserving { prediction, .. }) =
        (&plan.settings, &plan.noising)
    else {
        return Err(misplaced("PLMS"));
    };
    let mut outputs: Vec<Tensor> = Vec::new();
    for i in run.steps() {
        let output = run.output(&x, plan.timesteps[i])?;
        let denoised = prediction.clean(&x, &output, jumps[i].0);
        outputs.insert(0, output);
        outputs.truncate(4);
        let first = &outputs[0];
        let combined = match (outputs.as_slice(), plan.timesteps.get(i + 1)) {
            ([_], Some(next)) => {
                let there = step(*prediction, &x, first, jumps[i]);
                (run.output(&there, *next)? + first) / 2.0
            }
            ([one, two], _) => (one * 3.0 - two) / 2.0,
            ([one, two, three], _) => (one * 23.0 - two * 16.0 + three * 5.0) / 12.0,
            ([one, two, three, four], _) => (one * 55.0 - two * 59.0 + three * 37.0 - four * 9.0) / 24.0,
            _ => first.shallow_clone(),
        };
        x = step(*prediction, &x, &combined, jumps[i]);
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// From one level to another along what `output` implies.
fn step(prediction: Prediction, x: &Tensor, output: &Tensor, (from, to): (Level, Level)) -> Tensor {
    let clean = prediction.clean(x, output, from);
    clean * to.alpha + prediction.noise(x, output, from) * to.sigma
}

/// DDIM's levels; it ends at the level of timestep 0 unless `set_alpha_to_one` says otherwise.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    ddim::levels(asked, asked.config.set_alpha_to_one.unwrap_or(false))
}

/// One a step, and one more in the first where a second follows.
pub(in crate::sampling) fn calls(plan: &Plan) -> usize {
    plan.steps() + usize::from(plan.steps() > 1)
}
