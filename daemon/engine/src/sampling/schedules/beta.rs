//! The quantile of the beta distribution that the schedule of that name visits timesteps by. `schedules/` calls it; nothing here knows
//! timesteps. The shape is fixed at the values that everybody has.

/// α and β of the distribution.
const SHAPE: f64 = 0.6;
/// The complete beta function of both, Γ(0.6)²/Γ(1.2).
const COMPLETE: f64 = 1.489_192_248_812_817 * 1.489_192_248_812_817 / 0.918_168_742_399_760_7;

/// The quantile of the beta distribution with α = β = 0.6 at `p`, 0 to 1 (scipy.stats.beta.ppf): by halving, to the last bits.
pub(super) fn quantile(p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return p.clamp(0.0, 1.0);
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if cumulative(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function, by the mirror image where that converges sooner.
fn cumulative(x: f64) -> f64 {
    if x > 0.5 { 1.0 - series(1.0 - x) } else { series(x) }
}

/// xᵃ(1−x)ᵇ/(a·B)·(1 + Σ B(a+1, n+1)/B(a+b, n+1)·xⁿ⁺¹), which falls by a half a term up to x = ½.
fn series(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 0..200 {
        let n = f64::from(n);
        term *= x * (2.0 * SHAPE + n) / (SHAPE + 1.0 + n);
        sum += term;
        if term < 1e-17 {
            break;
        }
    }
    (x * (1.0 - x)).powf(SHAPE) / (SHAPE * COMPLETE) * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Values of scipy 1.17's `stats.beta.ppf(p, 0.6, 0.6)`.
    #[rstest]
    #[case(0.001, 1.855873851745199e-05)]
    #[case(0.05, 0.012554456873611399)]
    #[case(0.3, 0.23401700387523572)]
    #[case(0.5, 0.5000000000000001)]
    #[case(0.8, 0.8770782495416671)]
    #[case(0.999, 0.9999814412614826)]
    fn quantiles_are_those_of_scipy(#[case] p: f64, #[case] expected: f64) {
        assert!((quantile(p) / expected - 1.0).abs() < 1e-9, "{} at {p}", quantile(p));
    }
}
