//! How clean samples and noise mix in a family of models, and what its network says of a mixture. Plans are computed from it and
//! samplers ask for denoised samples through it ([`super::run`]); which σs are visited is the plan's business.
//!
//! The state of a sampler at σ is a mixture of the family's own: `clean + σ·noise` where noise grows without bound (variance
//! preserving models in k-diffusion's frame, EDM), `(1 − σ)·clean + σ·noise` where it flows.

use tch::Tensor;

use super::prediction::Implies;
use super::table::NoiseTable;
use super::{Level, Prediction};

/// The last σ's neighbourhood of 0, where a shift of t divides by it.
const LEAST: f64 = 1e-12;

/// The trace of the clean sample in what counts as pure noise where a ratio to it is needed, before the shift.
const TRACE: f64 = 1e-4;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub enum Noising {
    /// Stable Diffusion and its kin: the network reads inputs of unit variance and training timesteps.
    VariancePreserving {
        /// σ of every training timestep.
        table: NoiseTable,
        /// What its output means.
        prediction: Prediction,
    },
    /// Flow matching (Lipman et al. 2022, arXiv 2210.02747; rectified flow): the output is the velocity `noise − clean`.
    Flow {
        /// How far the σs of a schedule are pushed toward noise, 1 for not at all (Esser et al. 2024, arXiv 2403.03206, eq. 23).
        shift: f64,
        /// Training timesteps: the network is told `σ · train`.
        train: f64,
    },
    /// The preconditioning of Karras et al. 2022 (arXiv 2206.00364, table 1): the network is told `ln σ / 4`.
    Edm {
        /// Standard deviation of clean samples.
        data: f64,
    },
}

impl Noising {
    /// What the network is told at σ.
    pub fn timestep(&self, sigma: f64) -> f64 {
        match self {
            Self::VariancePreserving { table, .. } => table.timestep(sigma),
            Self::Flow { train, .. } => sigma * train,
            Self::Edm { .. } => sigma.max(LEAST).ln() / 4.0,
        }
    }

    /// σ where the network is told `timestep`; the other way round of [`Self::timestep`].
    pub fn sigma(&self, timestep: f64) -> f64 {
        match self {
            Self::VariancePreserving { table, .. } => table.sigma(timestep),
            Self::Flow { train, .. } => timestep / train,
            Self::Edm { .. } => (timestep * 4.0).exp(),
        }
    }

    /// The network's input for the state `x` at σ.
    pub fn input(&self, x: &Tensor, sigma: f64) -> Tensor {
        match self {
            Self::VariancePreserving { .. } => x * Level::from_sigma(sigma).alpha,
            Self::Flow { .. } => x.shallow_clone(),
            Self::Edm { data } => x * (1.0 / sigma.hypot(*data)),
        }
    }

    /// The clean sample that `output` implies for the state `x` at σ, of which `input` was made.
    pub fn clean(&self, x: &Tensor, input: &Tensor, output: &Tensor, sigma: f64) -> Tensor {
        match self {
            Self::VariancePreserving { prediction, .. } => prediction.clean(input, output, Level::from_sigma(sigma)),
            Self::Flow { .. } => x - output * sigma,
            Self::Edm { data } => {
                let (sum, root) = (sigma * sigma + data * data, sigma.hypot(*data));
                x * (data * data / sum) + output * (sigma * data / root)
            }
        }
    }

    /// The state at σ of a clean sample and unit noise of one shape.
    pub fn noised(&self, clean: &Tensor, noise: &Tensor, sigma: f64) -> Tensor {
        match self {
            Self::Flow { .. } => clean * (1.0 - sigma) + noise * sigma,
            Self::VariancePreserving { .. } | Self::Edm { .. } => clean + noise * sigma,
        }
    }

    /// The share of noise in the first state where there is no clean sample yet.
    pub fn init_scale(&self, sigma: f64) -> f64 {
        match self {
            Self::Flow { .. } | Self::VariancePreserving { .. } => sigma,
            Self::Edm { data } => sigma.hypot(*data),
        }
    }

    /// The share of the clean sample in a state at σ.
    pub fn alpha(&self, sigma: f64) -> f64 {
        match self {
            Self::Flow { .. } => 1.0 - sigma,
            Self::VariancePreserving { .. } | Self::Edm { .. } => 1.0,
        }
    }

    /// Noise by clean sample in a state at σ: e^−λ, λ half the logarithm of the ratio of signal to noise. Infinite where a flow is
    /// nothing but noise.
    pub fn ratio(&self, sigma: f64) -> f64 {
        match self {
            Self::Flow { .. } => sigma / (1.0 - sigma),
            Self::VariancePreserving { .. } | Self::Edm { .. } => sigma,
        }
    }

