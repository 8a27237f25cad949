//! Named σ schedules between two ends.

use super::spacing::linspace;

/// Karras et al. 2022 (arXiv 2206.00364), equation 5 with ρ = 7: `steps` values from `max` down to `min`.
pub(super) fn karras(min: f64, max: f64, steps: usize) -> Vec<f64> {
    const RHO: f64 = 7.0;
    let (low, high) = (min.powf(1.0 / RHO), max.powf(1.0 / RHO));
    linspace(0.0, 1.0, steps)
        .into_iter()
        .map(|t| (high + t * (low - high)).powf(RHO))
        .collect()
}

/// Evenly in log σ: `steps` values from `max` down to `min` (k-diffusion `get_sigmas_exponential`).
pub(super) fn exponential(min: f64, max: f64, steps: usize) -> Vec<f64> {
    linspace(max.ln(), min.ln(), steps).into_iter().map(f64::exp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of k-diffusion's two formulas for 5 steps from 14.614641 to 0.0291675, computed apart.
    #[test]
    fn five_steps_are_those_of_k_diffusion() {
        let near = |got: Vec<f64>, want: [f64; 5]| {
            assert!(got.iter().zip(want).all(|(g, w)| (g / w - 1.0).abs() < 1e-6), "{got:?}");
        };
        near(karras(0.0291675, 14.614641, 5), KARRAS);
        near(exponential(0.0291675, 14.614641, 5), EXPONENTIAL);
    }

    const KARRAS: [f64; 5] = [
        14.614641,
        4.796541540919564,
        1.2741045477400608,
        0.24795150636508764,
        0.0291675,
    ];
    const EXPONENTIAL: [f64; 5] = [
        14.614641,
        3.088985824889202,
        0.6528955057032481,
        0.13799757121992945,
        0.0291675,
    ];
}
