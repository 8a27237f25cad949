//! Restart sampling (Xu et al. 2023, arXiv 2306.14878), after AUTOMATIC1111: Heun's method, and where σ is low noise is thrown in again
//! and the last part of the way gone once or twice more. The ways back are taken out of the steps asked for.

use tch::Tensor;

use super::euler::toward;
use crate::Result;
use crate::sampling::Plan;
use crate::sampling::run::Run;
use crate::sampling::schedules::karras;

/// σ near which it goes back, and σ near which it goes back to.
const BACK: (f64, f64) = (0.1, 2.0);

/// AUTOMATIC1111's `restart_sampler`, with its choice of restarts.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let ways = ways(&run.plan.sigmas[run.plan.start..]);
    let count = ways.len() as f64;
    let mut last = None;
    for (k, (from, to)) in ways.into_iter().enumerate() {
        if let Some(low) = last.filter(|low| *low < from) {
            x = &x + run.noise(low, from)? * (from * from - low * low).sqrt();
        }
        let denoised = run.denoised(&x, from)?.guided;
        let there = toward(&denoised, &x, from, to);
        x = if to > 0.0 {
            let again = run.denoised(&there, to)?.guided;
            let slopes = (&x - &denoised) / from + (&there - again) / to;
            x + slopes * ((to - from) / 2.0)
        } else {
            there
        };
        last = Some(to);
        run.report_share((k + 1) as f64 / count, (from, to), &denoised)?;
    }
    Ok(x)
}

/// Two calls a way, one where it ends at σ = 0.
pub(in crate::sampling) fn calls(plan: &Plan) -> usize {
    let ways = ways(&plan.sigmas[plan.start..]);
    ways.iter().map(|(_, to)| if *to > 0.0 { 2 } else { 1 }).sum()
}

/// The σs that are gone between, in order. Fewer than 20 steps go back nowhere.
fn ways(sigmas: &[f64]) -> Vec<(f64, f64)> {
    let steps = sigmas.len() - 1;
    let (length, times) = match steps {
        36.. => (steps / 4, 2),
        20.. => (9, 1),
        _ => return sigmas.windows(2).map(|w| (w[0], w[1])).collect(),
    };
    let mut sigmas = karras(sigmas[steps - 1], sigmas[0], steps - length * times);
    sigmas.push(0.0);
    let nearest = |wanted: f64| {
        let apart = |i: &usize| (sigmas[*i] - wanted).abs();
        (0..sigmas.len())
            .min_by(|a, b| apart(a).total_cmp(&apart(b)))
            .unwrap_or(0)
    };
    let (low, high) = (nearest(BACK.0), nearest(BACK.1));
    let again = karras(sigmas[low], sigmas[high], length + 1);
    let mut ways = Vec::new();
    for (i, way) in sigmas.windows(2).enumerate() {
        ways.push((way[0], way[1]));
        if i + 1 == low && high < low {
            for _ in 0..times {
                ways.extend(again.windows(2).map(|w| (w[0], w[1])));
            }
        }
    }
    ways
}
