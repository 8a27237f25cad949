//! How the σs of a denoise loop are laid. Each schedule is a row of one table: a pure function of how the model's noise mixes, the
//! number of steps and a [`Layout`], in which whatever the classes of diffusers do differently is a value. [`super::draft`] calls
//! them; which sampler runs afterwards is not known here. To add a schedule, write its function and its row.

mod beta;
mod tables;

use darkroom_protocol::Schedule;

use self::beta::quantile;
use self::tables::{AYS_10, AYS_10_XL, AYS_11, AYS_11_XL, AYS_32, AYS_32_XL, GITS, GITS_11, GITS_11_XL};
use super::noising::Noising;
use super::spacing::{distilled, linspace, spaced};
use super::{Spacing, Tuning, config_error};
use crate::Result;

/// A schedule's row.
pub(super) struct Row {
    pub schedule: Schedule,
    pub lay: fn(&Noising, usize, &Layout) -> Result<Laid>,
    /// The implementation that defines it.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "docs/samplers.md shows it, which a test writes")
    )]
    pub oracle: &'static str,
}

/// σ before each step, descending, and what the network is told there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Laid {
    pub sigmas: Vec<f64>,
    pub timesteps: Vec<f64>,
    /// σ after the last step, where the schedule says it.
    pub last: Option<f64>,
}

/// By what a schedule lays its steps, beside the model's noise and their number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// Which training timesteps are visited where no schedule is named.
    pub timestep_spacing: Spacing,
    /// Added to each timestep of leading spacing.
    pub steps_offset: i64,
    /// Training timesteps to visit, from the first; fewer than there are under `lambda_min_clipped`.
    pub visited: usize,
    /// Whether they are cut into one part more than there are steps.
    pub spare: bool,
    /// Whether spaced timesteps are whole under linspace too.
    pub whole: bool,
    /// Whether an offset may not lead past the last training timestep.
    pub within: bool,
    /// How timesteps are told.
    pub told: Rounding,
    /// Between which σs a ramp goes.
    pub ends: Ends,
    /// The lower end in place of that.
    pub sigma_min: Option<f64>,
    /// The upper end.
    pub sigma_max: Option<f64>,
    /// Training steps of a distilled model, of which spaced timesteps are.
    pub distilled: Option<usize>,
    /// Whether tables for SDXL are taken where there are such.
    pub xl: bool,
}

/// Between which σs a ramp goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Those of the first and last timestep that would be visited without it.
    Visited,
    /// Those of the first and last training timestep.
    Trained,
}

/// How timesteps are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    Exact,
    /// In f32.
    Single,
    /// The nearest whole one.
    Nearest,
    /// The whole one below.
    Down,
}

const ROWS: [Row; 23] = [
    Row {
        schedule: Schedule::Auto,
        lay: automatic,
        oracle: "diffusers",
    },
    Row {
        schedule: Schedule::Karras,
        lay: |noising, n, layout| ramp(noising, n, layout, karras),
        oracle: "k-diffusion",
    },
    Row {
        schedule: Schedule::Exponential,
        lay: |noising, n, layout| ramp(noising, n, layout, exponential),
        oracle: "k-diffusion",
    },
    Row {
        schedule: Schedule::Normal,
        lay: |noising, n, _| even(noising, n, n),
        oracle: "k-diffusion",
    },
    Row {
        schedule: Schedule::SgmUniform,
        lay: |noising, n, _| even(noising, n, n + 1),
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::Simple,
        lay: simple,
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::DdimUniform,
        lay: ddim_uniform,
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::Beta,
        lay: beta_timesteps,
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::Betas,
        lay: |noising, n, layout| ramp(noising, n, layout, betas),
        oracle: "diffusers",
    },
    Row {
        schedule: Schedule::LinearQuadratic,
        lay: linear_quadratic,
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::KlOptimal,
        lay: |noising, n, layout| ramp(noising, n, layout, kl_optimal),
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::AlignYourSteps,
        lay: |noising, n, layout| table(noising, n, layout, (&AYS_11, &AYS_11_XL)),
        oracle: "AUTOMATIC1111",
    },
    Row {
        schedule: Schedule::AlignYourSteps10,
        lay: ays_10,
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::AlignYourSteps32,
        lay: |noising, n, layout| table(noising, n, layout, (&AYS_32, &AYS_32_XL)),
        oracle: "Forge",
    },
    Row {
        schedule: Schedule::AlignYourStepsGits,
        lay: |noising, n, layout| table(noising, n, layout, (&GITS_11, &GITS_11_XL)),
        oracle: "Forge",
    },
    Row {
        schedule: Schedule::Gits,
        lay: gits,
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::Laplace,
        lay: |noising, n, layout| ramp(noising, n, layout, laplace),
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::Lambdas,
        lay: |noising, n, layout| ramp(noising, n, layout, exponential),
        oracle: "diffusers",
    },
    Row {
        schedule: Schedule::Vp,
        lay: vp,
        oracle: "ComfyUI",
    },
    Row {
        schedule: Schedule::BongTangent,
        lay: bong_tangent,
        oracle: "RES4LYF",
    },
    Row {
        schedule: Schedule::Leading,
        lay: |noising, n, layout| respaced(noising, n, layout, Spacing::Leading),
        oracle: "diffusers",
    },
    Row {
        schedule: Schedule::Linspace,
        lay: |noising, n, layout| respaced(noising, n, layout, Spacing::Linspace),
        oracle: "diffusers",
    },
    Row {
        schedule: Schedule::Trailing,
        lay: |noising, n, layout| respaced(noising, n, layout, Spacing::Trailing),
        oracle: "diffusers",
    },
];

