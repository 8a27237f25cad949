//! Extended reverse-time SDE solvers (Cui et al. 2023, arXiv 2309.06169), after ComfyUI's `sample_er_sde`: three rows of
//! [`crate::sampling::samplers`], by how many differences of the clean sample they carry on.

use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// Points of the integrals' sums.
const POINTS: usize = 200;

/// Of first order.
pub(in crate::sampling) fn run_1(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 1)
}

/// Of second order.
pub(in crate::sampling) fn run_2(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 2)
}

/// Of third order: what ComfyUI runs where nobody says.
pub(in crate::sampling) fn run_3(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 3)
}

fn solve(mut x: Tensor, run: &mut Run<'_>, stages: usize) -> Result<Tensor> {
    let mut last_slope: Option<Tensor> = None;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        if to == 0.0 {
            x = denoised.shallow_clone();
            run.report(i, &denoised)?;
            continue;
        }
        let kept = scale(to) / scale(from);
        x = denoised.lerp(&x, kept);
        if let Some(one) = run.seen(1).filter(|_| stages >= 2) {
            let (plain, first) = integrals(from, to);
            let way = to - from;
            let slope = (&denoised - &one.denoised) / (from - one.sigma);
            x = &x + &slope * (way + plain * scale(to));
            if let (Some(last), Some(two)) = (last_slope.as_ref().filter(|_| stages >= 3), run.seen(2)) {
                let bend = (&slope - last) / ((from - two.sigma) / 2.0);
                x = &x + bend * (way * way / 2.0 + first * scale(to));
            }
            last_slope = Some(slope);
        }
        let fresh = (to * to - (from * kept).powi(2)).max(0.0).sqrt();
        x = &x + run.noise(from, to)? * fresh;
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// The noise scale function that the paper found best.
fn scale(ratio: f64) -> f64 {
    ratio * (ratio.powf(0.3).exp() + 10.0)
}

/// From σ' up to σ: ∫ 1/scale and ∫ (λ − σ)/scale.
fn integrals(from: f64, to: f64) -> (f64, f64) {
    let step = (from - to) / POINTS as f64;
    let points = (0..POINTS).map(|k| to + k as f64 * step);
    points.fold((0.0, 0.0), |(plain, first), at| {
        (plain + step / scale(at), first + step * (at - from) / scale(at))
    })
}
