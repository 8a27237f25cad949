//! What a person asks of a sampler beside its name, its schedule and its steps: η, churn, orders, thresholding, lists of σs. A plan
//! carries what of it its sampler takes, `samplers.rs` says which that is, and [`super::Plan::tuned`] names the rest to the person.

use darkroom_protocol::task::Sampling;

/// Options of samplers. What is not given is the sampler's own default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuning {
    /// How much of a step is noise, 0 to 1 and beyond.
    pub eta: Option<f64>,
    /// Noise thrown in before steps, over all of them (Karras et al. 2022, table 5).
    pub s_churn: Option<f64>,
    /// The lowest σ at which that is done.
    pub s_tmin: Option<f64>,
    /// The highest σ at which that is done.
    pub s_tmax: Option<f64>,
    /// What noise on the way is scaled with.
    pub s_noise: Option<f64>,
    /// The highest order of a step.
    pub order: Option<usize>,
    /// Whether the last steps are of lower order.
    pub lower_order_final: Option<bool>,
    /// Whether clean samples are kept within bounds.
    pub thresholding: bool,
    /// Whether βs are rescaled so that the last training timestep is pure noise.
    pub zero_snr: bool,
    /// How far a flow's σs are pushed toward noise.
    pub shift: Option<f64>,
    /// σs to visit in place of a schedule's, descending.
    pub sigmas: Vec<f64>,
    /// Timesteps to visit in place of a schedule's, descending.
    pub timesteps: Vec<f64>,
    /// Whether the noise on the way has a seed of its own.
    pub seed_delta: bool,
    /// Whether the model is an SDXL, for which some schedules have a table of their own.
    pub xl: bool,
}

/// An option that some samplers take and others have no use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knob {
    Eta,
    Churn,
    Noise,
    Order,
    LowerOrderFinal,
    Thresholding,
}

impl Knob {
    pub const ALL: [Self; 6] = [
        Self::Eta,
        Self::Churn,
        Self::Noise,
        Self::Order,
        Self::LowerOrderFinal,
        Self::Thresholding,
    ];

    /// The parameters that ask for it.
    pub fn parameters(self) -> &'static str {
        match self {
            Self::Eta => "eta",
            Self::Churn => "s_churn, s_tmin, s_tmax",
            Self::Noise => "s_noise",
            Self::Order => "solver_order",
            Self::LowerOrderFinal => "lower_order_final",
            Self::Thresholding => "thresholding",
        }
    }

    fn is_given(self, tuning: &Tuning) -> bool {
        match self {
            Self::Eta => tuning.eta.is_some(),
            Self::Churn => [tuning.s_churn, tuning.s_tmin, tuning.s_tmax]
                .iter()
                .any(Option::is_some),
            Self::Noise => tuning.s_noise.is_some(),
            Self::Order => tuning.order.is_some(),
            Self::LowerOrderFinal => tuning.lower_order_final.is_some(),
            Self::Thresholding => tuning.thresholding,
        }
    }

    fn take_back(self, tuning: &mut Tuning) {
        match self {
            Self::Eta => tuning.eta = None,
            Self::Churn => (tuning.s_churn, tuning.s_tmin, tuning.s_tmax) = (None, None, None),
            Self::Noise => tuning.s_noise = None,
            Self::Order => tuning.order = None,
            Self::LowerOrderFinal => tuning.lower_order_final = None,
            Self::Thresholding => tuning.thresholding = false,
        }
    }
}

impl Tuning {
    /// What a task says of it.
    pub fn of(task: &Sampling, xl: bool) -> Self {
        // The table has passed them; a task from elsewhere is not believed, and NaN is refused with the list.
        let list = |words: &[String]| words.iter().map(|word| word.parse().unwrap_or(f64::NAN)).collect();
        Self {
            eta: task.eta,
            s_churn: task.s_churn,
            s_tmin: task.s_tmin,
            s_tmax: task.s_tmax,
            s_noise: task.s_noise,
            order: task.solver_order.map(|order| order as usize),
            lower_order_final: task.lower_order_final,
            thresholding: task.thresholding,
            zero_snr: task.rescale_betas,
            shift: task.shift,
            sigmas: list(&task.sigmas),
            timesteps: list(&task.timesteps),
            seed_delta: task.eta_noise_seed_delta != 0,
            xl,
        }
    }

    /// Takes back what is not among `takes`, and says what that was.
    pub(super) fn keep(&mut self, takes: &[Knob]) -> Vec<Knob> {
        let given = Knob::ALL.into_iter().filter(|knob| knob.is_given(self));
        let useless: Vec<Knob> = given.filter(|knob| !takes.contains(knob)).collect();
        useless.iter().for_each(|knob| knob.take_back(self));
        useless
    }

    /// How many steps its lists have.
    pub(super) fn listed(&self) -> usize {
        let ends = usize::from(self.sigmas.last() == Some(&0.0));
        if self.sigmas.is_empty() {
            self.timesteps.len()
        } else {
            self.sigmas.len() - ends
        }
    }

    /// γ of a step: by which part of itself σ grows before it, of a run of so many steps.
    pub(super) fn churn(&self, sigma: f64, steps: usize) -> f64 {
        let within = self.s_tmin.unwrap_or(0.0) <= sigma && sigma <= self.s_tmax.unwrap_or(f64::INFINITY);
        let share = self.s_churn.unwrap_or(0.0) / steps as f64;
        if within {
            share.min(std::f64::consts::SQRT_2 - 1.0)
        } else {
            0.0
        }
    }
}