/// The row of a schedule.
pub(super) fn row(schedule: Schedule) -> &'static Row {
    // A test holds that every schedule has one.
    ROWS.iter().find(|row| row.schedule == schedule).unwrap_or(&ROWS[0])
}

impl Laid {
    fn by_timesteps(noising: &Noising, timesteps: Vec<f64>) -> Self {
        Self {
            sigmas: timesteps.iter().map(|t| noising.sigma(*t)).collect(),
            timesteps,
            last: None,
        }
    }

    fn by_sigmas(noising: &Noising, sigmas: Vec<f64>, told: Rounding) -> Self {
        Self {
            timesteps: sigmas.iter().map(|s| told.of(noising.timestep(*s))).collect(),
            sigmas,
            last: None,
        }
    }
}

impl Rounding {
    fn of(self, timestep: f64) -> f64 {
        match self {
            Self::Exact => timestep,
            Self::Single => f64::from(timestep as f32),
            Self::Nearest => timestep.round_ties_even(),
            Self::Down => timestep.trunc(),
        }
    }
}

/// As diffusers lays them where no schedule is named: spaced timesteps of the table; for noise that flows
/// FlowMatchEulerDiscreteScheduler's; EDMEulerScheduler's are Karras'.
fn automatic(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    match noising {
        Noising::VariancePreserving { table, .. } => {
            let timesteps = match layout.distilled {
                Some(original) => distilled(table.len(), original, n)?,
                None => spaced(table.len(), n, layout),
            };
            let told = timesteps.into_iter().map(|t| layout.told.of(t)).collect();
            Ok(Laid::by_timesteps(noising, told))
        }
        Noising::Flow { train, .. } => {
            // The scheduler shifts its lowest σ when it is made, and all of them when steps are set. Pipelines that give σs give these.
            let lowest = match layout.timestep_spacing {
                Spacing::Trailing => 1.0 / n as f64,
                Spacing::Leading | Spacing::Linspace => noising.shifted(1.0 / train),
            };
            let even = linspace(1.0, lowest, n).into_iter();
            let sigmas = even.map(|s| Rounding::Single.of(noising.shifted(s))).collect();
            Ok(Laid::by_sigmas(noising, sigmas, layout.told))
        }
        Noising::Edm { .. } => ramp(noising, n, layout, karras),
    }
}

/// A schedule that is a function of its lowest and highest σ and the number of steps.
fn ramp(noising: &Noising, n: usize, layout: &Layout, of: fn(f64, f64, usize) -> Vec<f64>) -> Result<Laid> {
    let (low, high) = ends(noising, n, layout)?;
    let (min, max) = (layout.sigma_min.unwrap_or(low), layout.sigma_max.unwrap_or(high));
    if !(min > 0.0 && min <= max && max <= 1e6) {
        return Err(config_error(
            "sigma_min",
            format!("{min} to {max} is not a range of σ: 0 < sigma_min ≤ sigma_max ≤ 10⁶."),
        ));
    }
    Ok(Laid::by_sigmas(noising, of(min, max, n), layout.told))
}

