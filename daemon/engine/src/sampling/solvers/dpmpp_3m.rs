//! DPM-Solver++ of third order on the reverse SDE, a row of [`super::super::rows`]: it looks two steps back. The first two steps are of
//! lower order, as there is nothing to look back at.

use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// Third-order multistep DPM-Solver++ on the reverse SDE (k-diffusion `sample_dpmpp_3m_sde`): the clean sample's first and second
/// differences in λ over the last steps, carried on.
pub(in crate::sampling) fn run_sde(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        if to == 0.0 {
            x = denoised.shallow_clone();
            run.report(i, &denoised)?;
            continue;
        }
        let h = (from / to).ln();
        let whole = h * (1.0 + eta);
        x = denoised.lerp(&x, (to / from).powf(1.0 + eta));
        let phi_2 = (-whole).exp_m1() / whole + 1.0;
        let phi_3 = phi_2 / whole - 0.5;
        match (run.seen(1), run.seen(2)) {
            (Some(one), Some(two)) => {
                let r = [(one.sigma / from).ln() / h, (two.sigma / one.sigma).ln() / h];
                let near = (&denoised - &one.denoised) / r[0];
                let bend = (&near - (&one.denoised - &two.denoised) / r[1]) / (r[0] + r[1]);
                x = &x + (near + &bend * r[0]) * phi_2 - bend * phi_3;
            }
            (Some(one), None) => {
                let r = (one.sigma / from).ln() / h;
                x = &x + (&denoised - &one.denoised) * (phi_2 / r);
            }
            _ => {}
        }
        if eta > 0.0 {
            x = &x + run.noise(from, to)? * (to * (-(-2.0 * eta * h).exp_m1()).sqrt());
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}
