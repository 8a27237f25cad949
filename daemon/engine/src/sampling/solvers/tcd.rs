use tch::Tensor;

use super::ddim::misplaced;
use super::euler::toward;
use crate::Result;
use crate::sampling::Level;
use crate::sampling::noising::Noising;
use crate::sampling::run::Run;

/// How far back before the next step a step goes, where nobody says.
const GAMMA: f64 = 0.3;

/// Trajectory consistency (Zheng et al. 2024, arXiv 2402.19159, algorithm 2; diffusers TCDScheduler): along the line to a timestep
/// before the next one, and noise up to that. `eta` is the paper's γ, 0 to 1: how far before. The last step goes to the level of
/// timestep 0.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let Noising::VariancePreserving { table, .. } = &plan.noising else {
        return Err(misplaced("TCD"));
    };
    let gamma = run.eta(GAMMA).clamp(0.0, 1.0);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = match plan.timesteps.get(i + 1) {
            Some(next) => {
                let down = table.sigma(((1.0 - gamma) * next).floor()).min(to);
                let there = toward(&denoised, &x, from, down);
                if gamma > 0.0 {
                    there + run.noise(from, to)? * (to * to - down * down).max(0.0).sqrt()
                } else {
                    there
                }
            }
            None => toward(&denoised, &x, from, to),
        };
        run.report(i, &denoised)?;
    }
    Ok(x * Level::from_sigma(plan.sigmas.last().copied().unwrap_or(0.0)).alpha)
}