/// The lowest and highest σ of a ramp. The preconditioning of Karras et al. has none of its own: NaN, which is no range.
fn ends(noising: &Noising, n: usize, layout: &Layout) -> Result<(f64, f64)> {
    Ok(match (noising, layout.ends) {
        (Noising::Edm { .. }, _) => (f64::NAN, f64::NAN),
        (Noising::VariancePreserving { table, .. }, Ends::Trained) => table.ends(),
        (Noising::Flow { train, .. }, _) => (noising.shifted(1.0 / train), 1.0),
        (_, Ends::Visited) => {
            let sigmas = automatic(noising, n, layout)?.sigmas;
            let end = |sigma: Option<&f64>| sigma.copied().unwrap_or(f64::NAN);
            (end(sigmas.last()), end(sigmas.first()))
        }
    })
}

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

/// The first `n` of `parts` timesteps, evenly from the last trained one to the first, both ends included; their σs are read between
/// two in log σ (k-diffusion `DiscreteSchedule.get_sigmas`; with one part more, the `sgm_uniform` of ComfyUI and AUTOMATIC1111).
fn even(noising: &Noising, n: usize, parts: usize) -> Result<Laid> {
    let (first, last) = match noising {
        Noising::VariancePreserving { table, .. } => (0.0, (table.len() - 1) as f64),
        Noising::Flow { train, .. } => (noising.shifted(1.0 / train) * train, *train),
        Noising::Edm { .. } => return Err(config_error("schedule", "this model has no training timesteps.")),
    };
    let timesteps: Vec<f64> = linspace(last, first, parts).into_iter().take(n).collect();
    let sigmas = timesteps.iter().map(|t| match noising {
        Noising::VariancePreserving { table, .. } => table.sigma_by_logs(*t),
        _ => noising.shifted(noising.sigma(*t)),
    });
    Ok(Laid {
        sigmas: sigmas.collect(),
        timesteps: timesteps.iter().map(|t| Rounding::Single.of(*t)).collect(),
        last: None,
    })
}

/// Every train/n-th training timestep from the last one.
fn simple(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    let trained = trained(noising, "simple")?;
    let stride = trained.len() as f64 / n as f64;
    let places = (0..n).map(|k| trained.len() - 1 - (k as f64 * stride) as usize);
    Ok(Laid::by_sigmas(
        noising,
        places.map(|at| trained[at]).collect(),
        layout.told,
    ))
}

/// Every train/n-th training timestep from the second one, as many as there are.
fn ddim_uniform(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    let trained = trained(noising, "ddim_uniform")?;
    let stride = (trained.len() / n).max(1);
    let sigmas: Vec<f64> = trained.iter().skip(1).step_by(stride).copied().rev().collect();
    if sigmas.is_empty() {
        return Err(config_error(
            "schedule",
            "this model has too few training timesteps for ddim_uniform.",
        ));
    }
    Ok(Laid::by_sigmas(noising, sigmas, layout.told))
}

/// Training timesteps at quantiles of the beta distribution, each once.
fn beta_timesteps(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    let trained = trained(noising, "beta")?;
    let last = (trained.len() - 1) as f64;
    let shares = (0..n).map(|k| 1.0 - k as f64 / n as f64);
    let mut places: Vec<usize> = shares
        .map(|p| (quantile(p) * last).round_ties_even() as usize)
        .collect();
    places.dedup();
    Ok(Laid::by_sigmas(
        noising,
        places.into_iter().map(|at| trained[at]).collect(),
        layout.told,
    ))
}

/// σs at quantiles of the beta distribution between two.
fn betas(min: f64, max: f64, steps: usize) -> Vec<f64> {
    let shares = linspace(0.0, 1.0, steps).into_iter();
    shares.map(|t| min + quantile(1.0 - t) * (max - min)).collect()
}

/// Evenly in arctan σ; the highest where there is one alone.
fn kl_optimal(min: f64, max: f64, steps: usize) -> Vec<f64> {
    let between = |t: f64| (t * min.atan() + (1.0 - t) * max.atan()).tan();
    linspace(0.0, 1.0, steps).into_iter().map(between).collect()
}

/// Quantiles of ln σ's Laplace distribution about 0 with scale ½, within the two.
fn laplace(min: f64, max: f64, steps: usize) -> Vec<f64> {
    const SCALE: f64 = 0.5;
    const TRACE: f64 = 1e-5;
    let at = |t: f64| {
        let way = 0.5 - t;
        let sign = if way == 0.0 { 0.0 } else { way.signum() };
        let log = -SCALE * sign * (1.0 - 2.0 * way.abs() + TRACE).ln();
        log.exp().clamp(min, max)
    };
    linspace(0.0, 1.0, steps).into_iter().map(at).collect()
}

