//! Heun++, a row of [`super::super::rows`]: two or three looks a step, of which the later ones are at the ends of the next step too. The
//! number of calls that a plan comes to is told here as well, for the estimate of time.

use tch::Tensor;

use super::euler::toward;
use crate::Result;
use crate::sampling::Plan;
use crate::sampling::run::Run;

/// Heun++ (ComfyUI `sample_heunpp2`): slopes at the ends of this step and of the next one, each weighted with its σ of the first one's
/// twofold or threefold. The last step but one looks at its own ends, the last is Euler's.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let steps = run.steps();
    let (first, last) = (run.sigma(steps.start), steps.end);
    for i in steps {
        let to = run.sigma(i + 1);
        let (begun, from) = run.churned(i, x)?;
        let denoised = run.begin_at(from, &begun)?;
        let there = toward(&denoised, &begun, from, to);
        x = if i + 1 == last {
            there
        } else {
            let again = run.denoised(&there, to)?.guided;
            let slopes = [(&begun - &denoised) / from, (&there - &again) / to];
            let slope = if i + 2 == last {
                let weight = to / (2.0 * first);
                &slopes[0] * (1.0 - weight) + &slopes[1] * weight
            } else {
                let beyond = run.sigma(i + 2);
                let farther = toward(&again, &there, to, beyond);
                let once_more = run.denoised(&farther, beyond)?.guided;
                let weights = [to / (3.0 * first), beyond / (3.0 * first)];
                &slopes[0] * (1.0 - weights[0] - weights[1])
                    + &slopes[1] * weights[0]
                    + (farther - once_more) * (weights[1] / beyond)
            };
            begun + slope * (to - from)
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// Three calls a step, two in the last but one, one in the last.
pub(in crate::sampling) fn calls(plan: &Plan) -> usize {
    match plan.steps() {
        0 | 1 => plan.steps(),
        steps => 3 * (steps - 2) + 3,
    }
}
