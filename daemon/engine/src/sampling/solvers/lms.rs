//! Linear multistep, a row of [`crate::sampling::samplers`]: it asks the network once a step and looks back at the last ones, which
//! [`crate::sampling::run`] remembers.

use tch::Tensor;

use crate::Result;
use crate::sampling::noising::Noising;
use crate::sampling::run::Run;

/// The highest order: steps that are looked at, this one included.
pub(in crate::sampling) const ORDER: usize = 4;

/// Linear multistep (Adams–Bashforth over uneven σs): the slopes of the last steps, each with the integral of its Lagrange polynomial
/// (k-diffusion `sample_lms`, diffusers LMSDiscreteScheduler).
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let order = run.order(ORDER).clamp(1, ORDER);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        if to == 0.0 && matches!(run.plan.noising, Noising::Flow { .. }) {
            // ComfyUI's, by which flows are measured; k-diffusion and diffusers extrapolate here too.
            x = denoised.shallow_clone();
            run.report(i, &denoised)?;
            continue;
        }
        let mut nodes: Vec<f64> = Vec::new();
        for seen in run.all_seen().take(order) {
            // Steps without length, of which there can be some where σ_min is σ_max, span no polynomial.
            if nodes.last().is_none_or(|last| seen.sigma > *last) {
                nodes.push(seen.sigma);
            } else {
                break;
            }
        }
        for (k, seen) in run.all_seen().take(nodes.len()).enumerate() {
            x = &x + seen.slope() * weight(&nodes, k, from, to);
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// The integral over σ of the polynomial that is 1 at node `k` and 0 at the others. Of third degree at most, so that Gauss and
/// Legendre's two points are exact; diffusers integrates it numerically.
fn weight(nodes: &[f64], k: usize, from: f64, to: f64) -> f64 {
    let others = || {
        nodes
            .iter()
            .enumerate()
            .filter(move |(j, _)| *j != k)
            .map(|(_, node)| node)
    };
    let at = |sigma: f64| -> f64 { others().map(|node| (sigma - node) / (nodes[k] - node)).product() };
    let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
    let point = half / 3f64.sqrt();
    half * (at(middle - point) + at(middle + point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Values of diffusers 0.42's `get_lms_coefficient(4, 3, k)` and lower orders, for σs 8, 5, 3, 2, 1.
    #[rstest]
    #[case(&[2.0], &[-1.0])]
    #[case(&[2.0, 3.0], &[-1.5, 0.5])]
    #[case(&[2.0, 3.0, 5.0, 8.0], &[-1.949_074_119, 1.225, -0.310_185_184, 0.034_259_260])]
    fn weights_are_those_of_diffusers(#[case] nodes: &[f64], #[case] weights: &[f64]) {
        for (k, expected) in weights.iter().enumerate() {
            assert!((weight(nodes, k, 2.0, 1.0) - expected).abs() < 1e-6);
        }
    }
}
