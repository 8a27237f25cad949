//! Refined exponential solvers of second and third order in single steps (Zhang et al. 2023, arXiv 2308.02157), with the places within a
//! step and the weights of RES4LYF's `res_2s` and `res_3s`: rows of [`super::super::rows`]. ComfyUI itself has the multistep one alone,
//! which is `res_multistep.rs`. A step that ends at σ = 0 is the clean sample.

use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// One look within a step, halfway in λ.
pub(in crate::sampling) fn run_2(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    const HALF: f64 = 0.5;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = if to > 0.0 {
            let h = (from / to).ln();
            let there = weighed(&x, HALF * h, &[(&denoised, HALF * phi_1(HALF * h) * h)]);
            let second = run.denoised_within(&there, from * (-HALF * h).exp())?.guided;
            let late = phi_2(h) / HALF;
            weighed(&x, h, &[(&denoised, (phi_1(h) - late) * h), (&second, late * h)])
        } else {
            denoised.shallow_clone()
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// Two looks within a step, halfway in λ and at its end.
pub(in crate::sampling) fn run_3(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    const SECOND: f64 = 0.5;
    const THIRD: f64 = 1.0;
    // (3c₃³ − 2c₃)/(c₂(2 − 3c₂)), the paper's condition on the places.
    let gamma = (3.0 * THIRD.powi(3) - 2.0 * THIRD) / (SECOND * (2.0 - 3.0 * SECOND));
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = if to > 0.0 {
            let h = (from / to).ln();
            let there = weighed(&x, SECOND * h, &[(&denoised, SECOND * phi_1(SECOND * h) * h)]);
            let second = run.denoised_within(&there, from * (-SECOND * h).exp())?.guided;
            let late = gamma * SECOND * phi_2(SECOND * h) + THIRD * THIRD / SECOND * phi_2(THIRD * h);
            let early = THIRD * phi_1(THIRD * h) - late;
            let there = weighed(&x, THIRD * h, &[(&denoised, early * h), (&second, late * h)]);
            let third = run.denoised_within(&there, to)?.guided;
            let last = phi_2(h) / (gamma * SECOND + THIRD);
            let middle = gamma * last;
            let first = phi_1(h) - middle - last;
            let all = [(&denoised, first * h), (&second, middle * h), (&third, last * h)];
            weighed(&x, h, &all)
        } else {
            denoised.shallow_clone()
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// φ₁(−h).
fn phi_1(h: f64) -> f64 {
    -(-h).exp_m1() / h
}

/// φ₂(−h).
fn phi_2(h: f64) -> f64 {
    ((-h).exp_m1() + h) / (h * h)
}

/// e^−h of `x`, and clean samples with their weights.
fn weighed(x: &Tensor, h: f64, clean: &[(&Tensor, f64)]) -> Tensor {
    let kept = x * (-h).exp();
    clean.iter().fold(kept, |sum, (clean, weight)| sum + *clean * *weight)
}
