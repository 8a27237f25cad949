//! Improved pseudo numerical methods (Zhang and Chen 2022, arXiv 2204.13902), after ComfyUI: rows of [`crate::sampling::samplers`]. Both
//! are Adams and Bashforth's method over the slopes of the last steps: `run` as if steps were equally long in σ, `run_uneven` by
//! their lengths. diffusers' IPNDMScheduler has another schedule and is not built.

use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// The highest order: steps that are looked at, this one included.
pub(in crate::sampling) const ORDER: usize = 4;

/// Weights of the slopes, the latest first, by order.
const EVEN: [&[f64]; ORDER] = [
    &[1.0],
    &[3.0 / 2.0, -1.0 / 2.0],
    &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
    &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
];

/// ComfyUI `sample_ipndm`.
pub(in crate::sampling) fn run(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, |nodes, _| EVEN[nodes.len() - 1].to_vec())
}

/// ComfyUI `sample_ipndm_v`.
pub(in crate::sampling) fn run_uneven(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, uneven)
}

/// `weights`: of the slopes at the σs of the last steps, the latest first, for a step to the other σ.
fn solve(mut x: Tensor, run: &mut Run<'_>, weights: fn(&[f64], f64) -> Vec<f64>) -> Result<Tensor> {
    let order = run.order(ORDER).clamp(1, ORDER);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = if to == 0.0 {
            denoised.shallow_clone()
        } else {
            let nodes: Vec<f64> = run.all_seen().take(order).map(|seen| seen.sigma).collect();
            let slopes = run.all_seen().zip(weights(&nodes, to));
            let steps = slopes.map(|(seen, weight)| seen.slope() * (weight * (to - from)));
            steps.fold(x, |x, step| x + step)
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// The formulas of ComfyUI's, which above second order are not quite those of a polynomial through uneven nodes.
fn uneven(nodes: &[f64], to: f64) -> Vec<f64> {
    let h = to - nodes[0];
    let way = |k: usize| nodes[k] - nodes[k + 1];
    if nodes.len() == 1 {
        return vec![1.0];
    }
    let (one, ratio) = (way(0), h / way(0));
    let mut weights = vec![(2.0 + ratio) / 2.0, -ratio / 2.0];
    if nodes.len() == 2 {
        return weights;
    }
    let two = way(1);
    let third = (1.0 - h / (3.0 * (h + one)) * (h * (h + one)) / (one * (one + two))) / 2.0;
    weights[0] += third;
    weights[1] -= (1.0 + one / two) * third;
    weights.push(third * one / two);
    if nodes.len() == 3 {
        return weights;
    }
    let three = way(2);
    let fourth = ((1.0 - h / (3.0 * (h + one))) / 2.0 + (1.0 - h / (2.0 * (h + one))) * h / (6.0 * (h + one + two)))
        * (h * (h + one) * (h + one + two))
        / (one * (one + two) * (one + two + three));
    let far = one * (one + two) / (two * (two + three));
    weights[0] += fourth;
    weights[1] -= (1.0 + one / two + far) * fourth;
    weights[2] += (one / two + far * (1.0 + two / three)) * fourth;
    weights.push(-fourth * far * one / two);
    weights
}
