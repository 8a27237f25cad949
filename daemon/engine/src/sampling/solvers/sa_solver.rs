//! Stochastic Adams solvers (Xue et al. 2023, arXiv 2309.05019): a step predicts from the last clean samples, and is corrected where the
//! next one looks from, with the same noise. `run` is diffusers' SASolverScheduler with its orders of 2, `run_pec` ComfyUI's `sample_sa_solver`
//! with 3 and 4, and `run_pece` its `sample_sa_solver_pece`, which looks once more from what was corrected. Noise is added in the middle of the way alone.

use tch::Tensor;

use super::linear::solve;
use crate::Result;
use crate::sampling::Plan;
use crate::sampling::draft::Asked;
use crate::sampling::noising::Noising;
use crate::sampling::plan::Settings;
use crate::sampling::run::Run;

/// Orders of the predictor and corrector.
const PECE: (usize, usize) = (3, 4);

/// Of orders 2 and 2.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    let steps = run.steps();
    let (first, end) = (steps.start, steps.end);
    let falls = !matches!(
        run.plan.settings,
        Settings::Multistep {
            lower_order_final: false,
            ..
        }
    );
    let mut seen: Vec<(f64, Tensor)> = Vec::new();
    let mut last: Option<Last> = None;
    for i in steps {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        seen.insert(0, (-from.ln(), denoised.shallow_clone()));
        seen.truncate(2);
        if let Some(last) = last.take() {
            x = last.corrected(from, &seen, true);
        }
        let tau = if (200.0..=800.0).contains(&run.plan.timesteps[i]) {
            eta
        } else {
            0.0
        };
        // diffusers draws it where there is none to add too.
        let noise = run.noise(from, to)?;
        if to == 0.0 {
            x = denoised.shallow_clone();
        } else {
            let order = if falls { (end - i).min(2) } else { 2 };
            let step = Last {
                x,
                from,
                tau,
                noise: Some(noise),
            };
            x = step.to(to, &seen[..order.min(i - first + 1)], true, false);
            last = Some(step);
        }
        run.report(i, &denoised)?;
    }
    Ok(super::dpmpp_2m::closed(x, run))
}

/// Of orders 3 and 4.
pub(in crate::sampling) fn run_pec(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve_higher(x, run, false)
}

/// The same with a look from each corrected state.
pub(in crate::sampling) fn run_pece(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve_higher(x, run, true)
}

fn solve_higher(mut x: Tensor, run: &mut Run<'_>, looks_again: bool) -> Result<Tensor> {
    let eta = run.eta(1.0);
    let steps = run.steps();
    let end = steps.end;
    let falls = run.sigma(end) == 0.0;
    let noisy = middle(run.plan);
    let mut seen: Vec<(f64, Tensor)> = Vec::new();
    let mut last: Option<Last> = None;
    for i in steps {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let mut denoised = run.begin(i, &x)?;
        seen.insert(0, (-from.ln(), denoised.shallow_clone()));
        seen.truncate(PECE.1);
        // Without another look nothing is corrected that is the clean sample next.
        let corrects = looks_again || to > 0.0;
        if let Some(last) = last.take().filter(|_| corrects) {
            let order = if falls { PECE.1.min(end - i) } else { PECE.1 };
            x = last.corrected(from, &seen[..order.min(seen.len())], false);
            if looks_again {
                denoised = run.denoised(&x, from)?.guided;
                seen[0].1 = denoised.shallow_clone();
            }
        }
        if to == 0.0 {
            x = denoised.shallow_clone();
        } else {
            let next = run.plan.within(i + 1);
            let tau = if (noisy.0..=noisy.1).contains(&next) { eta } else { 0.0 };
            let noise = if tau > 0.0 { Some(run.noise(from, to)?) } else { None };
            let order = if falls { PECE.0.min(end - 1 - i) } else { PECE.0 };
            let step = Last { x, from, tau, noise };
            x = step.to(to, &seen[..order.min(seen.len())], false, false);
            last = Some(step);
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// What a configuration says of the solver.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    Ok(Settings::Multistep {
        order: 2,
        lower_order_final: asked.config.lower_order_final.unwrap_or(true),
        bh1: false,
    })
}

/// Two a step but the first.
pub(in crate::sampling) fn pece_calls(plan: &Plan) -> usize {
    (2 * plan.steps()).saturating_sub(1)
}

/// The lowest and highest σ to which noise is added: a fifth of the way from the end, and from the beginning.
fn middle(plan: &Plan) -> (f64, f64) {
    let at = |part: f64| match &plan.noising {
        Noising::VariancePreserving { table, .. } => table.sigma_by_logs(part * (table.len() - 1) as f64),
        noising => noising.shifted(part),
    };
    (at(0.2), at(0.8))
}

/// A step: where it began, how much of it is noise, and which.
struct Last {
    x: Tensor,
    from: f64,
    tau: f64,
    noise: Option<Tensor>,
}

impl Last {
    /// The state at σ' once more, by what is seen there too: the first of `seen`.
    fn corrected(&self, to: f64, seen: &[(f64, Tensor)], simple: bool) -> Tensor {
        self.to(to, seen, simple, true)
    }

    /// The state at σ', by clean samples at their λs.
    fn to(&self, to: f64, seen: &[(f64, Tensor)], simple: bool, corrects: bool) -> Tensor {
        let h = (self.from / to).ln();
        let squared = self.tau * self.tau;
        let lambdas: Vec<f64> = seen.iter().map(|(lambda, _)| lambda + to.ln()).collect();
        let weights = match lambdas.as_slice() {
            [_, far] if simple => pair(h, 1.0 + squared, *far, corrects),
            nodes => weights(h, 1.0 + squared, nodes),
        };
        let mut next = &self.x * (to / self.from * (-squared * h).exp());
        for ((_, clean), weight) in seen.iter().zip(weights) {
            next = &next + clean * weight;
        }
        match &self.noise {
            Some(noise) if squared > 0.0 => next + noise * (to * (-(-2.0 * squared * h).exp_m1()).sqrt()),
            _ => next,
        }
    }
}

/// Of clean samples at `nodes`, λ from the step's end: k·∫ exp(k·u)·polynomial du over the step, which ends at 0.
fn weights(h: f64, k: f64, nodes: &[f64]) -> Vec<f64> {
    let fall = (-k * h).exp();
    let mut moments = vec![1.0 - fall];
    for power in 1..nodes.len() {
        let before = moments[power - 1];
        moments.push(-(-h).powi(power as i32) * fall - power as f64 / k * before);
    }
    let rows = (0..nodes.len()).map(|power| nodes.iter().map(|node| node.powi(power as i32)).collect());
    solve(rows.collect(), moments)
}

/// The same of two, simplified as in the paper's appendix D: the second order's share is h²/2 exactly. `far` is the older node.
fn pair(h: f64, k: f64, far: f64, corrects: bool) -> Vec<f64> {
    let all = -(-h * k).exp_m1();
    if corrects {
        let near = 0.5 * k * h;
        vec![near, all - near]
    } else {
        let back = far + h;
        let old = if back.abs() > 1e-9 { 0.5 * k * h * h / back } else { 0.0 };
        vec![all - old, old]
    }
}