    /// σ of that ratio.
    pub fn at_ratio(&self, ratio: f64) -> f64 {
        match self {
            Self::Flow { .. } => ratio / (1.0 + ratio),
            Self::VariancePreserving { .. } | Self::Edm { .. } => ratio,
        }
    }

    /// σ, and a trace less where that would be a flow's pure noise: as far down as a ten-thousandth of the way is.
    pub fn with_trace(&self, sigma: f64) -> f64 {
        match self {
            Self::Flow { .. } if sigma >= 1.0 => self.shifted(1.0 - TRACE),
            _ => sigma,
        }
    }

    /// σ of the training timesteps, the lowest first, where there are such: a flow's as ComfyUI counts them, from 1.
    pub fn trained(&self) -> Option<Vec<f64>> {
        match self {
            Self::VariancePreserving { table, .. } => Some((0..table.len()).map(|t| table.sigma(t as f64)).collect()),
            Self::Flow { train, .. } => Some((1..=*train as usize).map(|t| self.shifted(t as f64 / train)).collect()),
            Self::Edm { .. } => None,
        }
    }

    /// σ after the shift of a flow.
    pub fn shifted(&self, sigma: f64) -> f64 {
        match self {
            Self::Flow { shift, .. } => shift * sigma / (1.0 + (shift - 1.0) * sigma),
            Self::VariancePreserving { .. } | Self::Edm { .. } => sigma,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::sampling::SchedulerConfig;

    fn table() -> NoiseTable {
        NoiseTable::new(&SchedulerConfig::default()).unwrap()
    }

    fn all() -> [Noising; 5] {
        let preserving = |prediction| Noising::VariancePreserving {
            table: table(),
            prediction,
        };
        [
            preserving(Prediction::Epsilon),
            preserving(Prediction::VPrediction),
            preserving(Prediction::Sample),
            Noising::Flow {
                shift: 3.0,
                train: 1000.0,
            },
            Noising::Edm { data: 0.5 },
        ]
    }

    /// What a network that knows the truth answers.
    fn truth(noising: &Noising, clean: &Tensor, noise: &Tensor, sigma: f64) -> Tensor {
        let Level { alpha, sigma: share } = Level::from_sigma(sigma);
        match noising {
            Noising::VariancePreserving { prediction, .. } => match prediction {
                Prediction::Epsilon => noise.shallow_clone(),
                Prediction::VPrediction => noise * alpha - clean * share,
                Prediction::Sample => clean.shallow_clone(),
            },
            Noising::Flow { .. } => noise - clean,
            // Table 1: c_out·F = clean − c_skip·x.
            Noising::Edm { data } => {
                let x = clean + noise * sigma;
                let skip = data * data / (sigma * sigma + data * data);
                (clean - x * skip) * (sigma.hypot(*data) / (sigma * data))
            }
        }
    }

    #[rstest]
    fn every_family_finds_the_clean_sample(#[values(0.03, 0.5, 0.97)] sigma: f64) {
        let (clean, noise) = (
            Tensor::from_slice(&[0.5, -2.0, 3.0]),
            Tensor::from_slice(&[1.0, 0.25, -0.5]),
        );
        for noising in all() {
            let x = noising.noised(&clean, &noise, sigma);
            let input = noising.input(&x, sigma);
            let found = noising.clean(&x, &input, &truth(&noising, &clean, &noise, sigma), sigma);
            assert!(found.allclose(&clean, 1e-9, 1e-9, false), "{noising:?} at {sigma}");
        }
    }

    #[rstest]
    #[case(0.05)]
    #[case(0.4)]
    #[case(0.9)]
    fn timesteps_and_sigmas_name_each_other(#[case] sigma: f64) {
        for noising in all() {
            let back = noising.sigma(noising.timestep(sigma));
            // A table is read linearly in σ one way and in log σ the other, as diffusers does: apart by an eighth of the square of
            // the distance of its entries, which is 0.06 here.
            assert!((back / sigma - 1.0).abs() < 5e-4, "{noising:?}: {back}, not {sigma}");
        }
    }

    #[rstest]
    #[case(1.0, 0.3, 0.3)]
    #[case(3.0, 0.5, 0.75)]
    #[case(3.0, 1.0, 1.0)]
    #[case(3.0, 0.0, 0.0)]
    fn a_shift_pushes_toward_noise(#[case] shift: f64, #[case] sigma: f64, #[case] expected: f64) {
        let flow = Noising::Flow { shift, train: 1000.0 };
        assert!((flow.shifted(sigma) - expected).abs() < 1e-12);
    }
}