/// Half of the steps take a fortieth of the way, the others the rest in a parabola.
fn linear_quadratic(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    const THRESHOLD: f64 = 0.025;
    let high = ends(noising, n, layout)?.1;
    let (steps, linear) = (n as f64, (n / 2) as f64);
    let quadratic = steps - linear;
    let rest = linear - THRESHOLD * steps;
    let (bend, slope) = (
        rest / (linear * quadratic * quadratic),
        THRESHOLD / linear - 2.0 * rest / (quadratic * quadratic),
    );
    let at = |k: usize| {
        let i = k as f64;
        match k {
            0 => 0.0,
            _ if i < linear => i * THRESHOLD / linear,
            _ => bend * i * i + slope * i + bend * linear * linear,
        }
    };
    let sigmas = (0..n).map(|k| (1.0 - at(k)) * high).collect();
    Ok(Laid::by_sigmas(noising, sigmas, layout.told))
}

/// The continuous noise of Song et al. 2021 (arXiv 2011.13456) with its βs of 0.1 and 20, from its end down to a thousandth of its time.
fn vp(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    const SPREAD: f64 = 19.9;
    const LEAST: f64 = 0.1;
    if !matches!(noising, Noising::VariancePreserving { .. }) {
        return Err(config_error(
            "schedule",
            "VP is for models whose noise preserves variance, such as Stable Diffusion: choose another for this one.",
        ));
    }
    let at = |t: f64| (SPREAD * t * t / 2.0 + LEAST * t).exp_m1().sqrt();
    let sigmas = linspace(1.0, 1e-3, n).into_iter().map(at).collect();
    Ok(Laid::by_sigmas(noising, sigmas, layout.told))
}

/// σs from 1 to ½ and from there to 0 along arcs of the arctangent, which are steepest where they meet.
fn bong_tangent(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    const MIDDLE: f64 = 0.5;
    const PIVOT: f64 = 0.6;
    if !matches!(noising, Noising::Flow { .. }) {
        return Err(config_error(
            "schedule",
            "Bong Tangent is for models whose noise flows: choose Karras for this one.",
        ));
    }
    if n == 1 {
        // One arc of them has no length there.
        return Ok(Laid::by_sigmas(noising, vec![1.0], layout.told));
    }
    let places = n + 2;
    let first = (places as f64 * (PIVOT + PIVOT) / 2.0) as usize;
    let pivot = (places as f64 * PIVOT) as usize as f64;
    let slope = 0.2 / (places as f64 / 40.0);
    let arc = |count: usize, pivot: f64, from: f64, to: f64| {
        let at = move |x: f64| std::f64::consts::FRAC_2_PI * (-slope * (x - pivot)).atan();
        let (most, least) = (at(0.0), at(count as f64 - 1.0));
        let along = move |x: usize| (at(x as f64) - least) / (most - least) * (from - to) + to;
        (0..count).map(along)
    };
    let down = arc(first, pivot, 1.0, MIDDLE).take(first - 1);
    let mut sigmas: Vec<f64> = down
        .chain(arc(places - first, pivot - first as f64, MIDDLE, 0.0))
        .collect();
    sigmas.truncate(n);
    Ok(Laid::by_sigmas(noising, sigmas, layout.told))
}

/// A table's σs, between them in log σ where there are more or fewer steps.
fn table(noising: &Noising, n: usize, layout: &Layout, (sd, xl): (&[f64], &[f64])) -> Result<Laid> {
    optimised(noising)?;
    let values = if layout.xl { xl } else { sd };
    Ok(Laid::by_sigmas(noising, between(values, n), layout.told))
}

/// The table whose last σ gives way to the end.
fn ays_10(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    optimised(noising)?;
    let values: &[f64] = if layout.xl { &AYS_10_XL } else { &AYS_10 };
    let mut sigmas = between(values, n + 1);
    sigmas.truncate(n);
    Ok(Laid::by_sigmas(noising, sigmas, layout.told))
}

