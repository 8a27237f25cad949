//! DEIS with tabulated weights (Zhang and Chen 2022, arXiv 2204.13902), after ComfyUI's `sample_deis` in its mode `tab`: slopes of the
//! last steps, extrapolated in the time of a variance-preserving process whose σs reach from 0.002 to 80. The integral is that of
//! ComfyUI, a sum over ten thousand points.

use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// The highest order where nobody says, and the highest there is.
const ORDER: (usize, usize) = (3, 4);
/// Steps that are looked at, this one included.
pub(in crate::sampling) const REMEMBERS: usize = ORDER.1;
/// Points of the sum.
const POINTS: usize = 10_000;
/// σs of the process, and where its time begins.
const RANGE: (f64, f64) = (0.002, 80.0);
const BEGINS: f64 = 1e-3;

/// A row of [`crate::sampling::samplers`].
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let process = Process::new();
    let order = run.order(ORDER.0).clamp(1, ORDER.1);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let nodes: Vec<f64> = run
            .all_seen()
            .take(order)
            .map(|seen| process.time(seen.sigma))
            .collect();
        x = if to == 0.0 {
            denoised.shallow_clone()
        } else if nodes.len() == 1 {
            denoised.lerp(&x, to / from)
        } else {
            let weights = process.weights(&nodes, process.time(to));
            let steps = run.all_seen().zip(weights).map(|(seen, weight)| seen.slope() * weight);
            steps.fold(x, |x, step| x + step)
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// A process whose rate grows linearly with time: ln ᾱ = −t²·slope/2 − t·start.
struct Process {
    start: f64,
    slope: f64,
}

impl Process {
    fn new() -> Self {
        let log = |sigma: f64| (sigma * sigma + 1.0).ln();
        let slope = 2.0 * (log(RANGE.0) / BEGINS - log(RANGE.1)) / (BEGINS - 1.0);
        Self {
            start: log(RANGE.1) - 0.5 * slope,
            slope,
        }
    }

    /// The time of a σ.
    fn time(&self, sigma: f64) -> f64 {
        let log = (sigma * sigma + 1.0).ln();
        ((self.start.powi(2) + 2.0 * self.slope * log).sqrt() - self.start) / self.slope
    }

    /// dσ/dt.
    fn rate(&self, t: f64) -> f64 {
        let alpha_bar = (-0.5 * t * t * self.slope - t * self.start).exp();
        0.5 * (t * self.slope + self.start) / (alpha_bar * (1.0 - alpha_bar)).sqrt()
    }

    /// Of the slopes at the times `nodes`, the latest first, for a step to the time `to`.
    fn weights(&self, nodes: &[f64], to: f64) -> Vec<f64> {
        let (from, way) = (nodes[0], to - nodes[0]);
        let mut weights = vec![0.0; nodes.len()];
        for point in 0..POINTS {
            let t = from + way * point as f64 / (POINTS - 1) as f64;
            let rate = self.rate(t) * way / POINTS as f64;
            for (k, weight) in weights.iter_mut().enumerate() {
                let others = nodes.iter().enumerate().filter(|(j, _)| *j != k);
                *weight += rate * others.map(|(_, node)| (t - node) / (nodes[k] - node)).product::<f64>();
            }
        }
        weights
    }
}
