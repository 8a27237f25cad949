//! The noise schedule that a model was trained with: β of its scheduler_config.json to ᾱ and σ of each timestep, and from σ back.
//! `draft.rs` makes it, `noising.rs` keeps it, `classes.rs`, `schedules.rs` and `ddim.rs` read it. Which timesteps a picture
//! visits is decided in `spacing.rs` and `schedules.rs`.

use super::{BetaSchedule, Level, SchedulerConfig, config_error};
use crate::Result;

/// The greatest σ of a usable model; the squared cosine's is 2·10⁴.
const GREATEST_SIGMA: f64 = 1e8;

/// The noise level of every training timestep.
///
/// Everything here is f32, operation by operation as diffusers computes it with torch, because 1−ᾱ of the first timesteps
/// has few bits left: with other roundings the smallest σ would differ by 10⁻⁵. From here on the mathematics is f64.
#[derive(Clone, PartialEq)]
pub struct NoiseTable {
    alpha_bars: Vec<f32>,
    sigmas: Vec<f32>,
    log_sigmas: Vec<f32>,
}

impl std::fmt::Debug for NoiseTable {
    /// Without its thousand values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoiseTable").field("len", &self.sigmas.len()).finish()
    }
}

impl NoiseTable {
    /// Reads β, its rescaling and the number of training timesteps; ᾱ falls and σ grows with the index.
    pub fn new(config: &SchedulerConfig) -> Result<Self> {
        let steps = config.train_timesteps()?;
        let mut betas = betas(config, steps)?;
        let zero_snr = config.rescale_betas_zero_snr.unwrap_or(false);
        if zero_snr {
            betas = zero_terminal_snr(&betas);
        }
        let alpha_bars = cumulative_product(&betas);
        let sigmas = sigmas(&alpha_bars, zero_snr);
        let usable = |s: &f32| *s > 0.0 && f64::from(*s) < GREATEST_SIGMA;
        let sound = alpha_bars.iter().all(|a| (0.0..1.0).contains(a)) && sigmas.iter().all(usable);
        if !sound || sigmas.windows(2).any(|w| w[0] > w[1]) {
            return Err(config_error(
                "beta_schedule",
                "these betas make no usable noise schedule: they are too small, too great or too many.",
            ));
        }
        let log_sigmas = sigmas.iter().map(|&s| f64::from(s).ln() as f32).collect();
        Ok(Self {
            alpha_bars,
            sigmas,
            log_sigmas,
        })
    }

    /// Training timesteps.
    pub fn len(&self) -> usize {
        self.sigmas.len()
    }

    /// The level of a training timestep; past the end, that of the last. Zero terminal SNR is exact.
    pub fn level(&self, timestep: usize) -> Level {
        Level::from_alpha_bar(f64::from(self.alpha_bars[timestep.min(self.len() - 1)]))
    }

    /// σ at a timestep that may lie between two, linear in the timestep; clamped at both ends.
    pub fn sigma(&self, timestep: f64) -> f64 {
        let last = self.len() - 1;
        let t = timestep.clamp(0.0, last as f64);
        let low = (t.floor() as usize).min(last);
        let (a, b) = (f64::from(self.sigmas[low]), f64::from(self.sigmas[(low + 1).min(last)]));
        a + (b - a) * (t - low as f64)
    }

    /// The same, linear in log σ (k-diffusion `t_to_sigma`).
    pub fn sigma_by_logs(&self, timestep: f64) -> f64 {
        let last = self.len() - 1;
        let t = timestep.clamp(0.0, last as f64);
        let (low, high) = ((t.floor() as usize).min(last), (t.ceil() as usize).min(last));
        let (a, b) = (f64::from(self.log_sigmas[low]), f64::from(self.log_sigmas[high]));
        (a + (b - a) * t.fract()).exp()
    }

    /// σ of the first and the last training timestep.
    pub fn ends(&self) -> (f64, f64) {
        (f64::from(self.sigmas[0]), f64::from(self.sigmas[self.len() - 1]))
    }

    /// The timestep of a σ, linear in log σ between two; clamped at both ends (k-diffusion `sigma_to_t`).
    pub fn timestep(&self, sigma: f64) -> f64 {
        let wanted = sigma.max(1e-10).ln();
        let last = self.len() - 1;
        let low = self
            .log_sigmas
            .partition_point(|&l| f64::from(l) <= wanted)
            .saturating_sub(1)
            .min(last.saturating_sub(1));
        let (a, b) = (
            f64::from(self.log_sigmas[low]),
            f64::from(self.log_sigmas[(low + 1).min(last)]),
        );
        let share = if b > a {
            ((wanted - a) / (b - a)).clamp(0.0, 1.0)
        } else {
            0.0
        };
        low as f64 + share
    }

    /// How many training timesteps, from the first, have λ = −ln σ of at least `floor`.
    pub fn above_lambda(&self, floor: f64) -> usize {
        self.log_sigmas.iter().filter(|&&l| -f64::from(l) >= floor).count()
    }
}

