//! The numbers of dynamic thresholding at each step of a loop: how its two scales go up and down over the steps. The formula that they are
//! for is in `sampling/mimic.rs`; `asked.rs` asks where a task wants that method.

use std::f64::consts::FRAC_PI_2;

use darkroom_protocol::{ScaleCurve, task};

use crate::sampling::Mimic;

/// The numbers at `step`, from 0, of so many `steps`.
pub(super) fn at(asked: &task::Guidance, step: usize, steps: usize) -> Mimic {
    let part = step as f64 / steps.saturating_sub(1).max(1) as f64;
    let value = asked.mimic_curve_value;
    Mimic {
        guided: asked.cfg_scale,
        cfg: scale(asked.cfg_mode, asked.cfg_scale, asked.cfg_scale_min, part, value),
        mimic: scale(asked.mimic_mode, asked.mimic_scale, asked.mimic_scale_min, part, value),
        percentile: (asked.mimic_percentile / 100.0).clamp(0.0, 1.0),
        phi: asked.mimic_phi,
    }
}

/// A scale where `part` of the steps are done, 0 to 1, between it and its least: `interpret_scale` of sd-dynamic-thresholding, which
/// writes 1.5707 for π/2.
fn scale(curve: ScaleCurve, most: f64, least: f64, part: f64, value: f64) -> f64 {
    let share = match curve {
        ScaleCurve::Constant => 1.0,
        ScaleCurve::LinearDown => 1.0 - part,
        ScaleCurve::CosineDown => (part * FRAC_PI_2).cos(),
        ScaleCurve::HalfCosineDown => part.cos(),
        ScaleCurve::LinearUp => part,
        ScaleCurve::CosineUp => 1.0 - (part * FRAC_PI_2).cos(),
        ScaleCurve::HalfCosineUp => 1.0 - part.cos(),
        ScaleCurve::PowerUp => part.powf(value),
        ScaleCurve::PowerDown => 1.0 - part.powf(value),
        ScaleCurve::LinearRepeating => (0.5 - (part * value).rem_euclid(1.0)).abs() * 2.0,
        ScaleCurve::CosineRepeating => (part * 4.0 * FRAC_PI_2 * value).cos() * 0.5 + 0.5,
        ScaleCurve::Sawtooth => (part * value).rem_euclid(1.0),
    };
    (most - least) * share + least
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// From 7 to 1 with a value of 4, at steps 0, 3 and 9 of 10: `tests/oracle/mimic.py` had the extension compute these.
    #[rstest]
    #[case(ScaleCurve::Constant, [7.0, 7.0, 7.0])]
    #[case(ScaleCurve::LinearDown, [7.0, 5.0, 1.0])]
    #[case(ScaleCurve::CosineDown, [7.0, 6.196249, 1.000578])]
    #[case(ScaleCurve::HalfCosineDown, [7.0, 6.669742, 4.241814])]
    #[case(ScaleCurve::LinearUp, [1.0, 3.0, 7.0])]
    #[case(ScaleCurve::CosineUp, [1.0, 1.803751, 6.999422])]
    #[case(ScaleCurve::HalfCosineUp, [1.0, 1.330258, 3.758186])]
    #[case(ScaleCurve::PowerUp, [1.0, 1.074074, 7.0])]
    #[case(ScaleCurve::PowerDown, [7.0, 6.925926, 1.0])]
    #[case(ScaleCurve::LinearRepeating, [7.0, 3.0, 7.0])]
    #[case(ScaleCurve::CosineRepeating, [7.0, 2.500018, 7.0])]
    #[case(ScaleCurve::Sawtooth, [1.0, 3.0, 1.0])]
    fn scales_go_as_the_extensions_do(#[case] curve: ScaleCurve, #[case] expected: [f64; 3]) {
        let asked = task::Guidance {
            mimic_scale: 7.0,
            mimic_scale_min: 1.0,
            mimic_mode: curve,
            ..task::Guidance::default()
        };
        let found = [0, 3, 9].map(|step| at(&asked, step, 10).mimic);
        for (found, expected) in found.iter().zip(expected) {
            // The extension's π has five digits.
            assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
        }
        assert!(at(&asked, 0, 1).mimic.is_finite());
    }
}
