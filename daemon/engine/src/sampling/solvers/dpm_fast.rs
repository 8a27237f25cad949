//! DPM-Solver-fast, a row of [`super::super::rows`]: its steps are its own, evenly in λ, and only the first and last σ of the plan count.
//! Progress is told as shares of the way.

use tch::Tensor;

use super::dpm_solver::{Step, ancestral, sigma};
use crate::Result;
use crate::sampling::run::Run;
use crate::sampling::spacing::linspace;

/// DPM-Solver-fast (Lu et al. 2022, arXiv 2206.00927, section 3.4; k-diffusion `sample_dpm_fast`): as many calls of the network as
/// steps were asked for, spent on steps of third order, evenly in λ between the plan's first σ and its last above 0, and on one or
/// two of lower order at the end. It ends at that last σ. One step alone is Euler's, which is no step in k-diffusion.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(0.0);
    let (first, last) = ends(run);
    let calls = run.plan.steps();
    if calls == 1 || first >= last {
        let denoised = run.denoised(&x, sigma(first))?.guided;
        run.report_share(1.0, (sigma(first), 0.0), &denoised)?;
        return Ok(denoised);
    }
    let orders = orders(calls);
    let lambdas = linspace(first, last, orders.len() + 1);
    let mut spent = 0;
    for (way, order) in lambdas.windows(2).zip(orders) {
        let (from, next) = (way[0], way[1]);
        let (to, up) = ancestral(from, next, last, eta);
        let (step, denoised) = Step::begin(&x, from, run)?;
        let there = match order {
            1 => step.first(to),
            2 => {
                let half = step.first((from + to) / 2.0);
                let noise = step.look(&half, to, 0.5, run)?;
                step.second(to, 0.5, &noise)
            }
            _ => {
                let third = step.first(from + (to - from) / 3.0);
                let noise = step.look(&third, to, 1.0 / 3.0, run)?;
                let beyond = step.beyond(to, &noise);
                let noise = step.look(&beyond, to, 2.0 / 3.0, run)?;
                step.third(to, &noise)
            }
        };
        x = if up > 0.0 {
            there + run.noise(sigma(from), sigma(next))? * up
        } else {
            there
        };
        spent += order;
        run.report_share(spent as f64 / calls as f64, (sigma(from), sigma(next)), &denoised)?;
    }
    Ok(x)
}

/// λ of the first σ, and of the last above 0.
pub(super) fn ends(run: &Run<'_>) -> (f64, f64) {
    let steps = run.steps();
    let last = (steps.start..=steps.end)
        .rev()
        .map(|i| run.sigma(i))
        .find(|sigma| *sigma > 0.0);
    let first = run.sigma(steps.start);
    (-first.ln(), -last.unwrap_or(first).ln())
}

/// Orders that take so many calls, at least 2.
fn orders(calls: usize) -> Vec<usize> {
    let threes = calls / 3;
    match calls % 3 {
        0 => [vec![3; threes - 1], vec![2, 1]].concat(),
        rest => [vec![3; threes], vec![rest]].concat(),
    }
}
