//! Which training timesteps a spacing visits, as diffusers' `set_timesteps` divides them. The schedules without a name are made of
//! these; σs are read elsewhere.

use super::schedules::Layout;
use super::{Spacing, config_error};
use crate::Result;

/// The timesteps that a spacing visits, descending: `steps` of `train`, fewer under trailing spacing where not all are visited.
pub(super) fn spaced(train: usize, steps: usize, layout: &Layout) -> Vec<f64> {
    let last = layout.visited;
    let parts = steps + usize::from(layout.spare);
    let mut timesteps = match layout.timestep_spacing {
        Spacing::Leading => {
            let stride = last / parts;
            let first = if layout.spare { stride as i64 } else { 0 };
            leading(stride, steps, layout.steps_offset + first)
        }
        Spacing::Linspace => {
            let all = linspace(0.0, (last - 1) as f64, parts);
            all.into_iter().skip(parts - steps).rev().collect()
        }
        Spacing::Trailing => trailing(train, last, steps),
    };
    for t in &mut timesteps {
        if layout.whole {
            *t = t.round_ties_even();
        }
        if layout.within {
            *t = t.min((train - 1) as f64);
        }
    }
    timesteps
}

/// `steps` of a distilled model's `original` training steps, evenly from the last one (diffusers LCMScheduler and TCDScheduler).
///
/// # Errors
/// `Error::Config` for more steps than those.
pub(super) fn distilled(train: usize, original: usize, steps: usize) -> Result<Vec<f64>> {
    let original = original.min(train);
    if steps > original {
        let text = format!("{steps} is more than the {original} steps that models of this sampler are distilled from.");
        return Err(config_error("steps", text));
    }
    let stride = train / original;
    let place = |k: usize| (k as f64 * (original as f64 / steps as f64)).floor() as usize;
    Ok((0..steps)
        .map(|k| ((original - place(k)) * stride - 1) as f64)
        .collect())
}

fn leading(stride: usize, steps: usize, offset: i64) -> Vec<f64> {
    (0..steps).rev().map(|i| (i * stride) as f64 + offset as f64).collect()
}

/// From `last` down by train/steps, less one. Rounding may give numpy's arange one place more at −1; it is left out here.
fn trailing(train: usize, last: usize, steps: usize) -> Vec<f64> {
    let stride = train as f64 / steps as f64;
    let count = ((last as f64 / stride).ceil() as usize).min(steps);
    let last = last as f64;
    let step = (last - stride) - last;
    (0..count)
        .map(|i| (last + i as f64 * step).round_ties_even() - 1.0)
        .map(|t| t.max(0.0))
        .collect()
}

/// numpy.linspace: `n` values from `start` to `end`; only `start` where `n` is 1.
pub(super) fn linspace(start: f64, end: f64, n: usize) -> Vec<f64> {
    if n < 2 {
        return vec![start; n];
    }
    let step = (end - start) / (n - 1) as f64;
    (0..n)
        .map(|i| if i == n - 1 { end } else { i as f64 * step + start })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::classes::{DDIM, K_DIFFUSION, SOLVER};
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Spacing::Leading, &[751.0, 501.0, 251.0, 1.0])]
    #[case(Spacing::Linspace, &[999.0, 666.0, 333.0, 0.0])]
    #[case(Spacing::Trailing, &[999.0, 749.0, 499.0, 249.0])]
    fn four_steps_of_a_thousand(#[case] timestep_spacing: Spacing, #[case] timesteps: &[f64]) {
        let layout = Layout {
            timestep_spacing,
            steps_offset: 1,
            ..DDIM.bare_layout(1000)
        };
        assert_eq!(spaced(1000, 4, &layout), timesteps);
    }

    #[rstest]
    fn there_are_as_many_as_asked_and_none_below_zero(
        #[values(Spacing::Leading, Spacing::Linspace, Spacing::Trailing)] timestep_spacing: Spacing,
        #[values(1, 2, 13, 61, 999, 1000)] steps: usize,
    ) {
        for class in [DDIM, K_DIFFUSION, SOLVER] {
            let layout = Layout {
                timestep_spacing,
                ..class.bare_layout(1000)
            };
            let timesteps = spaced(1000, steps, &layout);
            assert_eq!(timesteps.len(), steps);
            assert!(timesteps.iter().all(|t| (0.0..=999.0).contains(t)));
            assert!(timesteps.is_sorted_by(|a, b| a >= b));
        }
    }
}
