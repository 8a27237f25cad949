use super::Spacing;

/// The timesteps that a spacing visits.
pub(super) trait Visits {
    /// The whole timesteps of DDIM, descending: `steps` of `train`, with `offset` added under leading spacing.
    fn whole(self, train: usize, steps: usize, offset: i64) -> Vec<f64>;
    /// The timesteps of the Euler samplers, descending: whole but under linspace, where they are not rounded.
    fn fractional(self, train: usize, steps: usize, offset: i64) -> Vec<f64>;
    /// The timesteps of the DPM solvers, descending: the first `last` of `train` divided into one part more than steps.
    /// Under trailing spacing a `last` below `train` leaves fewer timesteps than `steps`.
    fn solver(self, train: usize, last: usize, steps: usize, offset: i64) -> Vec<f64>;
}

impl Visits for Spacing {
    fn whole(self, train: usize, steps: usize, offset: i64) -> Vec<f64> {
        match self {
            Self::Linspace => self
                .fractional(train, steps, offset)
                .into_iter()
                .map(f64::round_ties_even)
                .collect(),
            _ => self.fractional(train, steps, offset),
        }
    }

    fn fractional(self, train: usize, steps: usize, offset: i64) -> Vec<f64> {
        match self {
            Self::Leading => leading(train / steps, steps, offset),
            Self::Linspace => linspace(0.0, (train - 1) as f64, steps).into_iter().rev().collect(),
            Self::Trailing => trailing(train, train, steps),
        }
    }

    fn solver(self, train: usize, last: usize, steps: usize, offset: i64) -> Vec<f64> {
        match self {
            Self::Leading => {
                let stride = last / (steps + 1);
                leading(stride, steps, offset + stride as i64)
            }
            Self::Linspace => {
                let all = linspace(0.0, (last - 1) as f64, steps + 1);
                all.into_iter().skip(1).rev().map(f64::round_ties_even).collect()
            }
            Self::Trailing => trailing(train, last, steps),
        }
    }
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
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Spacing::Leading, &[751.0, 501.0, 251.0, 1.0])]
    #[case(Spacing::Linspace, &[999.0, 666.0, 333.0, 0.0])]
    #[case(Spacing::Trailing, &[999.0, 749.0, 499.0, 249.0])]
    fn four_steps_of_a_thousand(#[case] spacing: Spacing, #[case] timesteps: &[f64]) {
        assert_eq!(spacing.whole(1000, 4, 1), timesteps);
    }

    #[rstest]
    fn there_are_as_many_as_asked_and_none_below_zero(
        #[values(Spacing::Leading, Spacing::Linspace, Spacing::Trailing)] spacing: Spacing,
        #[values(1, 2, 13, 61, 999, 1000)] steps: usize,
    ) {
        for timesteps in [
            spacing.whole(1000, steps, 0),
            spacing.fractional(1000, steps, 0),
            spacing.solver(1000, 1000, steps, 0),
        ] {
            assert_eq!(timesteps.len(), steps);
            assert!(timesteps.iter().all(|t| (0.0..=999.0).contains(t)));
            assert!(timesteps.is_sorted_by(|a, b| a >= b));
        }
    }
}