/// GITS' table for that many steps; for more the longest, between its σs in log σ. One step has none: it begins where two do.
fn gits(noising: &Noising, n: usize, layout: &Layout) -> Result<Laid> {
    optimised(noising)?;
    let row = GITS[n.clamp(2, GITS.len() + 1) - 2];
    let mut sigmas = between(row, n.max(2) + 1);
    sigmas.truncate(n);
    Ok(Laid::by_sigmas(noising, sigmas, layout.told))
}

/// `n` of a table's falling values, evenly over its places, in between linear in the logarithm.
fn between(values: &[f64], n: usize) -> Vec<f64> {
    if n == values.len() {
        return values.to_vec();
    }
    let last = values.len() - 1;
    // From the low end, as the scripts that published the tables do: one value alone is the lowest.
    let place = |k: usize| {
        if n == 1 {
            0.0
        } else {
            k as f64 / (n - 1) as f64 * last as f64
        }
    };
    let at = |place: f64| {
        let below = (place.floor() as usize).min(last.saturating_sub(1));
        let (a, b) = (values[last - below].ln(), values[last - below - 1].ln());
        (a + (b - a) * (place - below as f64)).exp()
    };
    (0..n).rev().map(|k| at(place(k))).collect()
}

/// Refuses a table that was optimised for other models.
fn optimised(noising: &Noising) -> Result<()> {
    match noising {
        Noising::VariancePreserving { .. } => Ok(()),
        _ => Err(config_error(
            "schedule",
            "this one was optimised for Stable Diffusion: choose another for this model.",
        )),
    }
}

/// σs of training timesteps, the lowest first.
fn trained(noising: &Noising, schedule: &str) -> Result<Vec<f64>> {
    let none = || {
        config_error(
            "schedule",
            format!("this model has no training timesteps, of which {schedule} is made."),
        )
    };
    noising.trained().filter(|trained| !trained.is_empty()).ok_or_else(none)
}

/// As diffusers spaces timesteps where the configuration asks for that spacing.
fn respaced(noising: &Noising, n: usize, layout: &Layout, spacing: Spacing) -> Result<Laid> {
    if !matches!(noising, Noising::VariancePreserving { .. }) {
        return Err(config_error(
            "schedule",
            "this model's timesteps are not spaced: choose another schedule.",
        ));
    }
    let layout = Layout {
        timestep_spacing: spacing,
        distilled: None,
        ..layout.clone()
    };
    automatic(noising, n, &layout)
}

/// The σs or timesteps that were listed in place of a schedule; `None` where none were.
///
/// # Errors
/// `Error::Config` for both, for values that do not fall, and for those that the model's noise has not.
pub(super) fn listed(noising: &Noising, tuning: &Tuning, layout: &Layout) -> Result<Option<Laid>> {
    let falls = |name: &str, values: &[f64]| {
        let sound = values.iter().all(|v| v.is_finite() && *v >= 0.0) && values.windows(2).all(|w| w[0] > w[1]);
        if sound {
            Ok(())
        } else {
            Err(config_error(
                name,
                "the list must fall from value to value, down to 0 at most.",
            ))
        }
    };
    match (tuning.sigmas.as_slice(), tuning.timesteps.as_slice()) {
        ([], []) => Ok(None),
        (sigmas, []) => {
            falls("sigmas", sigmas)?;
            let steps = tuning.listed();
            let most = if matches!(noising, Noising::Flow { .. }) {
                1.0
            } else {
                1e6
            };
            if steps == 0 || sigmas[0] > most {
                return Err(config_error(
                    "sigmas",
                    format!("the list must begin between 0 and {most}."),
                ));
            }
            let laid = Laid::by_sigmas(noising, sigmas[..steps].to_vec(), layout.told);
            Ok(Some(Laid {
                last: Some(0.0),
                ..laid
            }))
        }
        ([], timesteps) => {
            falls("timesteps", timesteps)?;
            let last = match noising {
                Noising::VariancePreserving { table, .. } => (table.len() - 1) as f64,
                Noising::Flow { train, .. } => *train,
                Noising::Edm { .. } => f64::INFINITY,
            };
            if timesteps[0] > last {
                return Err(config_error(
                    "timesteps",
                    format!("{} is above the model's last, {last}.", timesteps[0]),
                ));
            }
            let laid = Laid::by_timesteps(noising, timesteps.to_vec());
            Ok(Some(Laid {
                last: Some(0.0),
                ..laid
            }))
        }
        _ => Err(config_error(
            "sigmas",
            "there are timesteps too: leave one of the lists out.",
        )),
    }
}
