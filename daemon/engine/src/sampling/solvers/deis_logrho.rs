//! DEIS in log ρ (Zhang and Chen 2022, arXiv 2204.13902), a row of [`crate::sampling::samplers`]: diffusers' DEISMultistepScheduler. It
//! extrapolates the predicted noise in log σ, where ComfyUI's of the same name (`deis.rs`) does so in the training's time.

use tch::Tensor;

use super::euler::toward;
use super::unipc;
use crate::Result;
use crate::sampling::draft::Asked;
use crate::sampling::plan::Settings;
use crate::sampling::run::{Run, Seen};

/// The highest order: steps that are looked at, this one included.
pub(in crate::sampling) const ORDER: usize = 3;

/// Steps under which orders fall toward the end.
const FEW: usize = 15;

/// The integral over σ of the polynomial in ln σ through the last slopes.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let (order, lower_order_final) = match run.plan.settings {
        Settings::Multistep {
            order,
            lower_order_final,
            ..
        } => (order, lower_order_final),
        _ => (2, true),
    };
    let total = run.plan.timesteps.len();
    let falls = lower_order_final && total < FEW;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let left = if falls { total - i } else { order };
        let order = if to == 0.0 { 1 } else { order.min(left) };
        let seen: Vec<&Seen> = run.all_seen().take(order).collect();
        let logs: Vec<f64> = seen.iter().map(|seen| seen.sigma.ln()).collect();
        if seen.len() == 1 {
            // A line: in this form a flow's first state, which is far out in ratio, loses nothing.
            x = toward(&denoised, &x, from, to);
        }
        for (k, seen) in seen.iter().enumerate().filter(|_| logs.len() > 1) {
            x = &x + seen.slope() * (integral(to, k, &logs) - integral(from, k, &logs));
        }
        run.report(i, &denoised)?;
    }
    Ok(super::dpmpp_2m::closed(x, run))
}

/// ∫ over σ, up to `sigma`, of the polynomial in ln σ that is 1 at node `k` and 0 at the others.
fn integral(sigma: f64, k: usize, logs: &[f64]) -> f64 {
    let others: Vec<f64> = (0..logs.len()).filter(|j| *j != k).map(|j| logs[j]).collect();
    if sigma == 0.0 {
        return 0.0;
    }
    let at = sigma.ln();
    match others.as_slice() {
        [] => sigma,
        [c] => sigma * (at - 1.0 - c) / (logs[k] - c),
        [c, d, ..] => {
            let top = at * at - (c + d) * at + c * d + (c + d) - 2.0 * at + 2.0;
            sigma * top / ((logs[k] - c) * (logs[k] - d))
        }
    }
}

/// What a configuration says of the solver.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    Ok(Settings::Multistep {
        order: unipc::order(asked, ORDER)?,
        lower_order_final: asked.config.lower_order_final.unwrap_or(true),
        bh1: false,
    })
}