fn betas(config: &SchedulerConfig, steps: usize) -> Result<Vec<f32>> {
    if let Some(betas) = &config.trained_betas {
        if betas.len() != steps {
            return Err(config_error(
                "trained_betas",
                format!(
                    "{} values for {steps} training timesteps: one each is needed.",
                    betas.len()
                ),
            ));
        }
        for &beta in betas {
            check_beta("trained_betas", beta)?;
        }
        return Ok(betas.iter().map(|&b| b as f32).collect());
    }
    let (start, end) = (config.beta_start.unwrap_or(0.0001), config.beta_end.unwrap_or(0.02));
    check_beta("beta_start", start)?;
    check_beta("beta_end", end)?;
    Ok(match config.beta_schedule.unwrap_or(BetaSchedule::Linear) {
        BetaSchedule::Linear => linspace(start, end, steps),
        BetaSchedule::ScaledLinear => linspace(start.sqrt(), end.sqrt(), steps)
            .iter()
            .map(|b| b * b)
            .collect(),
        BetaSchedule::SquaredCosine => squared_cosine(steps),
    })
}

fn check_beta(field: &str, beta: f64) -> Result<()> {
    if beta > 0.0 && beta < 1.0 {
        Ok(())
    } else {
        Err(config_error(field, format!("{beta} is not between 0 and 1.")))
    }
}

/// torch.linspace in f32: from both ends to the middle, each value one fused multiply-add.
fn linspace(start: f64, end: f64, n: usize) -> Vec<f32> {
    let (start, end) = (start as f32, end as f32);
    let step = if n > 1 { (end - start) / (n - 1) as f32 } else { 0.0 };
    (0..n)
        .map(|i| {
            if i < n / 2 || n == 1 {
                step.mul_add(i as f32, start)
            } else {
                (-step).mul_add((n - 1 - i) as f32, end)
            }
        })
        .collect()
}

fn squared_cosine(n: usize) -> Vec<f32> {
    let alpha_bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
    let at = |i: usize| alpha_bar(i as f64 / n as f64);
    (0..n).map(|i| (1.0 - at(i + 1) / at(i)).min(0.999) as f32).collect()
}

/// β shifted and scaled in √ᾱ so that the last timestep has none of the clean sample left.
fn zero_terminal_snr(betas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = cumulative_product(betas).iter().map(|a| a.sqrt()).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    let scale = first / (first - last);
    let bars: Vec<f32> = roots.iter().map(|r| (r - last) * scale).map(|r| r * r).collect();
    std::iter::once(bars[0])
        .chain(bars.windows(2).map(|w| w[1] / w[0]))
        .map(|alpha| 1.0 - alpha)
        .collect()
}

/// ᾱ: the running product of 1−β, kept in f64 and rounded at each place, as torch's CPU cumprod does.
fn cumulative_product(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0f64;
    betas
        .iter()
        .map(|beta| {
            product *= f64::from(1.0 - beta);
            product as f32
        })
        .collect()
}

/// √((1−ᾱ)/ᾱ); under zero terminal SNR the last ᾱ counts as 2⁻²⁴, so that σ stays finite.
fn sigmas(alpha_bars: &[f32], zero_snr: bool) -> Vec<f32> {
    let mut bars = alpha_bars.to_vec();
    if let (true, Some(last)) = (zero_snr, bars.last_mut()) {
        *last = 1.0 / (1u32 << 24) as f32;
    }
    bars.iter().map(|a| ((1.0 - a) / a).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn sd() -> SchedulerConfig {
        SchedulerConfig {
            beta_start: Some(0.00085),
            beta_end: Some(0.012),
            beta_schedule: Some(BetaSchedule::ScaledLinear),
            ..Default::default()
        }
    }

    #[test]
    fn stable_diffusion_ends_where_k_diffusion_says() {
        let (low, high) = NoiseTable::new(&sd()).unwrap().ends();
        assert!(
            (low - 0.029_167_5).abs() < 1e-6 && (high - 14.614_641).abs() < 1e-5,
            "{low} {high}"
        );
    }

    #[test]
    fn sigma_and_timestep_undo_each_other() {
        let table = NoiseTable::new(&sd()).unwrap();
        for t in [0usize, 1, 17, 500, 998, 999] {
            assert!((table.timestep(table.sigma(t as f64)) - t as f64).abs() < 1e-3);
        }
        assert_eq!((table.timestep(0.0), table.timestep(1e9)), (0.0, 999.0));
        assert_eq!((table.sigma(-5.0), table.sigma(5e3)), table.ends());
    }

    #[rstest]
    #[case(SchedulerConfig { beta_start: Some(0.0), ..sd() }, "beta_start: 0 is not between")]
    #[case(SchedulerConfig { beta_end: Some(1.0), ..sd() }, "beta_end: 1 is not between")]
    #[case(SchedulerConfig { beta_end: Some(f64::NAN), ..sd() }, "beta_end: NaN is not between")]
    #[case(SchedulerConfig { trained_betas: Some(vec![0.5]), ..sd() }, "trained_betas: 1 values for 1000")]
    #[case(SchedulerConfig { trained_betas: Some(vec![2.0]), num_train_timesteps: Some(1), ..sd() }, "trained_betas: 2 is not")]
    #[case(SchedulerConfig { beta_end: Some(0.9), ..sd() }, "no usable noise schedule")]
    #[case(SchedulerConfig { beta_start: Some(1e-30), ..sd() }, "no usable noise schedule")]
    #[case(SchedulerConfig { num_train_timesteps: Some(1), rescale_betas_zero_snr: Some(true), ..sd() }, "no usable noise schedule")]
    fn betas_are_bounded(#[case] config: SchedulerConfig, #[case] says: &str) {
        let message = NoiseTable::new(&config).err().unwrap().to_string();
        assert!(message.contains(says), "{message}");
    }
}
