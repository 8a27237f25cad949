//! How the σs of a denoise loop are laid. Each schedule is a row of one table: a pure function of how the model's noise mixes, the
//! number of steps and a [`Layout`], in which whatever the classes of diffusers do differently is a value. [`super::draft`] calls
//! them; which sampler runs afterwards is not known here. To add a schedule, write its function and its row.

use darkroom_protocol::Schedule;

use super::noising::Noising;
use super::spacing::{linspace, spaced};
use super::{Spacing, config_error};
use crate::Result;

/// A schedule's row.
pub(super) struct Row {
    pub schedule: Schedule,
    pub lay: fn(&Noising, usize, &Layout) -> Result<Laid>,
}

/// σ before each step, descending, and what the network is told there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Laid {
    pub sigmas: Vec<f64>,
    pub timesteps: Vec<f64>,
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

const ROWS: [Row; 5] = [
    Row {
        schedule: Schedule::Auto,
        lay: automatic,
    },
    Row {
        schedule: Schedule::Karras,
        lay: |noising, n, layout| ramp(noising, n, layout, karras),
    },
    Row {
        schedule: Schedule::Exponential,
        lay: |noising, n, layout| ramp(noising, n, layout, exponential),
    },
    Row {
        schedule: Schedule::Normal,
        lay: |noising, n, _| even(noising, n, n),
    },
    Row {
        schedule: Schedule::SgmUniform,
        lay: |noising, n, _| even(noising, n, n + 1),
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
        }
    }

    fn by_sigmas(noising: &Noising, sigmas: Vec<f64>, told: Rounding) -> Self {
        Self {
            timesteps: sigmas.iter().map(|s| told.of(noising.timestep(*s))).collect(),
            sigmas,
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
            let timesteps = spaced(table.len(), n, layout);
            let told = timesteps.into_iter().map(|t| layout.told.of(t)).collect();
            Ok(Laid::by_timesteps(noising, told))
        }
        Noising::Flow { train, .. } => {
            // The scheduler shifts its lowest σ when it is made, and all of them when steps are set.
            let even = linspace(1.0, noising.shifted(1.0 / train), n).into_iter();
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
        (Noising::Flow { train, .. }, Ends::Trained) => (noising.shifted(1.0 / train), 1.0),
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
    })
}
