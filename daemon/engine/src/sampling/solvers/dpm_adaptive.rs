//! DPM-Solver with steps of its own choice, a row of [`crate::sampling::samplers`]: a step of third order is taken where one of second
//! order agrees with it, else it is tried again and shorter. It stops where it is told to, however many calls that takes: steps
//! that were asked for say only where it begins and ends. All pictures of a group share its steps.

use tch::Tensor;

use super::dpm_fast::ends;
use super::dpm_solver::{Step, ancestral, sigma};
use crate::Result;
use crate::sampling::Plan;
use crate::sampling::run::Run;

/// The error that is allowed, relative and absolute.
const TOLERANCE: (f64, f64) = (0.05, 0.0078);
/// The first step that is tried, in λ.
const FIRST: f64 = 0.05;
/// How near to the end is there.
const NEAR: f64 = 1e-5;
/// Tries after which it gives up: a state that is no number agrees with nothing.
const MOST: usize = 1000;

/// DPM-Solver-23 (k-diffusion `sample_dpm_adaptive`, order 3).
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(0.0);
    let (first, last) = ends(run);
    let mut control = Control::new(if eta > 0.0 { 1.5 } else { 3.0 });
    let mut before = x.shallow_clone();
    let mut from = first;
    for _ in 0..MOST {
        if from >= last - NEAR {
            break;
        }
        let next = last.min(from + control.h);
        let (to, up) = ancestral(from, next, last, eta);
        let (step, denoised) = Step::begin(&x, from, run)?;
        let third = step.first(from + (to - from) / 3.0);
        let noise = step.look(&third, to, 1.0 / 3.0, run)?;
        let low = step.second(to, 1.0 / 3.0, &noise);
        let beyond = step.beyond(to, &noise);
        let noise = step.look(&beyond, to, 2.0 / 3.0, run)?;
        let high = step.third(to, &noise);
        if !control.accepts(disagreement(&low, &high, &before)) {
            continue;
        }
        before = low;
        x = if up > 0.0 {
            high + run.noise(sigma(from), sigma(next))? * up
        } else {
            high
        };
        let share = (next - first) / (last - first);
        run.report_share(share, (sigma(from), sigma(next)), &denoised)?;
        from = next;
    }
    if first >= last {
        let denoised = run.denoised(&x, sigma(first))?.guided;
        run.report_share(1.0, (sigma(first), 0.0), &denoised)?;
        return Ok(denoised);
    }
    Ok(x)
}

/// About so many: it knows only afterwards.
pub(in crate::sampling) fn calls(plan: &Plan) -> usize {
    3 * plan.steps()
}

/// How far two estimates are apart, by what is allowed: root of the mean square.
fn disagreement(low: &Tensor, high: &Tensor, before: &Tensor) -> f64 {
    let (relative, absolute) = TOLERANCE;
    let allowed = (low.abs().maximum(&before.abs()) * relative).clamp_min(absolute);
    let apart = (low - high) / allowed;
    let square = (&apart * &apart).mean(tch::Kind::Double);
    square.double_value(&[]).sqrt()
}

/// The length of the next step, by a controller that integrates (Söderlind 2003; k-diffusion `PIDStepSizeController` with its
/// coefficients 0, 1, 0).
struct Control {
    h: f64,
    order: f64,
}

impl Control {
    fn new(order: f64) -> Self {
        Self { h: FIRST, order }
    }

    /// Whether a step with that error is taken; the next one is longer or shorter.
    fn accepts(&mut self, error: f64) -> bool {
        let factor = (1.0 / (error + 1e-8)).powf(1.0 / self.order);
        let factor = 1.0 + (factor - 1.0).atan();
        self.h *= factor;
        factor >= 0.81
    }
}
